"""Programs that only have an address, killed at any step or at work together: the same command again completes them."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import gitreg
from gitreg.registry.care.status import status
from gitreg.registry.catalog import parse_runs, read_tags, read_versions
from gitreg.registry.homes import cache_home
from gitreg.registry.journal import read_journals
from gitreg.registry.place import open_registry
from gitreg.registry.wishes import read_wishes
from testing.addresses import Remote
from testing.gitcli import git
from testing.killing import git_that_kills, note_and_retire, register, register_one, run, start, train
from testing.registries import log, times


def complete(remote: Remote, names: list[str]) -> None:
    """Assert that `train` was done once under each name and nothing else, and that nothing half-done is left."""
    registry = open_registry()
    assert list(read_journals(registry.state)) == [] == list(read_wishes(registry.state))
    assert (status().unpushed, status().open_runs) == ((), ())
    assert [path for path in (registry.written.root / "files").rglob("*") if path.is_file()] == []
    gitreg.fetch(registry=remote.place.path)
    there = open_registry(remote.place.path)
    tags = read_tags(there)
    assert sorted(tags) == sorted(names)
    for version in read_versions(there, tags.values()).versions:
        assert (version.version, version.number, version.run_id) == ("v1.0.0", 1, f"run-{version.model}")
    runs = list(parse_runs(there, [ref.oid for ref in there.git.refs("refs/tags/run/")]))
    assert sorted(one.id for one in runs) == sorted(f"run-{name}" for name in names)
    for one in runs:
        assert (one.status, one.params, one.metrics) == ("finished", {"depth": "3"}, {"loss": 0.5})
    assert gitreg.load_model(f"{names[-1]}@1")(2) == times(sum(names[-1].encode()))(2)  # type: ignore[operator]
    git(remote.origin, "fsck", "--strict")


def kill_everywhere(
    remote: Remote, kill: Callable[[str, int], int], again: Callable[[str], int], stride: int, first: int = 1
) -> int:
    """Kill a program at a step, the next one of interest ... and run it again each time; how often it was killed."""
    names: list[str] = []
    for n in itertools.count(first, stride):
        names.append(f"m{n}")
        code = kill(names[-1], n)
        assert code in {0, -9}
        if code == 0:
            break
        if n % 2:
            shutil.rmtree(cache_home(), ignore_errors=True)
    assert all(again(name) == 0 for name in names)
    complete(remote, names)
    return len(names) - 1


def test_a_training_killed_at_a_process_of_git_is_completed_by_running_it_again(
    over_http: Remote, tmp_path: Path
) -> None:
    def kill(name: str, n: int) -> int:
        return run(train, over_http.address, name, path=git_that_kills(tmp_path / "bin", n, after=n % 4 < 2))

    assert kill_everywhere(over_http, kill, lambda name: run(train, over_http.address, name), stride=3) > 5


def test_a_training_killed_at_a_change_of_a_file_is_completed_by_running_it_again(over_http: Remote) -> None:
    def kill(name: str, n: int) -> int:
        return run(train, over_http.address, name, step=n)

    assert kill_everywhere(over_http, kill, lambda name: run(train, over_http.address, name), stride=5) > 5


def test_a_training_killed_after_its_end_is_completed_by_push(over_http: Remote, tmp_path: Path) -> None:
    def kill(name: str, n: int) -> int:
        return run(train, over_http.address, name, path=git_that_kills(tmp_path / "bin", n, after=True))

    def again(name: str) -> int:
        waiting = {one.id for one in read_journals(open_registry().state) if one.ended}
        if f"run-{name}" in waiting:
            gitreg.push()
            assert over_http.published(f"{name}@1")
        return 0 if over_http.published(f"{name}@1") else run(train, over_http.address, name)

    assert kill_everywhere(over_http, kill, again, stride=4, first=6) > 2


def test_notes_and_retirement_killed_are_completed(over_http: Remote, tmp_path: Path) -> None:
    assert run(train, over_http.address, "churn") == 0
    for n in itertools.count(2, 5):
        code = run(note_and_retire, over_http.address, "churn", path=git_that_kills(tmp_path / "bin", n, after=True))
        assert code in {0, -9}
        if code == 0:
            break
        shutil.rmtree(cache_home(), ignore_errors=True)
    assert n > 5
    assert gitreg.resolve("churn@1").retired
    assert not list((open_registry().state / "notes").glob("*.json"))


def test_many_programs_share_one_mirror(over_http: Remote) -> None:
    log(2, run_id="job-7", push=True)
    programs = [(register, f"{who} 2 churn") for who in ("ana", "bo", "cem")]
    programs += [(register_one, "job-7"), (register_one, "job-7")]
    processes = [start(program, over_http.address, name) for program, name in programs]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)
    assert sorted(over_http.published("churn@?")) == [f"churn@{n}" for n in range(1, 8)]
    gitreg.fetch(registry=over_http.place.path)
    there = open_registry(over_http.place.path)
    versions = read_versions(there, read_tags(there).values()).versions
    assert [version.previous for version in versions] == ["", *(version.tag for version in versions[:-1])]
    assert len({version.run_id for version in versions}) == 7
    assert (status().unpushed, list(read_wishes(open_registry().state))) == ((), [])
