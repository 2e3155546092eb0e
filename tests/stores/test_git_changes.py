from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitreg.errors import NotFound, Refused
from gitreg.stores.git import Repository, find_repository
from gitreg.stores.git.changes import changed_blobs, changed_files, first_parent_changes, merge_base, proposed_files
from testing.gitcli import git

FILE = "stages/production/churn.yaml"


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    found = find_repository(tmp_path / "repo")
    assert found is not None
    return found


def _commit(repo: Repository, message: str, **files: str | None) -> str:
    assert repo.work_tree is not None
    for name, text in files.items():
        path = repo.work_tree / (FILE if name == "stage" else f"{name}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            git(repo.work_tree, "rm", "-q", path)
        else:
            path.write_text(text)
            git(repo.work_tree, "add", path)
    git(repo.work_tree, "commit", "-q", "--allow-empty", "-m", message)
    return git(repo.work_tree, "rev-parse", "HEAD")


def test_tells_what_each_side_of_a_change_holds(repo: Repository) -> None:
    old = _commit(repo, "one", stage="1", kept="k", gone="g")
    new = _commit(repo, "two", stage="2", gone=None, added="a")
    assert changed_files(repo, old, new) == {
        FILE: (b"1", b"2"), "gone.txt": (b"g", None), "added.txt": (None, b"a"),
    }  # fmt: skip
    assert changed_blobs(repo, "", old).keys() == {FILE, "kept.txt", "gone.txt"}
    assert changed_blobs(repo, new, new) == {}


def test_a_name_may_hold_anything(repo: Repository) -> None:
    old = _commit(repo, "one")
    assert repo.work_tree is not None
    (repo.work_tree / "a\nb\t\u00e9.txt").write_text("x")
    git(repo.work_tree, "add", ".")
    new = _commit(repo, "two")
    assert changed_files(repo, old, new) == {"a\nb\t\u00e9.txt": (None, b"x")}


def test_a_symlink_is_refused(repo: Repository) -> None:
    old = _commit(repo, "one")
    assert repo.work_tree is not None
    os.symlink("/etc/passwd", repo.work_tree / "link")
    git(repo.work_tree, "add", ".")
    with pytest.raises(Refused, match=r"link in .* is a symlink"):
        changed_files(repo, old, _commit(repo, "two"))


def test_a_proposal_is_what_its_branch_changed_whatever_main_did_meanwhile(repo: Repository) -> None:
    assert repo.work_tree is not None
    _commit(repo, "one", stage="1", other="o")
    git(repo.work_tree, "checkout", "-q", "-b", "proposal")
    head = _commit(repo, "two", stage="2")
    git(repo.work_tree, "checkout", "-q", "main")
    main = _commit(repo, "meanwhile", other="p", stage="3")
    assert proposed_files(repo, main, head) == {FILE: b"2"}
    assert merge_base(repo, main, head) == git(repo.work_tree, "rev-parse", "main~1")


def test_the_history_of_a_file_is_that_of_the_first_parents(repo: Repository) -> None:
    assert repo.work_tree is not None
    first = _commit(repo, "one", stage="1")
    git(repo.work_tree, "checkout", "-q", "-b", "proposal")
    _commit(repo, "draft", stage="1b")
    head = _commit(repo, "two", stage="2")
    git(repo.work_tree, "checkout", "-q", "main")
    before = _commit(repo, "meanwhile", other="p")
    git(repo.work_tree, "merge", "-q", "--no-ff", "-m", "merge it\n\nbecause\n", "proposal")
    merge = git(repo.work_tree, "rev-parse", "HEAD")
    last = _commit(repo, "emptied", stage=None)
    blob = {text: git(repo.work_tree, "hash-object", "--stdin", input=text) for text in "12"}
    found = first_parent_changes(repo, "refs/heads/main", "stages")
    assert [(change.commit, change.before, change.after) for change in found] == [
        (first, "", blob["1"]), (merge, blob["1"], blob["2"]), (last, blob["2"], ""),
    ]  # fmt: skip
    assert found[1].parents == (before, head)
    assert found[1].message == "merge it\n\nbecause"
    assert {change.path for change in found} == {FILE}
    assert first_parent_changes(repo, "refs/heads/main", "stages/staging") == []
    with pytest.raises(NotFound, match="no history of refs/heads/none"):
        first_parent_changes(repo, "refs/heads/none", "stages")
