"""A team's registry, made once and copied for each test that asks for it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import gitreg
from testing import churn
from testing.gitcli import git
from testing.promoted import History
from testing.staged import team
from testing.team import Member


@pytest.fixture(scope="session")
def made(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> History:
    """As testing/staged.py makes it."""
    return team(tmp_path_factory.mktemp("team"))


@pytest.fixture
def story(made: History, tmp_path: Path) -> History:
    """A copy of it, which is the registry that is meant."""
    before, folder = made.place, tmp_path / "team"
    assert before.origin is not None
    for path in (before.path, before.origin):
        shutil.copytree(path, folder / path.name)
    here, origin = folder / before.path.name, folder / before.origin.name
    git(here, "remote", "set-url", "origin", origin)
    git(here, "config", "gitreg.payloads", origin / "payloads")
    git(here, "update-index", "-q", "--refresh")
    gitreg.use(here)
    place = replace(before, path=here, origin=origin, payloads=origin / "payloads")
    return History(place, when=made.when)


@pytest.fixture(scope="session")
def churn_made(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As testing/churn.py makes it."""
    return churn.make(tmp_path_factory.mktemp("churn"))


@pytest.fixture
def ana(churn_made: Path, tmp_path: Path) -> Member:
    """Who made a registry with three versions of churn, and no policy."""
    return churn.copied(churn_made, tmp_path)[0]


@pytest.fixture
def both(churn_made: Path, tmp_path: Path) -> tuple[Member, Member]:
    """Ana and Bo, who have a policy: production comes after staging, by approval, and bo may in an emergency."""
    return churn.copied(churn_made, tmp_path, churn.POLICY)
