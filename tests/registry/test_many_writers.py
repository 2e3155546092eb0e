"""Many programs registering at once: into one origin from clones of their own, and in one repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict
from gitreg.registry.place import open_registry
from gitreg.registry.wishes import read_wishes
from testing.gitcli import git
from testing.killing import register, register_one, start
from testing.registries import Place, log

WRITERS = ("ana", "bo", "cem", "dee", "eva")
EACH = 2


def together(*programs: tuple[Callable[[str, str], None], Path, str]) -> list[int]:
    """Run the programs at the same time; what each ended with."""
    processes = [start(*program) for program in programs]
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def facts(repository: Path, tag: str) -> dict[str, str]:
    """The trailers of a tag, read with plain git."""
    message = git(repository, "cat-file", "tag", tag).split("\n\n", 1)[1]
    return dict(line.split(": ", 1) for line in message.split("\n\n")[-1].splitlines())


def one_chain(repository: Path, model: str, count: int) -> list[str]:
    """Assert, with plain git, that `model` has `count` versions in one chain; their runs, in order."""
    listed = git(repository, "for-each-ref", "--format=%(refname:strip=2) %(objectname)", f"refs/tags/{model}@*")
    tags = dict(line.split() for line in listed.splitlines())
    numbers = {name: oid for name, oid in tags.items() if name.rpartition("@")[2].isdigit()}
    versions = {name: oid for name, oid in tags.items() if name not in numbers}
    assert set(numbers) == {f"{model}@{n}" for n in range(1, count + 1)}
    assert sorted(versions.values()) == sorted(numbers.values())
    assert len(set(numbers.values())) == count
    runs = []
    for n in range(1, count + 1):
        told = facts(repository, f"{model}@{n}")
        assert told["Gitreg-Number"] == str(n)
        assert told["Gitreg-Previous"] == (numbers[f"{model}@{n - 1}"] if n > 1 else "none")
        assert versions[f"{model}@v0.{n}.0"] == numbers[f"{model}@{n}"]
        runs.append(told["Gitreg-Run"])
    return runs


def test_many_clones_register_into_one_origin_and_nothing_is_lost(clone: Place, tmp_path: Path) -> None:
    assert clone.origin
    clones = {who: clone.clone(tmp_path / who) for who in WRITERS}
    codes = together(*((register, clones[who].path, f"{who} {EACH} churn") for who in WRITERS))
    assert codes == [0] * len(WRITERS)

    runs = [f"{who}-{n}" for who in WRITERS for n in range(EACH)]
    found = one_chain(clone.origin, "churn", len(runs))
    assert sorted(found) == sorted(runs)
    for who in WRITERS:  # nobody's own models overtake each other
        assert [run for run in found if run.startswith(f"{who}-")] == [f"{who}-{n}" for n in range(EACH)]
    assert set(clone.at_origin("run/*")) == {f"run/{run}" for run in runs}
    git(clone.origin, "fsck", "--strict")

    gitreg.fetch()
    assert clone.tags() == clone.at_origin()
    for who in WRITERS:
        assert list(read_wishes(open_registry(clones[who].path).state)) == []
        for n in range(EACH):
            loaded = gitreg.load_model(f"run:{who}-{n}")
            assert callable(loaded) and loaded(2) == (sum(who.encode()) * 1000 + n) * 2


def test_many_programs_register_in_one_repository_without_an_origin(alone: Place) -> None:
    codes = together(*((register, alone.path, f"{who} {EACH} churn") for who in WRITERS))
    assert codes == [0] * len(WRITERS)
    runs = one_chain(alone.path, "churn", len(WRITERS) * EACH)
    assert sorted(runs) == sorted(f"{who}-{n}" for who in WRITERS for n in range(EACH))
    assert set(alone.tags("run/*")) == {f"run/{run}" for run in runs}
    git(alone.path, "fsck", "--strict")
    assert callable(gitreg.load_model(f"churn@{len(runs)}"))


def test_many_programs_share_one_clone(clone: Place) -> None:
    assert clone.origin
    codes = together(*((register, clone.path, f"{who} {EACH} churn") for who in WRITERS[:3]))
    assert codes == [0] * 3
    one_chain(clone.origin, "churn", 3 * EACH)
    assert clone.tags() == clone.at_origin()


def test_one_run_registered_from_two_clones_at_once_is_one_version(clone: Place, tmp_path: Path) -> None:
    assert clone.origin
    log(2, run_id="job-7", push=True)
    other = clone.clone(tmp_path / "other")
    assert together((register_one, clone.path, "job-7"), (register_one, other.path, "job-7")) == [0, 0]
    assert one_chain(clone.origin, "churn", 1) == ["job-7"]
    for place in (clone, other):
        assert place.tags() == place.at_origin()


def test_one_run_registered_by_many_programs_of_one_repository_is_one_version(alone: Place) -> None:
    log(2, run_id="job-7")
    assert together(*((register_one, alone.path, "job-7") for _ in WRITERS)) == [0] * len(WRITERS)
    assert one_chain(alone.path, "churn", 1) == ["job-7"]


def test_of_two_runs_with_one_id_the_second_is_refused(clone: Place, tmp_path: Path) -> None:
    assert clone.origin
    other = clone.clone(tmp_path / "other")
    log(2, run_id="job-7")
    log(3, run_id="job-7", registry=other.path)
    codes = together((register_one, clone.path, "job-7"), (register_one, other.path, "job-7"))
    assert sorted(codes) == [0, 128]
    winner, loser = (clone, other) if codes[0] == 0 else (other, clone)
    assert one_chain(clone.origin, "churn", 1) == ["job-7"]
    assert git(clone.origin, "rev-parse", "run/job-7") == git(winner.path, "rev-parse", "run/job-7")
    with pytest.raises(Conflict, match="the origin has another run job-7"):
        gitreg.register("run:job-7", "churn", registry=loser.path)
    assert list(read_wishes(open_registry(loser.path).state)) == []
    assert one_chain(clone.origin, "churn", 1) == ["job-7"]
