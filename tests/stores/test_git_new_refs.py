"""Many refs at once, to where none of them may be yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitreg.errors import Conflict, Unreachable
from gitreg.stores.git import RefChange, Repository, create_repository, find_repository
from testing.gitcli import git


@pytest.fixture
def here(tmp_path: Path) -> Repository:
    create_repository(tmp_path / "origin 'of' \"all\".git", bare=True)
    create_repository(tmp_path / "here", bare=False)
    git(tmp_path / "here", "commit", "-q", "--allow-empty", "-m", "first")
    git(tmp_path / "here", "commit", "-q", "--allow-empty", "-m", "second")
    found = find_repository(tmp_path / "here")
    assert found is not None
    return found


def test_more_refs_than_a_command_line_holds_are_pushed(here: Repository, tmp_path: Path) -> None:
    head = here.find_ref("HEAD")
    origin = tmp_path / "origin 'of' \"all\".git"
    tags = [RefChange(f"refs/tags/{'a' * 200}@{n}", head) for n in range(1, 5001)]
    wanted = [RefChange("refs/heads/main", head), *tags]
    here.push_new(str(origin), wanted)
    assert len(git(origin, "for-each-ref").splitlines()) == 5001
    assert git(here.work_tree or "", "config", "--local", "--list").count("gitreg-push") == 0


@pytest.mark.parametrize("name", ["refs/heads/main", "refs/tags/a@1", "refs/notes/gitreg"])
def test_one_that_is_there_stops_all(here: Repository, tmp_path: Path, name: str) -> None:
    origin = tmp_path / "origin 'of' \"all\".git"
    head, before = here.find_ref("HEAD"), here.find_ref("HEAD^")
    here.push_new(str(origin), [RefChange(name, before)])
    with pytest.raises(Conflict) as caught:
        here.push_new(str(origin), [RefChange(name, head), RefChange("refs/tags/b@1", head)])
    assert caught.value.message == f"{origin} has {name.split('/', 2)[-1]} already"
    assert git(origin, "for-each-ref", "--format=%(objectname) %(refname)") == f"{before} {name}"


def test_an_origin_that_is_gone_is_unreachable(here: Repository, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot push to"):
        here.push_new(str(tmp_path / "gone.git"), [RefChange("refs/heads/main", here.find_ref("HEAD"))])
