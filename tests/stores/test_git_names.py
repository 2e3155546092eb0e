"""The names of one model at a remote, over every transport, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitreg.errors import NotFound, Unreachable
from gitreg.stores.git import Repository, create_repository
from gitreg.stores.git.names import names_at
from testing.gitcli import git
from testing.smart_http import HttpServer
from testing.sshd import SshServer

TAGS = ("churn@1", "churn@v1.0.0", "churn@v1.0.0!", "churned@1", "price@1")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    path = tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", path)
    tree = git(path, "hash-object", "-t", "tree", "-w", "--stdin", input=b"")
    commit = git(path, "commit-tree", "-m", "x", tree)
    for name in TAGS:
        git(path, "update-ref", f"refs/tags/{name}", commit)
    git(path, "update-ref", "refs/heads/main", commit)
    return path


def reader(tmp_path: Path, address: str) -> Repository:
    made = create_repository(tmp_path / "reader", bare=True)
    made.set_config("remote.origin.url", address)
    return made


def check(found: dict[str, str] | None, origin: Path) -> None:
    commit = git(origin, "rev-parse", "refs/heads/main")
    wanted = ("churn@1", "churn@v1.0.0", "churn@v1.0.0!")
    assert found == {f"refs/tags/{name}": commit for name in wanted}


def test_of_a_folder(tmp_path: Path, origin: Path) -> None:
    for address in (str(origin), f"file://{origin}"):
        check(names_at(reader(tmp_path, address), "origin", "refs/tags/churn@"), origin)


def test_by_ssh(tmp_path: Path, origin: Path, sshd: SshServer) -> None:
    check(names_at(reader(tmp_path, sshd.url(origin)), "origin", "refs/tags/churn@"), origin)


def test_by_http(tmp_path: Path, origin: Path, smart_http: HttpServer) -> None:
    before = sum(asked.sent for asked in smart_http.requests())
    for n in range(500):
        git(origin, "update-ref", f"refs/tags/other@{n}", "refs/heads/main")
    check(names_at(reader(tmp_path, smart_http.url(origin)), "origin", "refs/tags/churn@"), origin)
    assert sum(asked.sent for asked in smart_http.requests()) - before < 10_000


def test_no_name_begins_so(tmp_path: Path, origin: Path) -> None:
    assert names_at(reader(tmp_path, str(origin)), "origin", "refs/tags/none@") == {}


def test_of_several_beginnings(tmp_path: Path, origin: Path) -> None:
    found = names_at(reader(tmp_path, str(origin)), "origin", "refs/tags/price@", "refs/heads/main")
    assert found is not None and sorted(found) == ["refs/heads/main", "refs/tags/price@1"]


def test_nobody_answers(tmp_path: Path, origin: Path, smart_http: HttpServer) -> None:
    for address in ("http://127.0.0.1:1/registry.git", "ssh://127.0.0.1:1/registry.git", smart_http.url("/nowhere")):
        with pytest.raises((NotFound, Unreachable), match="cannot reach"):
            names_at(reader(tmp_path, address), "origin", "refs/tags/churn@")


def test_a_way_that_gitreg_does_not_know_is_left_to_git(tmp_path: Path) -> None:
    assert names_at(reader(tmp_path, "ext::sh -c true"), "origin", "refs/tags/churn@") is None
