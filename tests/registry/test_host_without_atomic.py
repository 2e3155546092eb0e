"""Hosts without atomic pushes: the number is claimed first, and whoever sees it without its version completes it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.place import open_registry
from gitreg.registry.wishes import read_wishes
from testing.aftermath import clean, kill_everywhere
from testing.gitcli import git
from testing.killing import git_that_kills, register, run, start, train
from testing.registries import Place, cloned, log, lone


@pytest.fixture
def plain(tmp_path: Path) -> Place:
    """A clone of an origin that has no atomic pushes, the registry that is meant."""
    found = cloned(tmp_path / "registry")
    assert found.origin
    git(found.origin, "config", "receive.advertiseAtomic", "false")
    gitreg.use(found.path)
    return found


def test_a_version_is_registered(plain: Place) -> None:
    log(2, "churn")
    log(3, "churn")
    assert plain.at_origin() == plain.tags()
    assert plain.at_origin("churn@*") == ["churn@1", "churn@2", "churn@v0.1.0", "churn@v0.2.0"]
    assert gitreg.retire("churn@1", "old").retired
    gitreg.note("churn@2", {"owner": "risk"})
    clean(plain)


def test_many_clones_register_and_nothing_is_lost(plain: Place, tmp_path: Path) -> None:
    assert plain.origin
    writers = ("ana", "bo", "cem")
    clones = {who: plain.clone(tmp_path / who) for who in writers}
    running = [start(register, clones[who].path, f"{who} 2 churn") for who in writers]
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * len(writers)
    gitreg.fetch()
    found = gitreg.search_versions("model = 'churn'")
    assert sorted(version.number or 0 for version in found) == list(range(1, 7))
    assert {version.run_id for version in found} == {f"{who}-{n}" for who in writers for n in range(2)}
    by_number = sorted(found, key=lambda version: version.number or 0)
    assert [version.previous for version in by_number[1:]] == [version.tag for version in by_number[:-1]]
    assert plain.at_origin("churn@*") == plain.tags("churn@*")


def test_a_training_killed_at_any_process_of_git_is_completed_by_running_it_again(plain: Place, tmp_path: Path) -> None:
    def kill(name: str, n: int) -> int:
        return run(train, plain.path, name, path=git_that_kills(tmp_path / "bin", n, after=True))

    assert kill_everywhere(plain, kill, lambda name: run(train, plain.path, name)) > 5


def test_what_was_left_between_number_and_version_is_completed_by_another_clone(plain: Place, tmp_path: Path) -> None:
    assert plain.origin
    other = plain.clone(tmp_path / "other")
    for n in itertools.count(1):
        code = run(train, plain.path, "churn", path=git_that_kills(tmp_path / "bin", n, after=True))
        assert code == -9, "no kill left the number alone"
        if plain.at_origin("churn@*") == ["churn@1"]:
            break
    log(3, "churn", registry=other.path)
    assert plain.at_origin("churn@*") == ["churn@1", "churn@2", "churn@v1.0.0", "churn@v2.0.0"]
    assert gitreg.load_pyfunc("churn@1", registry=other.path).version.run_id == "run-churn"
    assert run(train, plain.path, "churn") == 0
    assert plain.at_origin("churn@*") == ["churn@1", "churn@2", "churn@v1.0.0", "churn@v2.0.0"]
    assert list(read_wishes(open_registry(plain.path).state)) == []


def test_a_registry_is_sent_to_a_new_origin_with_its_branch_last(tmp_path: Path) -> None:
    alone = lone(tmp_path / "alone")
    log(2, "churn", registry=alone.path)
    origin = tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", origin)
    git(origin, "config", "receive.advertiseAtomic", "false")
    gitreg.init(alone.path, origin=str(origin))
    listed = git(origin, "for-each-ref", "--format=%(refname)").splitlines()
    assert {"refs/heads/main", "refs/tags/churn@1", "refs/tags/churn@v0.1.0"} <= set(listed)
