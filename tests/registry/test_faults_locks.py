"""Locks that a killed git left: who needs them not works, and who does says which, waits a while and can be rerun."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Unreachable
from gitreg.registry import publish
from gitreg.registry import register as registering
from gitreg.registry.care.doctor import doctor
from gitreg.registry.care.status import status
from gitreg.stores.git import Locked
from gitreg.stores.git import program as git_program
from gitreg.stores.git import repository as git_store
from testing.aftermath import clean
from testing.commandline import gitreg as typed
from testing.gitcli import git
from testing.registries import Place, log


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for as briefly as possible."""
    guards = tuple(guard.replace("Timeout=2000", "Timeout=20") for guard in git_program._GUARDS)
    monkeypatch.setattr(git_program, "_GUARDS", guards)
    monkeypatch.setattr(git_store, "_PATIENCE", 0.0)
    monkeypatch.setattr(publish, "_PAUSES", (0.01,))
    monkeypatch.setattr(registering, "_PATIENCE", 0.0)


def folder(place: Place, where: str) -> Path:
    assert place.origin
    return place.path / ".git" if where == "here" else place.origin


def lock(place: Place, where: str, name: str) -> Path:
    """Lay a lock, as a git that was killed leaves it."""
    found = folder(place, where) / f"{name}.lock"
    found.parent.mkdir(parents=True, exist_ok=True)
    found.touch()
    return found


@pytest.mark.parametrize("where", ["here", "origin"])
@pytest.mark.parametrize("name", ["index", "packed-refs", "shallow", "config", "HEAD"])
def test_locks_that_nothing_here_needs_keep_nobody_waiting(
    clone: Place, tmp_path: Path, impatient: None, name: str, where: str
) -> None:
    held = lock(clone, where, name)
    log(2, "churn", run_id="one")
    log(3, run_id="two")
    assert gitreg.push("two").runs == ("two",)
    assert gitreg.register("run:two", "churn").number == 2
    gitreg.note("churn@1", {"owner": "risk"})
    assert gitreg.retire("churn@1", "old").retired
    assert gitreg.fetch() == 0
    assert (gitreg.pull("churn", tmp_path / "out") / "model.pkl").exists()
    held.unlink()
    clean(clone)


def refused(held: Path, call: Callable[[], object]) -> None:
    """Assert that `call` says which lock is in its way, and that trying again may help."""
    with pytest.raises(Locked) as wrong:
        call()
    assert f"{held} is in the way" in wrong.value.message
    assert (wrong.value.exit_code, "gitreg doctor" in wrong.value.hint) == (75, True)
    found = [finding for finding in doctor() if finding.name == "locks"]
    assert [str(held) in finding.message for finding in found] == [True]
    assert f"rm {shlex.quote(str(held))}" in found[0].hint


@pytest.mark.parametrize("tag", ["churn@1", "churn@v0.1.0"])
def test_a_locked_tag_here_keeps_no_version_from_the_origin_and_the_same_again_brings_it(
    clone: Place, impatient: None, tag: str
) -> None:
    logged = log(2, run_id="one")
    held = lock(clone, "here", f"refs/tags/{tag}")
    refused(held, lambda: gitreg.register(logged, "churn"))
    assert clone.at_origin("churn*") == ["churn@1", "churn@v0.1.0"]
    assert status().wishes == ("run:one/model as churn",)
    refused(held, lambda: gitreg.register(logged, "churn"))
    held.unlink()
    assert gitreg.register(logged, "churn").number == 1
    assert clone.at_origin() == ["churn@1", "churn@v0.1.0", "run/one"]
    clean(clone)


@pytest.mark.parametrize("tag", ["churn@1", "churn@v0.1.0", "run/one"])
def test_a_locked_tag_at_the_origin_ends_with_75_and_leaves_no_tag_here(
    clone: Place, impatient: None, tag: str
) -> None:
    log(2, run_id="one")
    before = clone.tags()
    held = lock(clone, "origin", f"refs/tags/{tag}")
    refused(held, lambda: gitreg.register("run:one", "churn"))
    ended = typed("register", "run:one", "churn")
    assert (ended.code, str(held) in ended.err) == (75, True)
    assert "gitreg push completes it" in ended.err
    assert (clone.tags(), clone.at_origin()) == (before, [])
    held.unlink()
    assert [str(version) for version in gitreg.push().versions] == ["churn@v0.1.0"]
    clean(clone)


@pytest.mark.parametrize("where", ["here", "origin"])
def test_a_lock_that_goes_away_in_time_is_waited_for(clone: Place, where: str) -> None:
    gitreg.register(log(2, run_id="one"), "churn")
    going = [lock(clone, where, f"refs/tags/{tag}") for tag in ("churn@2", "run/two", "churn@v0.1.0!", "run/three")]
    if where == "here":
        going.append(lock(clone, where, "refs/notes/gitreg"))
    timers = [threading.Timer(0.4, path.unlink) for path in going]
    for timer in timers:
        timer.start()
    if where == "here":
        gitreg.note("churn@1", {"owner": "risk"})
    assert gitreg.register(log(3, run_id="two"), "churn").number == 2
    assert gitreg.retire("churn@1", "old").retired
    log(4, run_id="three", push=True)
    for timer in timers:
        timer.join()
    clean(clone)


def test_pushing_retiring_and_noting_say_which_lock_is_in_the_way(clone: Place, impatient: None) -> None:
    gitreg.register(log(2, run_id="one"), "churn")
    log(3, run_id="two")
    locked = {
        ("origin", "refs/tags/run/two"): lambda: gitreg.push("two"),
        ("origin", "refs/tags/churn@v0.1.0!"): lambda: gitreg.retire("churn@1", "old"),
        ("here", "refs/notes/gitreg"): lambda: gitreg.note("churn@1", {"owner": "risk"}),
    }
    for (where, name), call in locked.items():
        held = lock(clone, where, name)
        refused(held, call)
        held.unlink()
        call()
    assert gitreg.resolve("churn@1").retired
    assert clone.at_origin() == ["churn@1", "churn@v0.1.0", "churn@v0.1.0!", "run/one", "run/two"]
    clean(clone)


def test_a_run_whose_tag_is_locked_is_kept_and_completed_by_running_it_again(clone: Place, impatient: None) -> None:
    held = lock(clone, "here", "refs/tags/run/one")
    refused(held, lambda: log(2, "churn", run_id="one"))
    assert clone.tags() == []
    held.unlink()
    log(2, "churn", run_id="one")
    assert clone.at_origin() == ["churn@1", "churn@v0.1.0", "run/one"]
    clean(clone)


def test_a_moved_main_that_is_locked_here_is_told(clone: Place, tmp_path: Path, impatient: None) -> None:
    gitreg.register(log(2, run_id="one"), "churn")
    other = clone.clone(tmp_path / "other")
    git(other.path, "commit", "-q", "--allow-empty", "-m", "moved")
    git(other.path, "push", "-q")
    held = lock(clone, "here", "refs/remotes/origin/main")
    refused(held, gitreg.fetch)
    with pytest.raises(Unreachable, match="is in the way"):
        gitreg.resolve("churn@production")
    held.unlink()
    gitreg.fetch()
    clean(clone)


def test_tags_that_cannot_be_packed_are_no_failure(clone: Place, impatient: None) -> None:
    main = git(clone.path, "rev-parse", "main")
    tags = clone.path / ".git/refs/tags"
    for n in range(320):
        (tags / f"old-{n}").write_text(f"{main}\n")
    held = lock(clone, "here", "packed-refs")
    gitreg.register(log(2, run_id="one"), "churn")
    assert len(list(tags.iterdir())) > 320
    held.unlink()
    gitreg.register(log(3, run_id="two"), "churn")
    assert len(list(tags.iterdir())) < 10
