"""Programs killed at any step: what had returned is kept, and running them again completes what they began."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.format.runs import parse_series
from gitreg.registry.journal import open_runs, read_open_run
from gitreg.registry.notes import read_labels
from gitreg.registry.place import open_registry
from testing.aftermath import clean, kill_everywhere
from testing.gitcli import git
from testing.killing import git_that_kills, note_and_retire, run, serve, train
from testing.registries import Place, cloned, lone

LOOP = """\
import sys
import gitreg
gitreg.start_run(run_id="job", tags={"team": "risk"}, resume=len(sys.argv) > 1, registry=".")
n = 0
while True:
    n += 1
    gitreg.log_metric("loss", n / 4, step=n); print("metric", n, flush=True)
    gitreg.log_param(f"p{n}", n); print("param", n, flush=True)
    gitreg.log_text(str(n), f"t{n}.txt"); print("text", n, flush=True)
    gitreg.set_tags({"last": n}); print("tag", n, flush=True)
"""

SEEN = """\
import json, gitreg
from gitreg.registry.journal import open_runs
from gitreg.registry.place import open_registry
found = gitreg.search_runs(registry=".")
assert [run.id for run in open_runs(open_registry(".").state)] == [run.id for run in found]
print(json.dumps([run.to_dict() for run in found]))
"""


def killed(place: Place, calls: int, *arguments: str) -> list[tuple[str, int]]:
    """Run the loop, kill it once it has printed `calls` lines; all that it printed."""
    command = [sys.executable, "-c", LOOP, *arguments]
    with subprocess.Popen(command, cwd=place.path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        seen = [process.stdout.readline() for _ in range(calls)]
        process.kill()
        seen += process.stdout.readlines()
    return [(line.split()[0], int(line.split()[1])) for line in seen if line.endswith("\n")]


@pytest.mark.parametrize("calls", [0, 1, 7, 42])
def test_every_value_whose_call_returned_is_there_after_a_kill(alone: Place, calls: int) -> None:
    said = killed(alone, calls)
    last = {
        what: max((n for kind, n in said if kind == what), default=0) for what in ("metric", "param", "text", "tag")
    }
    found = json.loads(subprocess.check_output([sys.executable, "-c", SEEN], cwd=alone.path))
    if not found:
        assert not said
        return
    (kept,) = found
    assert (kept["id"], kept["status"]) == ("job", "interrupted")
    assert int(kept["metrics"].get("loss", 0) * 4) >= last["metric"]
    assert {f"p{n}" for n in range(1, last["param"] + 1)} <= set(kept["params"])
    assert int(kept["tags"].get("last", "0")) >= last["tag"]
    assert kept["tags"]["team"] == "risk"

    with gitreg.start_run(run_id="job", resume=True):
        gitreg.log_metric("loss", -1, step=10**6)
    ended = gitreg.get_run("job")
    assert (ended.status, ended.metrics["loss"], ended.started) == ("finished", -1.0, kept["started"])
    text = git(alone.path, "show", "run/job:.gitreg/metrics/loss.tsv") + "\n"
    steps = [point.step for point in parse_series(text, "loss")]
    assert steps[:-1] == list(range(1, len(steps))) and len(steps) > last["metric"]
    for n in range(1, last["text"] + 1):
        assert git(alone.path, "show", f"run/job:t{n}.txt") == str(n)
    assert list(open_runs(open_registry().state)) == []


def test_a_killed_run_goes_on_where_it_was_and_may_be_killed_again(alone: Place) -> None:
    killed(alone, 5)
    killed(alone, 5, "resume")
    state = read_open_run(open_registry().state, "job")
    assert state is not None
    steps = [point.step for point in state.series["loss"]]
    assert steps.count(1) == 2


def test_the_same_id_without_resume_starts_again(alone: Place) -> None:
    killed(alone, 9)
    with gitreg.start_run(run_id="job"):
        gitreg.log_metric("loss", 7)
    found = gitreg.get_run("job")
    assert (found.params, found.metrics, found.tags) == ({}, {"loss": 7.0}, {})
    assert "t1.txt" not in git(alone.path, "ls-tree", "-r", "--name-only", "run/job")


def test_half_a_line_at_the_end_of_a_journal_is_no_loss(alone: Place) -> None:
    killed(alone, 9)
    journal = open_registry().state / "runs/job/journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"event": "metrics", "st')
    run = gitreg.start_run(run_id="job", resume=True)
    gitreg.log_metric("more", 1)
    assert journal.read_bytes().startswith(whole) and journal.read_bytes().count(b"\n") == whole.count(b"\n") + 1
    assert run.end().metrics["more"] == 1


def test_a_full_disk_while_logging_hides_no_later_value(alone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    run, real = gitreg.start_run(run_id="job"), os.write
    gitreg.log_metric("a", 1)

    def full(fd: int, data: bytes) -> int:
        real(fd, data[:5])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises((OSError, gitreg.GitregError), match=r"[Nn]o space left"):
            gitreg.log_metric("b", 2)
    gitreg.log_metric("c", 3)
    state = read_open_run(open_registry().state, "job")
    assert state is not None and state.metrics == {"a": 1.0, "c": 3.0}
    assert run.end().metrics == {"a": 1.0, "c": 3.0}


def test_two_programs_cannot_log_to_one_run(alone: Place) -> None:
    with subprocess.Popen([sys.executable, "-c", LOOP], cwd=alone.path, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(gitreg.Conflict, match="run job is being logged by another program"):
            gitreg.start_run(run_id="job")
        (found,) = open_runs(open_registry().state)
        assert found.status == "running"
        process.kill()


@pytest.mark.parametrize(("maker", "after"), [(lone, True), (cloned, False), (cloned, True)])
def test_a_training_killed_at_any_process_of_git_is_completed_by_running_it_again(
    maker: Callable[[Path], Place], after: bool, tmp_path: Path
) -> None:
    place = maker(tmp_path / "registry")
    gitreg.use(place.path)

    def kill(name: str, n: int) -> int:
        return run(train, place.path, name, path=git_that_kills(tmp_path / "bin", n, after=after))

    assert kill_everywhere(place, kill, lambda name: run(train, place.path, name)) > 5


def test_a_training_killed_at_any_change_of_a_file_is_completed_by_running_it_again(clone: Place) -> None:
    def kill(name: str, n: int) -> int:
        return run(train, clone.path, name, step=n)

    assert kill_everywhere(clone, kill, lambda name: run(train, clone.path, name), stride=2) > 10


def test_a_registration_killed_at_any_process_of_git_is_completed_by_push(clone: Place, tmp_path: Path) -> None:
    def kill(name: str, n: int) -> int:
        return run(train, clone.path, name, path=git_that_kills(tmp_path / "bin", n, after=True))

    def again(name: str) -> int:
        if name == "m1":
            gitreg.push(all=True)
        # Only what was killed before its run had ended has to be run again.
        return 0 if clone.tags(f"run/run-{name}") else run(train, clone.path, name)

    kill_everywhere(clone, kill, again, stride=2)


def test_notes_and_retirement_killed_at_any_process_of_git_are_completed(clone: Place, tmp_path: Path) -> None:
    names: list[str] = []
    for n in itertools.count(1, 4):
        names.append(f"m{n}")
        assert run(train, clone.path, names[-1]) == 0
        code = run(note_and_retire, clone.path, names[-1], path=git_that_kills(tmp_path / "bin", n, after=True))
        if code == 0:
            break
        assert run(note_and_retire, clone.path, names[-1]) == 0
    found = [gitreg.resolve(f"{name}@1") for name in names]
    assert all(version.retired for version in found)
    labels = read_labels(open_registry(), [version.tag for version in found])
    assert all(labels[version.tag] == {"owner": "risk", "metrics.auc": "0.5"} for version in found)
    clean(clone)


def test_a_pull_killed_at_any_step_leaves_no_folder(
    clone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(train, clone.path, "churn") == 0
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "served-churn"
    for n in itertools.count(1):
        other = clone.clone(tmp_path / f"other-{n}")
        if run(serve, other.path, "churn", step=n) == 0:
            break
        assert not target.exists()
    assert n > 3
    assert {path.name for path in target.iterdir()} >= {"MLmodel", "SHA256SUMS", "model.pkl"}
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".served")] == []
