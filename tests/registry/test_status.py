"""What `status` tells: what is here, what is only here, and how old that knowledge is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gitreg.errors import NotFound
from gitreg.registry.care.status import status
from gitreg.registry.journal import open_journal
from gitreg.registry.place import open_registry
from gitreg.registry.push import fetch
from gitreg.registry.runs.open_run import start_run
from gitreg.registry.start.init import init
from gitreg.registry.wishes import Wish, keep_wish
from testing.clock import START, Clock
from testing.gitcli import git, snapshot


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry with an origin."""
    init(tmp_path / "r", origin=tmp_path / "o.git")
    return tmp_path / "r"


def add_run(registry: Path, run_id: str) -> None:
    with start_run(run_id=run_id, registry=registry):
        pass


def test_a_new_registry_without_an_origin(tmp_path: Path) -> None:
    init(tmp_path / "r")
    told = status(tmp_path / "r")
    assert told.to_dict() == {
        "where": str(tmp_path / "r"),
        "branch": "main",
        "origin": "",
        "payloads": str(tmp_path / "r/.git/gitreg/cache"),
        "format": 1,
        "models": 0,
        "versions": 0,
        "runs": 0,
        "open_runs": [],
        "unpushed": [],
        "wishes": [],
        "pulls": [],
        "fetched": "",
        "stale": False,
    }


def test_what_is_here_and_what_of_it_the_origin_has_not(registry: Path, tmp_path: Path) -> None:
    for run_id in ("one", "two", "three"):
        add_run(registry, run_id)
    git(registry, "push", "-q", "origin", "run/two")
    for name in ("churn@v1.0.0", "churn@1", "churn@v1.1.0", "churn@2", "churn@v1.0.0!", "price@v0.1.0", "price@1", "x"):
        git(registry, "tag", name, "run/one")
    told = status(registry)
    assert (told.models, told.versions, told.runs) == (2, 3, 3)
    assert (told.unpushed, told.stale) == (("one", "three"), False)
    assert (told.origin, told.payloads) == (str(tmp_path / "o.git"), str(tmp_path / "o.git/payloads"))
    json.dumps(told.to_dict())


def test_a_run_that_differs_at_the_origin_is_not_there(registry: Path, tmp_path: Path) -> None:
    add_run(registry, "one")
    git(tmp_path / "o.git", "update-ref", "refs/tags/run/one", "main")
    assert status(registry).unpushed == ("one",)


def test_open_runs_and_wishes_are_told(registry: Path) -> None:
    state = open_registry(registry).state
    running = open_journal(state, "live", afresh=False)
    dead = open_journal(state, "dead", afresh=False)
    for journal in (running, dead):
        journal.append({"event": "start", "name": "n", "started": START, "source": {}, "tags": {}})
    dead.close(remove=False)
    keep_wish(state, Wish("one", "model", "churn"))
    told = status(registry)
    running.close(remove=False)
    assert [(run.id, run.status) for run in told.open_runs] == [("dead", "interrupted"), ("live", "running")]
    assert told.wishes == ("run:one/model as churn",)
    json.dumps(told.to_dict())


@pytest.mark.parametrize("reason", ["gone", "offline"])
def test_without_the_origin_what_is_known_is_told_as_stale(
    registry: Path, tmp_path: Path, reason: str, fixed_clock: Clock
) -> None:
    fetch(registry=registry)
    fixed_clock.advance(3600)
    add_run(registry, "one")
    if reason == "gone":
        shutil.move(tmp_path / "o.git", tmp_path / "away.git")
    told = status(registry, offline=reason == "offline")
    assert (told.unpushed, told.stale, told.fetched) == (None, True, "2026-03-02T09:30:00.000Z")
    assert (told.runs, told.origin) == (1, str(tmp_path / "o.git"))


def test_the_last_fetch_is_remembered(registry: Path, fixed_clock: Clock) -> None:
    fetch(registry=registry)
    assert status(registry).fetched == "2026-03-02T09:30:00.000Z"
    fixed_clock.advance(60)
    place = open_registry(registry)
    place.remember_fetch()
    assert place.last_fetch() == status(registry).fetched == "2026-03-02T09:31:00.000Z"
    (place.state / "fetched").write_bytes(b"\xff")
    assert place.last_fetch() == ""


def test_a_plain_clone_and_an_address_have_a_status_too(registry: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", tmp_path / "o.git", "clone")
    told = status(tmp_path / "clone")
    assert (told.where, told.fetched, told.unpushed) == (str(tmp_path / "clone"), "", ())
    bare = status(tmp_path / "o.git")
    assert (bare.where, bare.origin, bare.branch) == (str(tmp_path / "o.git"), "", "main")


def test_beside_code_the_branch_is_told(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "train.py").write_text("x")
    init(tmp_path)
    before = snapshot(tmp_path)
    assert status(tmp_path).branch == "gitreg"
    assert snapshot(tmp_path) == before


def test_no_registry_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        status(tmp_path)
