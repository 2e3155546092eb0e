"""Ctrl-C and SIGTERM at every step of a command: it ends as told, leaves nothing, and the same again completes."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.care.status import status
from gitreg.registry.place import open_registry
from gitreg.stores.scratch import scratch
from testing import disturbing
from testing.commandline import program
from testing.disturbing import Disturbance, command, delete, interrupt, run, terminate
from testing.gitcli import git
from testing.models import write_model
from testing.registries import Place, cloned

STOPS = {interrupt: 130, terminate: -15}


@pytest.fixture
def clone(tmp_path: Path) -> Place:
    found = cloned(tmp_path / "reg")
    gitreg.use(found.path)
    return found


@pytest.fixture(params=["folder", "ssh"])
def far(request: pytest.FixtureRequest, clone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A registry whose payloads are in a folder, or behind a real ssh server."""
    monkeypatch.setenv("GITREG_PAYLOADS", "")
    if request.param == "ssh":
        sshd = request.getfixturevalue("sshd")
        (tmp_path / "far").mkdir()
        monkeypatch.setenv("GITREG_PAYLOADS", sshd.url(tmp_path / "far"))
    return clone


def stride(folder: int, ssh: int) -> int:
    """The same at every step takes longer through ssh."""
    return ssh if os.environ["GITREG_PAYLOADS"] else folder


def nothing_left(place: Place, tmp_path: Path, *, stopped: bool = False) -> None:
    """Assert that nothing half-done is there; what a program that was just stopped keeps to go on may be."""
    registry = open_registry(place.path)
    top = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert top == []
    for folder in filter(None, (place.path / ".git", place.origin)):
        assert list(folder.rglob("*.lock")) == []
        git(folder, "fsck", "--strict", "--no-dangling")
    with scratch(registry.cache.root / "tmp"), scratch(registry.cache.root / "snapshots", "."):
        pass
    if not stopped:
        assert list((registry.cache.root / "tmp").iterdir()) == []
        assert status(place.path).open_runs == () == status(place.path).wishes


def stop_everywhere(
    place: Place, tmp_path: Path, what: Disturbance, line: Callable[[int], str], afresh: Callable[[int], None],
    good: Callable[[int], None], step: int,
) -> int:  # fmt: skip
    """Stop a command at its first step, its second ... and give it again each time; how often it was stopped."""
    root = open_registry(place.path).cache.root
    for n in itertools.count(1, step):
        afresh(n)
        target = tmp_path / "out"
        ended = run(command, place.path, line(n), target, what=what, cache=root, below=tmp_path, step=n)
        if ended.code == 0:
            good(n)
            return n
        assert (ended.code, ended.err) == (STOPS[what], "")
        if what is interrupt:
            nothing_left(place, tmp_path, stopped=True)
            # One that has ended waits for the same command, or for a push, to be committed; it is complete.
            assert all(run.ended for run in status(place.path).open_runs)
        again = run(command, place.path, line(n), target, cache=root)
        assert again.code == 0, (n, again.err)
        good(n)
        nothing_left(place, tmp_path)
    raise AssertionError


@pytest.mark.parametrize("what", STOPS)
def test_a_pull_that_is_stopped_anywhere(far: Place, tmp_path: Path, what: Disturbance) -> None:
    weights = os.urandom(200_000)
    model = write_model(tmp_path / "model", weights=weights)
    assert program("commit", "-R", far.path, model, "--as", "churn").code == 0
    other = far.clone(tmp_path / "other")
    target = tmp_path / "served"

    def afresh(n: int) -> None:
        delete(target)
        delete(open_registry(other.path).cache.root)

    def good(n: int) -> None:
        assert (target / "model.pkl").read_bytes() == weights

    def line(n: int) -> str:
        # What was stopped when the folder had appeared is done.
        return f"pull churn {target}" if not target.exists() else "ls"

    assert stop_everywhere(other, tmp_path, what, line, afresh, good, stride(5, 17)) > 20


@pytest.mark.parametrize("what", STOPS)
def test_a_commit_that_is_stopped_anywhere(far: Place, tmp_path: Path, what: Disturbance) -> None:
    """Hashing, committing, uploading, registering."""

    def afresh(n: int) -> None:
        write_model(tmp_path / f"model-{n}", run_id=f"run{n}", weights=os.urandom(100_000))

    def good(n: int) -> None:
        assert gitreg.resolve(f"m{n}@1").run_id == f"run{n}"
        assert far.at_origin(f"m{n}@*", f"run/run{n}") == [f"m{n}@1", f"m{n}@v1.0.0", f"run/run{n}"]
        assert gitreg.pull(f"m{n}@1", tmp_path / f"pulled-{n}")

    def line(n: int) -> str:
        return f"commit ../model-{n} --as m{n}"

    assert stop_everywhere(far, tmp_path, what, line, afresh, good, stride(13, 41)) > 50


@pytest.mark.parametrize("what", STOPS)
def test_a_registration_that_is_stopped_anywhere(clone: Place, tmp_path: Path, what: Disturbance) -> None:
    def afresh(n: int) -> None:
        model = write_model(tmp_path / f"model-{n}", run_id=f"run{n}", weights=os.urandom(1000))
        gitreg.commit(model)

    def good(n: int) -> None:
        assert gitreg.resolve(f"m{n}@1").run_id == f"run{n}"

    def line(n: int) -> str:
        return f"register run{n} m{n}"

    assert stop_everywhere(clone, tmp_path, what, line, afresh, good, 9) > 20


@pytest.mark.parametrize("where", ["hashing", "uploading", "downloading"])
def test_ctrl_c_in_the_middle_of_many_bytes(far: Place, tmp_path: Path, where: str) -> None:
    """The signal comes while bytes move, from outside, to the whole group of processes as from a terminal."""
    weights = os.urandom(64 << 20)
    model = write_model(tmp_path / "model", run_id="large", weights=weights)
    place, line = far, ["commit", str(model), "--as", "churn"]
    if where == "downloading":
        assert program(*line, cwd=far.path).code == 0
        place, line = far.clone(tmp_path / "other"), ["pull", "churn", str(tmp_path / "served")]
    ended = interrupted(place.path, line, where if where != "downloading" else "copying")
    if ended.returncode != 0:  # else it was quicker than the signal
        assert (ended.returncode, ended.stdout) == (130, b"")
        assert len(ended.stderr.splitlines()) <= 1 and b"Traceback" not in ended.stderr
        nothing_left(place, tmp_path, stopped=True)
        assert not (tmp_path / "served").exists()
        assert program(*line, cwd=place.path).code == 0
    nothing_left(place, tmp_path)
    found = gitreg.pull("churn@1", tmp_path / "again")
    assert (found / "model.pkl").read_bytes() == weights


def interrupted(folder: Path, line: list[str], where: str) -> subprocess.CompletedProcess[bytes]:
    """A command that is told to stop as soon as the first bytes of `where` have moved."""
    running = subprocess.Popen(
        [sys.executable, "-c", TELL, where, *line], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert running.stdout
    running.stdout.readline()
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate()
    return subprocess.CompletedProcess(line, running.returncode, out, err)


TELL = """\
import contextlib, sys
from gitreg.cli import _progress, main
where = sys.argv.pop(1)

@contextlib.contextmanager
def telling(what, total):
    def moved(n):
        if what == where and n:
            print(flush=True)
            moved.__code__ = (lambda n: None).__code__
    yield moved

_progress.choose = lambda quiet: telling
main()
"""


def test_a_second_ctrl_c_does_not_disturb_the_first(clone: Place, tmp_path: Path) -> None:
    weights = os.urandom(200_000)
    program("commit", "-R", clone.path, write_model(tmp_path / "model", weights=weights), "--as", "churn")
    other = clone.clone(tmp_path / "other")
    root, target = open_registry(other.path).cache.root, tmp_path / "served"
    for n in range(5, 60, 11):
        ended = run(
            command, other.path, f"pull churn {target}", tmp_path / "out", what=disturbing.interrupt_twice, cache=root,
            below=tmp_path, step=n,
        )  # fmt: skip
        if ended.code == 0:
            break
        assert (ended.code, ended.err) == (130, "")
        nothing_left(other, tmp_path, stopped=True)
        if target.exists():
            assert (target / "model.pkl").read_bytes() == weights
            break
    assert n > 20
