"""Git over HTTP as servers offer it: nginx asks for a name and a password, git's own http-backend does the rest."""

from __future__ import annotations

import contextlib
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from testing import serving

USER = "ana"
PASSWORD = "correct horse"
WORKERS = 8  # so many requests are answered at once

NGINX_CONFIG = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
{user}
events {{ worker_connections 256; }}
http {{
    log_format counted '$status $request_length $bytes_sent "$remote_user" $request';
    access_log {folder}/access.log counted;
    client_body_temp_path {folder}/temporary;
    fastcgi_temp_path {folder}/temporary;
    proxy_temp_path {folder}/temporary;
    scgi_temp_path {folder}/temporary;
    uwsgi_temp_path {folder}/temporary;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port};
        location = /alive {{ access_log off; return 204; }}
        location ~ ^/git(?<repository>/.+)$ {{
            auth_basic registry;
            auth_basic_user_file {folder}/passwords;
            fastcgi_pass unix:git.sock;
            fastcgi_param SCRIPT_FILENAME {backend};
            fastcgi_param GIT_PROJECT_ROOT /;
            fastcgi_param GIT_HTTP_EXPORT_ALL yes;
            fastcgi_param PATH_INFO $repository;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param REMOTE_USER $remote_user;
            fastcgi_request_buffering off;
            fastcgi_buffering off;
            fastcgi_read_timeout 5m;
        }}
    }}
}}
"""

# What git on the server's side goes by, where a repository's own settings say nothing.
GIT_CONFIG = """\
[http]
    receivepack = true
[uploadpack]
    allowFilter = {allow_filter}
    allowAnySHA1InWant = true
[safe]
    directory = *
[init]
    defaultBranch = main
"""


@dataclass(frozen=True)
class Asked:
    """A request that the server has answered; `received` and `sent` are bytes, with their headers."""

    status: int
    received: int
    sent: int
    user: str
    line: str


@dataclass(frozen=True)
class HttpServer:
    """A running server of all repositories of this machine that the tests' user may read."""

    port: int
    folder: Path
    user: str = USER
    password: str = field(default=PASSWORD, repr=False)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str | Path, user: str = "", password: str = "") -> str:
        """The address of an absolute path on this machine; names nobody unless told to."""
        who = f"{quote(user, safe='')}{f':{quote(password)}' if password else ''}@" if user else ""
        return f"http://{who}{self.host}/git{quote(str(path))}"

    def admit(self, user: str, password: str) -> None:
        """Let somebody else in too, from the next request on."""
        hashed = subprocess.run(
            ["openssl", "passwd", "-apr1", "-stdin"], input=password, capture_output=True, text=True, check=True
        ).stdout.strip()
        with (self.folder / "passwords").open("a") as file:
            file.write(f"{user}:{hashed}\n")

    def expel(self, user: str) -> None:
        """Do not let `user` in any more."""
        passwords = self.folder / "passwords"
        kept = [line for line in passwords.read_text().splitlines(True) if not line.startswith(f"{user}:")]
        passwords.write_text("".join(kept))

    def allow_filter(self, allow: bool) -> None:
        """Whether clients may leave out objects, from the next request on: some servers do not let them."""
        (self.folder / "gitconfig").write_text(GIT_CONFIG.format(allow_filter=str(allow).lower()))

    def requests(self) -> list[Asked]:
        """Everything asked so far, in order. git asks once without a password, is refused, and asks again."""
        _alive(self.port)  # one worker, so what came before this request is in the log after it
        found = []
        for line in (self.folder / "access.log").read_text(errors="replace").splitlines():
            status, received, sent, rest = line.split(" ", 3)
            user, _, request = rest[1:].partition('" ')
            found.append(Asked(int(status), int(received), int(sent), user, request))
        return found

    def log(self) -> str:
        """What the server has complained of, and what git said on its side."""
        return "".join((self.folder / name).read_text(errors="replace") for name in ("nginx.log", "git.log"))


@contextlib.contextmanager
def serving_http(folder: Path, *, allow_filter: bool = True, port: int | None = None) -> Iterator[HttpServer]:
    """A server that keeps its own files in `folder` and lets USER with PASSWORD in; it runs as long as the block does.

    The same folder and port again continue a server that was stopped.
    """
    nginx, fcgiwrap = serving.program("nginx", "nginx-light"), serving.program("fcgiwrap", "fcgiwrap")
    backend = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip()) / "git-http-backend"
    config, home = folder / "nginx.conf", folder / "home"
    home.mkdir(exist_ok=True)
    for name in ("passwords", "access.log", "nginx.log", "git.log"):
        (folder / name).touch()
    (folder / "git.sock").unlink(missing_ok=True)

    def command(at: int) -> list[str]:
        user = "user root;" if os.geteuid() == 0 else ""  # the files are the tests' user's
        config.write_text(NGINX_CONFIG.format(folder=folder, port=at, user=user, backend=backend))
        return [nginx, "-p", str(folder), "-c", str(config), "-e", str(folder / "nginx.log")]

    # Git's side sees a home of its own. The socket's name is relative: the system takes no long ones.
    seen = {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
    wrapper = serving.start(
        [fcgiwrap, "-f", "-c", str(WORKERS), "-s", "unix:git.sock"], folder / "git.log", cwd=folder, env=seen
    )
    try:
        if not serving.becomes((folder / "git.sock").exists, wrapper):
            pytest.fail(f"fcgiwrap does not start: {(folder / 'git.log').read_text()}", pytrace=False)
        with serving.listening("nginx", command, folder / "nginx.log", port=port, ready=_alive, cwd=folder) as at:
            server = HttpServer(at, folder)
            server.allow_filter(allow_filter)
            if not (folder / "passwords").read_text():
                server.admit(USER, PASSWORD)
            yield server
    finally:
        serving.stop(wrapper)


def introduce(server: HttpServer, home: Path) -> HttpServer:
    """Let git of the user at `home` know the password, as `git credential approve` does."""
    with (home / ".gitconfig").open("a") as config:
        config.write("[credential]\n\thelper = store\n")
    with (home / ".git-credentials").open("a") as file:
        file.write(f"http://{quote(server.user)}:{quote(server.password)}@{quote(server.host, safe='')}\n")
    (home / ".git-credentials").chmod(0o600)
    return server


def _alive(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/alive", timeout=5) as answer:
            return bool(answer.status == 204)
    except (OSError, urllib.error.URLError):
        return False


@pytest.fixture(scope="session")
def http_server(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServer]:
    """The server itself, one for all tests of a process. Tests ask for `smart_http`, or start one of their own."""
    with serving_http(tmp_path_factory.mktemp("http")) as server:
        yield server


@pytest.fixture
def smart_http(http_server: HttpServer, home: Path) -> HttpServer:
    """A real server of Git over HTTP whose password git in this test knows: `smart_http.url(path)`."""
    return introduce(http_server, home)
