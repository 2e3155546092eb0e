"""A git that is kept at work answers as one that is started for each question."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitreg.errors import Damaged, NotFound, Refused
from gitreg.stores.git import Repository, find_repository
from gitreg.stores.git.kept import KeptGit
from testing.gitcli import git
from testing.work import processes


def made(path: Path, files: Mapping[str, bytes]) -> Repository:
    """A repository with one commit of `files`."""
    git(path.parent, "init", "-q", "-b", "main", path)
    repo = find_repository(path)
    assert repo is not None
    commit(repo, files)
    return repo


def commit(repo: Repository, files: Mapping[str, bytes]) -> str:
    assert repo.work_tree is not None
    for name, content in files.items():
        target = repo.work_tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    git(repo.work_tree, "add", "-A")
    git(repo.work_tree, "commit", "-q", "--allow-empty", "-m", "more")
    return git(repo.work_tree, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return made(tmp_path / "repo", {"a": b"1\n", "folder/b c": b"", "folder/deep/d": b"\n\0x missing\n" * 30_000})


def kept_of(repo: Repository) -> subprocess.Popen[bytes]:
    running = repo._kept and repo._kept._running
    assert running
    return running.program


def all_of(repo: Repository) -> object:
    names = ["main:a", "main:folder/b c", "main:nowhere or so", "main:folder/deep/d", "main^{tree}", "x\ny"]
    return list(repo.objects(names)), repo.tree("main"), repo.tree("main", "folder")


def apart(repo: Repository) -> Repository:
    """The same repository, each question asked of a git of its own."""
    other = Repository(repo.git_dir, repo.common_dir, repo.work_tree)
    other.__dict__["_kept"] = None
    return other


def test_it_answers_as_one_that_is_started_each_time(repo: Repository) -> None:
    assert all_of(repo) == all_of(apart(repo))


def test_many_questions_are_one_program(repo: Repository) -> None:
    def ask() -> None:
        for _ in range(5):
            assert repo.content("main:a", "a") == b"1\n"
            assert [entry.path for entry in repo.tree("main", "folder")] == ["b c", "deep/d"]
            with pytest.raises(NotFound):
                repo.content("main:nowhere", "nowhere")

    started = processes(ask)
    assert [args[-2:] for args in started] == [["cat-file", "--batch-command"]]


def test_it_ends_with_the_repository(repo: Repository) -> None:
    assert repo.content("main:a", "a")
    other = Repository(repo.git_dir, repo.common_dir, repo.work_tree)
    assert other.content("main:a", "a")
    running = kept_of(other)
    del other
    gc.collect()
    assert running.returncode == -signal.SIGKILL
    assert running.stdin and running.stdout and running.stdin.closed and running.stdout.closed
    assert kept_of(repo).poll() is None


def test_it_ends_with_the_program(repo: Repository) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from gitreg.stores.git import find_repository\n"
        "repo = find_repository(Path(sys.argv[1]))\n"
        "repo.content('main:a', 'a')\n"
        "print(repo._kept._running.program.pid)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, repo.git_dir], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


@pytest.mark.parametrize("when", ["before", "while asked"])
def test_one_that_was_killed_is_begun_again(repo: Repository, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = all_of(apart(repo))
    assert all_of(repo) == before
    old = kept_of(repo)
    if when == "before":
        old.kill()
        old.wait()
    else:
        os.kill(old.pid, signal.SIGSTOP)
        threading.Timer(0.1, old.kill).start()
    assert all_of(repo) == before
    assert repo.content("main:a", "a") == b"1\n"
    assert kept_of(repo).pid != old.pid


def test_an_answer_that_was_not_read_to_its_end_is_not_taken_for_the_next(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repo.content("main:a", "a") == b"1\n"
    running = kept_of(repo)

    def interrupted(fd: int, count: int) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("gitreg.stores.git.kept.os.read", interrupted)
        repo.content("main:folder/deep/d", "d")
    assert repo.content("main:a", "a") == b"1\n"
    assert running.returncode is not None


def test_what_comes_later_is_found_and_what_is_packed_meanwhile(repo: Repository) -> None:
    assert repo.content("main:a", "a") == b"1\n"
    running = kept_of(repo)
    old = git(repo.git_dir, "rev-parse", "main")
    for turn in range(3):
        assert next(iter(repo.objects([f"main:new{turn}"])))[1] == "missing"
        commit(repo, {f"new{turn}": b"new", "a": b"%d" % turn})
        assert repo.content(f"main:new{turn}", "new") == b"new"
        assert repo.content("main:a", "a") == b"%d" % turn
        git(repo.git_dir, "gc", "-q", "--prune=now")
        assert repo.content("main:a", "a") == b"%d" % turn
        assert repo.content(f"{old}:a", "a") == b"1\n"
    assert kept_of(repo) is running


def test_threads_share_it(repo: Repository) -> None:
    expected, found = all_of(apart(repo)), []
    threads = [threading.Thread(target=lambda: found.extend(all_of(repo) for _ in range(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(one == expected for one in found)


def test_a_forked_program_has_its_own(repo: Repository) -> None:
    expected = all_of(repo)
    running = kept_of(repo)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if all_of(repo) == expected and kept_of(repo) is not running else 2
        finally:
            os._exit(code)
    for _ in range(50):
        assert all_of(repo) == expected
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert all_of(repo) == expected
    assert kept_of(repo) is running


@pytest.mark.parametrize("ending", ["os._exit(0)", "sys.exit(0)", "assert all_of(repo) == expected"])
def test_a_program_that_is_forked_off_while_another_thread_asks(repo: Repository, ending: str) -> None:
    """In a program of its own: pytest's is forked by nobody."""
    code = (
        "import os, sys, threading, warnings\n"
        "from pathlib import Path\n"
        "from gitreg.stores.git import find_repository\n"
        "repo = find_repository(Path(sys.argv[1]))\n"
        "def all_of(repo): return list(repo.objects(['main:a', 'main:folder/deep/d'] * 8))\n"
        "expected, over, wrong = all_of(repo), threading.Event(), []\n"
        "def ask():\n"
        "    while not over.is_set():\n"
        "        if all_of(repo) != expected: wrong.append(1)\n"
        "threading.Thread(target=ask).start()\n"
        "for _ in range(20):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        f"        {ending}\n"
        "        os._exit(0)\n"
        "    if os.waitpid(child, 0)[1]: wrong.append(2)\n"
        "over.set()\n"
        "print(wrong)\n"
    )
    argv = [sys.executable, "-c", code, repo.git_dir]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_a_copy_begins_its_own(repo: Repository) -> None:
    expected = all_of(repo)
    for copied in (pickle.loads(pickle.dumps(repo)), copy.deepcopy(repo)):
        assert all_of(copied) == expected
        assert kept_of(copied) is not kept_of(repo)


def test_not_all_repositories_of_a_program_have_one(repo: Repository) -> None:
    expected = all_of(repo)
    many = [Repository(repo.git_dir, repo.common_dir, repo.work_tree) for _ in range(40)]
    assert all(all_of(each) == expected for each in many)
    begun = [each._kept._running is not None for each in many if each._kept]
    assert 0 < sum(begun) <= 16
    assert len(begun) == 40


def test_no_git_is_told_by_whoever_asks_otherwise(tmp_path: Path) -> None:
    nowhere = KeptGit(str(tmp_path / "nowhere"))
    assert nowhere.contents(["main:a"]) is None
    assert nowhere.facts(["main:a"]) is None


def test_no_question_starts_nothing(repo: Repository) -> None:
    assert processes(lambda: list(repo.objects([]))) == []


def test_a_broken_object_is_told(repo: Repository) -> None:
    assert repo.content("main:a", "a") == b"1\n"
    oid = git(repo.git_dir, "rev-parse", "main:folder/deep/d")
    path = repo.git_dir / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(Damaged, match="git cannot read objects"):
        repo.content("main:folder/deep/d", "d")
    assert repo.content("main:a", "a") == b"1\n"


def _link(repo: Path) -> None:
    (repo / "folder" / "link").symlink_to("b c")


def _deep(repo: Path) -> None:
    (repo / "/".join("x" * 30)).mkdir(parents=True)
    Path(repo, *("x" * 30), "file").write_text("deep")


def _many(repo: Path) -> None:
    for n in range(200):
        (repo / f"file{n}").write_text(str(n))


@pytest.mark.parametrize("change", [_link, _deep, _many])
def test_a_tree_that_is_not_small_and_plain_is_listed_by_git(repo: Repository, change: Callable[[Path], None]) -> None:
    assert repo.work_tree
    change(repo.work_tree)
    commit(repo, {})
    if change is _link:
        with pytest.raises(Refused, match=r"folder/link in .* is a symlink or submodule"):
            repo.tree("main")
    else:
        assert repo.tree("main") == apart(repo).tree("main")
        assert len(repo.tree("main")) > 3


@pytest.mark.parametrize(
    "tree", [b"garbage", b"100644 abc", b"100644 a\0short", b"100644 \0" + b"\1" * 20, b"40000 \0" + b"\1" * 20]
)
def test_a_tree_that_is_none_is_not_there(repo: Repository, tree: bytes) -> None:
    argv = ["git", "hash-object", "--literally", "-t", "tree", "-w", "--stdin"]
    oid = subprocess.run(argv, input=tree, cwd=repo.git_dir, capture_output=True, check=True).stdout.decode().strip()
    with pytest.raises(NotFound):
        repo.tree(oid)
    assert repo.content("main:a", "a") == b"1\n"


_NAMES = st.text(st.sampled_from("ab.-0 \u00e9~"), min_size=1, max_size=3).filter(lambda name: name.strip(". ~"))


@given(st.lists(st.lists(_NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=12))
@settings(max_examples=25)
def test_a_tree_is_in_gits_order(tmp_path_factory: pytest.TempPathFactory, paths: list[str]) -> None:
    kept: dict[str, bytes] = {}
    for path in paths:
        if not any(path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in kept):
            kept[path] = path.encode()
    repo = made(tmp_path_factory.mktemp("trees") / "repo", kept)
    assert repo.tree("main") == apart(repo).tree("main")
    assert {entry.path for entry in repo.tree("main")} == set(kept)
