"""A repository that holds what was asked for, and the names a server tells without any object."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitreg.errors import NotFound, Unreachable
from gitreg.stores.git import names as git_names
from gitreg.stores.git import partial as git_partial
from gitreg.stores.git.partial import ONE_COMMIT, PartialRepository, clone_partially
from testing.gitcli import git
from testing.smart_http import HttpServer
from testing.sshd import SshServer
from testing.work import processes


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Three files on main, and two orphan commits, tagged a@1 and b@1, that share a file."""
    folder = tmp_path / "origin"
    git(tmp_path, "init", "-q", "-b", "main", folder)
    git(folder, "config", "uploadpack.allowFilter", "true")
    for name in ("one", "two", "three"):
        (folder / name).write_text(f"{name}\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "main")
    for name in ("a", "b"):
        git(folder, "checkout", "-q", "--orphan", name)
        (folder / name).write_text(f"{name}\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", name)
        git(folder, "tag", "-a", "-m", name, f"{name}@1")
    git(folder, "checkout", "-q", "main")
    return folder


@pytest.fixture
def partial(origin: Path, tmp_path: Path) -> PartialRepository:
    return clone_partially(tmp_path / "partial", f"file://{origin}")


def fetches(calls: list[list[str]]) -> int:
    return sum("fetch" in argv for argv in calls)


def test_files_of_main_come_when_they_are_read_in_one_batch(partial: PartialRepository) -> None:
    names = [f"main:{name}" for name in ("one", "none", "two", "three")]
    found: list[tuple[str, str, bytes]] = []
    assert fetches(processes(lambda: found.extend(partial.objects(names)))) == 1
    assert [content for _, _, content in found] == [b"one\n", b"", b"two\n", b"three\n"]
    assert found[1][1] == "missing"
    assert fetches(processes(lambda: list(partial.objects(names)))) == 0
    assert sorted(partial.paths("main")) == ["one", "three", "two"]


def test_a_tree_that_is_listed_brings_its_files_at_once(partial: PartialRepository) -> None:
    assert fetches(processes(lambda: partial.tree("main"))) == 1
    assert {entry.path: entry.size for entry in partial.tree("main")} == {"one": 4, "two": 4, "three": 6}


def test_a_commit_without_its_tree_is_brought_whole(partial: PartialRepository) -> None:
    partial.fetch("origin", ["refs/tags/*:refs/tags/*"], extra=["--filter=tree:0"])
    assert fetches(processes(lambda: partial.tree("a@1"))) == 1
    assert [content for _, _, content in partial.objects(["b@1:b", "b@1:one"])] == [b"b\n", b"one\n"]
    for tag in ("a@1", "b@1"):
        assert "?" not in git(partial.git_dir, "rev-list", "--objects", "--missing=print", tag)


def test_one_commit_is_whole_though_the_origin_thinks_that_part_of_it_is_here(partial: PartialRepository) -> None:
    partial.fetch("origin", ["refs/tags/a@1:refs/tags/a@1"], extra=["--filter=tree:0"])
    partial.fetch("origin", ["refs/tags/b@1:refs/tags/b@1"], extra=ONE_COMMIT)
    assert "?" not in git(partial.git_dir, "rev-list", "--objects", "--missing=print", "b@1")


def test_offline_it_asks_nobody_and_says_so(partial: PartialRepository) -> None:
    alone = PartialRepository(partial.git_dir, partial.git_dir, None, offline=True)

    def read() -> None:
        with pytest.raises(Unreachable, match="was never brought here, and this is offline"):
            list(alone.objects(["main:one"]))
        with pytest.raises(Unreachable):
            alone.tree("main")

    assert fetches(processes(read)) == 0
    assert sorted(alone.paths("main")) == ["one", "three", "two"]


def test_many_packs_become_one_and_nothing_is_lost(partial: PartialRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_partial, "_MANY_PACKS", 1)
    for name in ("one", "two"):
        assert partial.content(f"main:{name}", name) == f"{name}\n".encode()
    partial.fetch("origin", ["refs/tags/a@1:refs/tags/a@1"], extra=ONE_COMMIT)
    assert len(list((partial.git_dir / "objects/pack").glob("*.pack"))) <= 2
    for name in ("three", "two", "one"):
        assert partial.content(f"main:{name}", name) == f"{name}\n".encode()
    assert "?" not in git(partial.git_dir, "rev-list", "--objects", "--missing=print", "a@1")


def test_what_cannot_be_cloned(tmp_path: Path, origin: Path) -> None:
    with pytest.raises(NotFound, match="has no branch other"):
        clone_partially(tmp_path / "x", f"file://{origin}", "other")
    git(tmp_path, "init", "-q", "--bare", "empty")
    with pytest.raises(NotFound, match="it has no branch"):
        clone_partially(tmp_path / "y", f"file://{tmp_path}/empty")


@pytest.mark.parametrize("transport", ["file", "path", "ssh", "http"])
def test_names_are_told_by_prefix_and_no_object_comes(
    origin: Path, tmp_path: Path, sshd: SshServer, smart_http: HttpServer, transport: str
) -> None:
    urls = {"file": f"file://{origin}", "path": str(origin), "ssh": sshd.url(origin), "http": smart_http.url(origin)}
    partial = clone_partially(tmp_path / transport, urls[transport])
    here = git(partial.git_dir, "count-objects", "-v")
    tag = git(origin, "rev-parse", "a@1")
    assert partial.names("refs/tags/a@") == {"refs/tags/a@1": tag}
    assert sorted(partial.names("refs/heads/m", "refs/tags/b")) == ["refs/heads/main", "refs/tags/b@1"]
    assert partial.names("refs/tags/none") == {}
    assert git(partial.git_dir, "count-objects", "-v") == here


def test_a_server_of_an_older_protocol_tells_all_its_refs(origin: Path) -> None:
    told = subprocess.run(["git", "upload-pack", "--advertise-refs", origin], capture_output=True, check=True).stdout
    found = git_names._parse(told)
    assert found is not None
    assert found["refs/tags/a@1"] == git(origin, "rev-parse", "a@1")
    assert found["HEAD"] == git(origin, "rev-parse", "main")
    assert not [name for name in found if name.endswith("^{}")]
    assert git_names._parse(told[:-20]) is None


def test_with_an_ssh_of_another_kind_git_itself_asks(
    origin: Path, tmp_path: Path, sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = clone_partially(tmp_path / "partial", sshd.url(origin))
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f'#!/bin/sh\nexec {os.environ["GIT_SSH_COMMAND"]} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(wrapper))
    assert partial.names("refs/tags/a@") == {"refs/tags/a@1": git(origin, "rev-parse", "a@1")}


def test_names_of_a_server_that_is_gone(partial: PartialRepository, origin: Path) -> None:
    origin.rename(origin.with_name("away"))
    with pytest.raises(Unreachable, match="cannot reach"):
        partial.names("refs/tags/a@")
