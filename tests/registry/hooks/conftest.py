"""A clone whose origin judges every push."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.hooks.install import install
from testing.gitcli import git
from testing.registries import Place, cloned, log

Push = Callable[..., str]


@pytest.fixture
def guarded(tmp_path: Path) -> Place:
    """A clone of an origin with the server's hook: the registry that is meant."""
    found = cloned(tmp_path / "registry")
    assert found.origin
    install(found.origin, server=True)
    gitreg.use(found.path)
    return found


@pytest.fixture
def refused(tmp_path: Path) -> Push:
    """Push refspecs with plain git, all or none, which the hook must refuse; what it says."""

    def push(*refspecs: str) -> str:
        command = ["git", "push", "--atomic", "origin", *refspecs]
        done = subprocess.run(command, cwd=tmp_path / "registry", capture_output=True, text=True, check=False)
        assert done.returncode, done.stderr
        assert "pre-receive hook declined" in done.stderr, done.stderr
        said = (line.removeprefix("remote: ").rstrip() for line in done.stderr.splitlines() if "remote: " in line)
        return "\n".join(said)

    return push


@pytest.fixture(scope="session")
def _two_versions(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    found = cloned(tmp_path_factory.mktemp("two") / "registry")
    assert found.origin
    install(found.origin, server=True)
    gitreg.use(found.path)
    made = [log(factor, "churn").version for factor in (2, 3)]
    assert made == ["churn@v0.1.0", "churn@v0.2.0"]
    return found


@pytest.fixture
def two(_two_versions: Place, tmp_path: Path) -> Place:
    """The same with two versions of churn, which came through the hook: the registry that is meant."""
    assert _two_versions.origin
    found = Place(tmp_path / "registry", tmp_path / "registry-origin.git", tmp_path / "registry-origin.git/payloads")
    assert found.origin
    shutil.copytree(_two_versions.path, found.path)
    shutil.copytree(_two_versions.origin, found.origin)
    git(found.path, "remote", "set-url", "origin", found.origin)
    git(found.path, "config", "gitreg.payloads", found.payloads)
    gitreg.use(found.path)
    return found
