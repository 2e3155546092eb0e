"""A snapshot notices every change to what is the user's, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testing.gitcli import GitFailed, git, snapshot


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with history, a staged change, an unstaged one, a stash, an ignored file and a hook."""
    top = tmp_path / "repo"
    git(tmp_path, "init", "-q", top)
    (top / ".gitignore").write_text("*.log\n")
    (top / "a.txt").write_text("one\n")
    (top / "b.txt").write_text("one\n")
    git(top, "add", ".")
    git(top, "commit", "-qm", "first")
    (top / "a.txt").write_text("stashed\n")
    git(top, "stash", "-q")
    (top / "a.txt").write_text("staged\n")
    git(top, "add", "a.txt")
    (top / "b.txt").write_text("unstaged\n")
    (top / "run.log").write_text("ignored\n")
    (top / "empty").mkdir()
    (top / "link").symlink_to("a.txt")
    (top / ".git/hooks/pre-commit").write_text("#!/bin/sh\n")
    return top


def test_git_gives_what_it_prints(repo: Path) -> None:
    assert git(repo, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert git(repo, "hash-object", "--stdin", input="one\n") == git(repo, "hash-object", "--stdin", input=b"one\n")
    assert git(repo, "cat-file", "blob", "HEAD:a.txt") == "one"


def test_git_that_fails_says_what_and_why(repo: Path) -> None:
    with pytest.raises(GitFailed, match=r"git rev-parse --verify nothing ended with 128: fatal: "):
        git(repo, "rev-parse", "--verify", "nothing")


def test_looking_changes_nothing(repo: Path) -> None:
    assert snapshot(repo) == snapshot(repo)


CHANGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a file": ("work/b.txt", lambda top: (top / "b.txt").write_text("other\n")),
    "an ignored file": ("work/run.log", lambda top: (top / "run.log").unlink()),
    "a mode": ("work/b.txt", lambda top: (top / "b.txt").chmod(0o755)),
    "a link": ("work/link", lambda top: (top / "link").unlink()),
    "an empty folder": ("work/new", lambda top: (top / "new").mkdir()),
    "the index": ("index", lambda top: git(top, "add", "b.txt")),
    "the branch": ("HEAD", lambda top: git(top, "symbolic-ref", "HEAD", "refs/heads/other")),
    "a new branch": ("branch/topic", lambda top: git(top, "branch", "topic")),
    "a commit": ("branch/main", lambda top: git(top, "commit", "-qm", "second")),
    "the stash": ("refs/stash", lambda top: git(top, "stash", "drop", "-q")),
    "config": ("config", lambda top: git(top, "config", "a.b", "c")),
    "a hook": ("hooks/pre-commit", lambda top: (top / ".git/hooks/pre-commit").unlink()),
    "excludes": ("info/exclude", lambda top: (top / ".git/info/exclude").write_text("x\n")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(repo: Path, change: str) -> None:
    where, make = CHANGES[change]
    before = snapshot(repo)
    make(repo)
    after = snapshot(repo)
    assert where in {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_tags_notes_and_objects_are_not_the_users(repo: Path) -> None:
    before = snapshot(repo)
    commit = git(repo, "commit-tree", "HEAD^{tree}", "-m", "orphan")
    git(repo, "tag", "-a", "churn@v1.0.0", "-m", "churn v1.0.0", commit)
    git(repo, "notes", "--ref", "gitreg", "add", "-m", "note", commit)
    assert snapshot(repo) == before


def test_a_bare_repository_has_branches_and_no_index(repo: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "-q", "--bare", repo, bare)
    found = snapshot(bare)
    assert found["branch/main"] == git(repo, "rev-parse", "main")
    assert "index" not in found
    assert not [name for name in found if name.startswith("work/")]


def test_a_linked_work_tree_has_its_own_index(repo: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(repo, "worktree", "add", "-q", "-b", "side", linked)
    before_main, before_linked = snapshot(repo), snapshot(linked)
    (linked / "a.txt").write_text("changed\n")
    git(linked, "add", "a.txt")
    assert snapshot(repo) == before_main
    assert snapshot(linked)["index"] != before_linked["index"]
