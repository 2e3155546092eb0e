"""The hook before a push: payloads first, no tag moves, main goes forward."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitreg
from gitreg.registry.hooks.install import install
from testing.gitcli import GitFailed, git
from testing.registries import Place, log


def payloads(place: Place) -> list[Path]:
    return [path for path in place.payloads.rglob("*") if path.is_file()]


def refused(place: Place, *refspecs: str) -> str:
    with pytest.raises(GitFailed) as caught:
        git(place.path, "push", "-q", "origin", *refspecs)
    return str(caught.value)


def test_the_payloads_of_a_run_travel_first(clone: Place) -> None:
    install(clone.path)
    run = log(2).run_id
    assert payloads(clone) == []
    git(clone.path, "push", "-q", "origin", f"refs/tags/run/{run}")
    assert len(payloads(clone)) == 1
    assert clone.at_origin() == [f"run/{run}"]


def test_a_run_whose_payload_is_nowhere_stays(clone: Place) -> None:
    install(clone.path)
    run = log(2).run_id
    for path in (clone.path / ".git/gitreg/cache").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.unlink()
    said = refused(clone, f"refs/tags/run/{run}")
    assert "gitreg: this push is refused" in said
    assert f"run/{run} would come before its payloads: " in said
    assert clone.at_origin() == []


def test_no_tag_moves_and_none_is_deleted(clone: Place) -> None:
    version = log(2, "churn").version
    log(3, "churn")
    install(clone.path)
    assert f"this moves the tag {version} of the remote" in refused(clone, f"+refs/tags/churn@2:refs/tags/{version}")
    assert "this deletes the tag churn@1 of the remote" in refused(clone, ":refs/tags/churn@1")
    git(clone.path, "tag", "v1")
    git(clone.path, "push", "-q", "origin", "v1")
    git(clone.path, "push", "-q", "origin", ":v1")


def test_main_goes_forward_and_other_branches_as_they_like(clone: Place) -> None:
    install(clone.path)
    git(clone.path, "commit", "-q", "--allow-empty", "-m", "one more")
    git(clone.path, "push", "-q", "origin", "main", "main:work")
    assert "this takes commits from main of the remote" in refused(clone, "+main~1:main")
    assert "this deletes main, the registry's branch" in refused(clone, ":main")
    git(clone.path, "push", "-q", "origin", "+main~1:work")
    git(clone.path, "push", "-q", "origin", ":work")
    git(clone.path, "push", "-q", "origin")  # nothing to push


def test_where_no_registry_is_nothing_is_looked_at(home: Path) -> None:
    git(home, "init", "-q", "--bare", "there.git")
    git(home, "init", "-q", "new")
    install(home / "new")
    git(home / "new", "commit", "-q", "--allow-empty", "-m", "first")
    git(home / "new", "push", "-q", home / "there.git", "main")


def test_gitreg_itself_needs_no_hook(clone: Place) -> None:
    install(clone.path)
    assert log(2, "churn").version == "churn@v0.1.0"
    gitreg.retire("churn@1", "old")
    assert "churn@v0.1.0!" in clone.at_origin()
