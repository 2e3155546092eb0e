"""The HTTP server of the tests serves git to whoever has the password, and says what a hook says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from testing import serving
from testing.gitcli import GitFailed, git
from testing.smart_http import PASSWORD, USER, HttpServer, serving_http


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository with one commit."""
    git(tmp_path, "init", "-q", "--bare", "origin with space.git")
    git(tmp_path, "init", "-q", "work")
    git(tmp_path / "work", "commit", "-q", "--allow-empty", "-m", "first")
    git(tmp_path / "work", "push", "-q", tmp_path / "origin with space.git", "main")
    return tmp_path / "origin with space.git"


def test_git_clones_and_pushes_more_than_it_holds_in_memory(
    smart_http: HttpServer, origin: Path, tmp_path: Path
) -> None:
    url = smart_http.url(origin)
    git(tmp_path, "clone", "-q", url, "copy")
    (tmp_path / "copy/large").write_bytes(os.urandom(3 << 20))  # above http.postBuffer: sent in chunks
    git(tmp_path / "copy", "add", ".")
    git(tmp_path / "copy", "commit", "-q", "-m", "second")
    git(tmp_path / "copy", "push", "-q", "origin", "main")
    assert git(origin, "log", "--format=%s", "main").splitlines() == ["second", "first"]
    asked = [one for one in smart_http.requests() if one.line.startswith("POST") and "receive-pack" in one.line]
    assert asked[-1].status == 200 and asked[-1].user == USER and asked[-1].received > 3 << 20


def test_nobody_without_the_password(smart_http: HttpServer, origin: Path, home: Path, tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="Authentication failed"):
        git(tmp_path, "ls-remote", smart_http.url(origin, "ana", "wrong"))
    (home / ".git-credentials").unlink()
    with pytest.raises(GitFailed, match="could not read Username"):
        git(tmp_path, "ls-remote", smart_http.url(origin))
    smart_http.admit("bob", "another")
    assert "refs/heads/main" in git(tmp_path, "ls-remote", smart_http.url(origin, "bob", "another"))
    smart_http.expel("bob")
    with pytest.raises(GitFailed, match="Authentication failed"):
        git(tmp_path, "ls-remote", smart_http.url(origin, "bob", "another"))


def test_what_a_hook_says_reaches_the_client(smart_http: HttpServer, origin: Path, tmp_path: Path) -> None:
    hook = origin / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho only releases, please >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitFailed, match="remote: only releases, please"):
        git(tmp_path / "work", "push", smart_http.url(origin), "main:other")
    assert git(origin, "branch", "--list", "other") == ""


def test_filters_can_be_switched_off(smart_http: HttpServer, origin: Path, tmp_path: Path) -> None:
    command = ["git", "clone", "-q", "--bare", "--filter=blob:none", smart_http.url(origin)]
    for allowed in (True, False):
        smart_http.allow_filter(allowed)
        done = subprocess.run([*command, f"copy-{allowed}"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert ("filtering not recognized by server" in done.stderr) is not allowed
    smart_http.allow_filter(True)


def test_nothing_of_it_is_left_and_it_comes_back_at_the_same_place(origin: Path, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with serving_http(tmp_path / "server") as server:
        url = server.url(origin, USER, PASSWORD)
        heads = git(tmp_path, "ls-remote", url)
    assert not serving.accepts(server.port)
    with pytest.raises(GitFailed, match=r"Failed to connect|Couldn't connect"):
        git(tmp_path, "ls-remote", url)
    with serving_http(tmp_path / "server", port=server.port):
        assert git(tmp_path, "ls-remote", url) == heads
