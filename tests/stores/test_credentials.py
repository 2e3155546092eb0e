"""What git is told of who asks: by GITREG_TOKEN, by git's own helpers, by ssh; and who never hears of it."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from gitreg.errors import Refused, Unreachable
from gitreg.stores.git import RefChange, Repository, create_repository
from gitreg.stores.git.credentials import credentials_used, token_server, travelling
from testing.gitcli import git
from testing.smart_http import HttpServer
from testing.sshd import SshServer

SECRET = "tok-3cr3t"


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository with one commit on main."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(tmp_path, "clone", "-q", "origin.git", "first")
    git(tmp_path / "first", "commit", "-q", "--allow-empty", "-m", "one")
    git(tmp_path / "first", "push", "-q", "origin", "HEAD:main")
    return tmp_path / "origin.git"


@pytest.fixture
def here(tmp_path: Path) -> Repository:
    return create_repository(tmp_path / "here.git", bare=True)


def pointed(here: Repository, address: str) -> Repository:
    here.set_config("remote.origin.url", address)
    return here


def main_of(here: Repository, address: str) -> str:
    return pointed(here, address).remote_refs("origin", "refs/heads/main").get("refs/heads/main", "")


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch, http_server: HttpServer) -> Iterator[str]:
    """A token that the server takes of x-access-token and of bo."""
    http_server.admit("x-access-token", SECRET)
    http_server.admit("bo", SECRET)
    monkeypatch.setenv("GITREG_TOKEN", SECRET)
    yield SECRET
    http_server.expel("x-access-token")
    http_server.expel("bo")


def test_a_token_lets_in_to_read_and_to_write(
    here: Repository, origin: Path, http_server: HttpServer, token: str
) -> None:
    commit = main_of(here, http_server.url(origin))
    assert commit == git(origin, "rev-parse", "main")
    here.fetch("origin", ["refs/heads/main:refs/heads/main"])
    here.push("origin", [RefChange("refs/tags/new", commit)])
    assert git(origin, "rev-parse", "new") == commit
    assert {asked.user for asked in http_server.requests() if asked.status == 200 and str(origin) in asked.line} == {
        "x-access-token"
    }
    assert token not in (here.git_dir / "config").read_text()


@pytest.mark.parametrize("how", ["variable", "address"])
def test_the_name_that_goes_with_a_token_can_be_told(
    here: Repository, origin: Path, http_server: HttpServer, token: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    http_server.expel("x-access-token")
    if how == "variable":
        monkeypatch.setenv("GITREG_TOKEN_USER", "bo")
    address = http_server.url(origin, user="bo" if how == "address" else "")
    assert main_of(here, address)


def test_gits_own_helper_works_without_a_token_and_is_told_nothing_of_one(
    here: Repository, origin: Path, smart_http: HttpServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, stored = smart_http.url(origin), home / ".git-credentials"
    assert main_of(here, address)
    before = stored.read_text()
    smart_http.admit("x-access-token", SECRET)
    monkeypatch.setenv("GITREG_TOKEN", SECRET)
    assert main_of(here, address)
    assert smart_http.requests()[-1].user == "x-access-token"
    smart_http.expel("x-access-token")
    with pytest.raises(Unreachable, match="refused who you are"):
        main_of(here, address)
    assert stored.read_text() == before


def test_the_users_own_settings_in_the_environment_stand(
    here: Repository, origin: Path, http_server: HttpServer, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{http_server.url(origin)}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "team:")
    assert main_of(here, "team:")


def test_a_token_is_in_no_argument_and_in_nothing_that_git_tells(
    here: Repository, origin: Path, http_server: HttpServer, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("GIT_TRACE", "GIT_TRACE_CURL", "GIT_TRACE2_EVENT"):
        monkeypatch.setenv(variable, str(tmp_path / "trace"))
    commit = main_of(here, http_server.url(origin))
    here.fetch("origin", ["refs/heads/main:refs/heads/main"])
    here.push("origin", [RefChange("refs/tags/new", commit)])
    told = (tmp_path / "trace").read_text()
    assert "git-remote-http" in told and SECRET not in told


@pytest.mark.parametrize("user", ["", "ana"])
def test_a_wrong_token_is_told_by_its_name(
    here: Repository, origin: Path, http_server: HttpServer, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    monkeypatch.setenv("GITREG_TOKEN", "wr0ng")
    for call in (
        lambda: main_of(here, http_server.url(origin, user)),
        lambda: here.fetch("origin", ["refs/heads/main"]),
        lambda: here.push("origin", [RefChange("refs/tags/new", git(origin, "rev-parse", "main"))]),
    ):
        git(here.git_dir, "fetch", "-q", str(origin), "main")
        with pytest.raises(Unreachable, match=r"127.0.0.1:.*: the server refused who you are") as told:
            call()
        assert told.value.exit_code == 75
        assert told.value.hint.startswith("GITREG_TOKEN was used")
        assert "wr0ng" not in f"{told.value.message}{told.value.hint}"


def test_without_any_credentials_both_ways_to_have_some_are_told(
    here: Repository, origin: Path, http_server: HttpServer
) -> None:
    with pytest.raises(Unreachable, match="refused who you are") as told:
        main_of(here, http_server.url(origin))
    assert "set GITREG_TOKEN, or let git's credential helper know" in told.value.hint


def test_who_may_read_only_is_refused_to_write(here: Repository, origin: Path, smart_http: HttpServer) -> None:
    git(origin, "config", "http.receivepack", "false")
    commit = main_of(here, smart_http.url(origin))
    here.fetch("origin", ["refs/heads/main:refs/heads/main"])
    with pytest.raises(Unreachable, match="refused who you are: it answers 403") as told:
        here.push("origin", [RefChange("refs/tags/new", commit)])
    assert told.value.hint == "git's credential helper store was used; set GITREG_TOKEN to use a token"


def test_a_repository_that_is_not_there_is_named(here: Repository, origin: Path, smart_http: HttpServer) -> None:
    with pytest.raises(Unreachable, match=r"there is no repository http://127.0.0.1:\d+/git/.*/nothing.git\nhint: "):
        main_of(here, smart_http.url(origin.parent / "nothing.git"))


def test_ssh_with_a_key_that_is_not_known_there(
    here: Repository, origin: Path, sshd: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main_of(here, sshd.url(origin))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    settings = (sshd.folder / "client_config").read_text().replace(str(sshd.key), str(tmp_path / "other"))
    (tmp_path / "config").write_text(settings)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"ssh -F {tmp_path / 'config'}")
    with pytest.raises(Unreachable, match=r"refused who you are: .*Permission denied") as told:
        main_of(here, sshd.url(origin))
    assert "the key that ssh offers is not known there" in told.value.hint


class _Listening(http.server.BaseHTTPRequestHandler):
    """Writes down what it is told; sends on to another address where it has one, and else asks who it is."""

    onward: ClassVar[str] = ""
    port: ClassVar[int] = 0
    seen: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.seen.append(f"{self.path} {self.headers.get('Authorization', '')}")
        self.send_response(302 if self.onward else 401)
        if self.onward:
            self.send_header("Location", self.onward + self.path)
        else:
            self.send_header("WWW-Authenticate", 'Basic realm="elsewhere"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def listening() -> Iterator[type[_Listening]]:
    class Listening(_Listening):
        seen: ClassVar[list[str]] = []

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        Listening.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Listening
        server.shutdown()


def test_a_server_that_sends_on_to_another_does_not_send_the_token_there(
    here: Repository, listening: type[_Listening], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Onward(_Listening):
        seen: ClassVar[list[str]] = []
        onward = f"http://localhost:{listening.port}"

    monkeypatch.setenv("GITREG_TOKEN", SECRET)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Onward) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(Unreachable):
            main_of(here, f"http://127.0.0.1:{server.server_port}/r.git")
        server.shutdown()
    assert listening.seen
    assert all(line.endswith(" ") for line in listening.seen)


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("https://git.example.org/team/r.git", "https://git.example.org"),
        ("https://bo@Git.Example.org:8443/r.git", "https://git.example.org:8443"),
        ("http://127.0.0.1:8080/r.git", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/r.git", "http://[::1]:8080"),
        ("http://localhost/r.git", "http://localhost"),
        ("http://git.example.org/r.git", ""),
        ("http://127.0.0.1.example.org/r.git", ""),
        ("https://*/r.git", ""),
        ("https://[broken/r.git", ""),
        ("ssh://git@git.example.org/r.git", ""),
        ("git@git.example.org:r.git", ""),
        ("/srv/r.git", ""),
    ],
)
def test_only_https_and_this_machine_are_sent_a_token(
    address: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITREG_TOKEN", SECRET)
    assert token_server(address) == server
    told = travelling(address, {})
    assert ("GITREG_CREDENTIAL" in told) == bool(server)
    assert all(SECRET not in value for name, value in told.items() if name != "GITREG_CREDENTIAL")


@pytest.mark.parametrize(
    ("address", "settings", "env", "told"),
    [
        ("https://h/r", {}, {}, ("none", "no credential helper, no GITREG_TOKEN")),
        ("https://h/r", {}, {"GITREG_TOKEN": SECRET}, ("token", "GITREG_TOKEN, as x-access-token, for https://h")),
        ("https://bo@h/r", {}, {"GITREG_TOKEN": SECRET}, ("token", "GITREG_TOKEN, as bo, for https://h")),
        ("http://h/r", {}, {"GITREG_TOKEN": SECRET}, ("none", "GITREG_TOKEN is not sent over plain http")),
        ("https://h/r", {"credential.helper": "store"}, {}, ("helper", "git's credential helper store")),
        (
            "https://h/r", {"credential.https://h.helper": f"!echo {SECRET}"}, {},
            ("helper", "git's credential helper a command"),
        ),
        ("git@h:r", {}, {}, ("ssh", "ssh, with the keys and the agent it finds")),
        ("/srv/r.git", {}, {}, ("none", "a folder of this machine")),
    ],
)  # fmt: skip
def test_the_credentials_used_are_told_without_the_secret(
    address: str, settings: dict[str, str], env: dict[str, str], told: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    used = credentials_used(address, settings)
    assert (used.kind, used.detail) == told


def test_a_token_of_two_lines_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITREG_TOKEN", f"{SECRET}\n")
    assert travelling("https://h/r", {})["GITREG_CREDENTIAL"] == f"username=x-access-token\npassword={SECRET}\n"
    monkeypatch.setenv("GITREG_TOKEN", f"{SECRET}\nhost=elsewhere")
    with pytest.raises(Refused, match=r"^GITREG_TOKEN holds more than one line\nhint: "):
        travelling("https://h/r", {})


def test_how_long_a_silent_server_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def limits(**settings: str) -> dict[str, str]:
        told = travelling("https://h/r", settings)
        count = int(told["GIT_CONFIG_COUNT"])
        return {told[f"GIT_CONFIG_KEY_{n}"]: told[f"GIT_CONFIG_VALUE_{n}"] for n in range(count)}

    assert limits() == {"http.lowSpeedLimit": "1", "http.lowSpeedTime": "60"}
    assert limits(**{"http.lowspeedtime": "5"}) == {}
    monkeypatch.setenv("GITREG_TIMEOUT", "2.4")
    assert limits(**{"http.lowspeedtime": "5"})["http.lowSpeedTime"] == "2"
    for wrong in ("soon", "0", "-1", "nan"):
        monkeypatch.setenv("GITREG_TIMEOUT", wrong)
        with pytest.raises(Refused, match="GITREG_TIMEOUT is "):
            travelling("https://h/r", {})


@pytest.mark.parametrize(
    ("env", "settings", "command"),
    [
        ({}, {}, "ssh"),
        ({"GIT_SSH_COMMAND": "ssh -F x"}, {"core.sshcommand": "y"}, "ssh -F x"),
        ({"GIT_SSH": "/opt/my tools/ssh"}, {}, "'/opt/my tools/ssh'"),
        ({}, {"core.sshcommand": "/usr/bin/ssh -4"}, "/usr/bin/ssh -4"),
        ({"GIT_SSH": "plink"}, {}, ""),
        ({"GIT_SSH_COMMAND": "ssh 'x"}, {}, ""),
    ],
)
def test_ssh_gives_up_on_a_server_that_is_gone(
    env: dict[str, str], settings: dict[str, str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITREG_TIMEOUT", "9")
    limits = " -o ConnectTimeout=9 -o ServerAliveInterval=3 -o ServerAliveCountMax=3"
    told = travelling("git@h:r", settings).get("GIT_SSH_COMMAND", "")
    assert told == (command + limits if command else "")
    assert "GIT_SSH_COMMAND" not in os.environ or os.environ["GIT_SSH_COMMAND"] == env.get("GIT_SSH_COMMAND")
