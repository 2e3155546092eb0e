"""One ref read from its file or from packed-refs is the one that git tells."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitreg.stores.git import Repository, find_repository
from testing.gitcli import git
from testing.work import processes, steps


def made(path: Path) -> Repository:
    git(path.parent, "init", "-q", "-b", "main", path)
    git(path, "commit", "-q", "--allow-empty", "-m", "one")
    repo = find_repository(path)
    assert repo is not None
    return repo


def tag(repo: Repository, *names: str, annotated: bool = True) -> None:
    """Give tags to HEAD; an annotated one has a line of its own in packed-refs, for what it is of."""
    head = git(repo.git_dir, "rev-parse", "HEAD")
    if annotated and names:
        git(repo.git_dir, "tag", "-a", "-m", "x", names[0], head)
        head = git(repo.git_dir, "rev-parse", f"refs/tags/{names[0]}")
    lines = "".join(f"update refs/tags/{name} {head}\n" for name in names)
    subprocess.run(["git", "update-ref", "--stdin"], input=lines.encode(), cwd=repo.git_dir, check=True)


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return made(tmp_path / "repo")


def check(repo: Repository, *names: str) -> None:
    there = {ref.name: ref.oid for ref in repo.refs("refs/")}
    for name in names:
        assert repo.read_ref(name) == there.get(name, ""), name


_NAMES = st.text("ab@!.-0\u00e9", min_size=1, max_size=4).filter(
    lambda name: not name.startswith((".", "-")) and not name.endswith(".") and ".." not in name and name != "@"
)


@given(st.sets(_NAMES, max_size=12), st.sets(_NAMES, max_size=3), st.sets(_NAMES, max_size=12), st.booleans())
@settings(max_examples=25)
def test_it_is_the_one_that_git_tells(
    tmp_path_factory: pytest.TempPathFactory, packed: set[str], later: set[str], asked: set[str], annotated: bool
) -> None:
    repo = made(tmp_path_factory.mktemp("refs") / "repo")
    tag(repo, *sorted(packed), annotated=annotated)
    git(repo.git_dir, "pack-refs", "--all")
    git(repo.git_dir, "commit-tree", "-m", "two", "HEAD^{tree}")
    tag(repo, *sorted(later - packed), annotated=annotated)
    names = [f"refs/tags/{name}" for name in packed | later | asked]
    assert not processes(lambda: [repo.read_ref(name) for name in names])
    check(repo, *names, "refs/heads/main", "refs/heads/mai", "refs/heads/main0", "refs/tags", "refs/heads/main/x")


def test_what_is_unusual_is_asked_of_git(repo: Repository) -> None:
    tag(repo, "a", "b", "c")
    git(repo.git_dir, "symbolic-ref", "refs/tags/d", "refs/tags/b")
    check(repo, "refs/tags/d", "refs/tags/a", "refs/tags/e")
    git(repo.git_dir, "pack-refs", "--all")
    packed = repo.common_dir / "packed-refs"
    lines = packed.read_text().splitlines(keepends=True)
    packed.write_text("".join([lines[0].replace(" sorted", ""), *reversed(lines[1:2]), *lines[2:]]))
    check(repo, "refs/tags/a", "refs/tags/b", "refs/tags/e", "refs/heads/main")
    packed.write_text("")
    check(repo, "refs/tags/a", "refs/tags/d")


def test_the_work_is_the_same_however_many_there_are(repo: Repository) -> None:
    def work(wanted: int) -> int:
        tag(repo, *(f"churn@v{n}.0.0" for n in range(wanted)), annotated=False)
        git(repo.git_dir, "pack-refs", "--all")
        return steps(lambda: repo.read_ref("refs/tags/churn@v17.0.0"))

    assert work(5000) < work(50) * 4
