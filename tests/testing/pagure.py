"""Pagure, a forge with pull requests, on loopback: web server, worker and queue in a small Debian that `make
test-servers` makes.

It runs in namespaces of its own (processes and mounts): when the test ends, or dies, nothing is left of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests

from gitreg.forges import Forge, pagure
from gitreg.forges._http import Api, Token
from testing import serving
from testing.forge_contract import Shop
from testing.gitcli import git

DEBIAN = "GITREG_TEST_PAGURE"
USERS = ("ana", "bo", "cy", "eve")

# What a token needs for all that gitreg does.
ACLS = (
    *("commit", "commit_flag", "pull_request_close", "pull_request_comment", "pull_request_create"),
    *("pull_request_merge", "pull_request_update"),
)

SETTINGS = """\
APP_URL = GIT_URL_GIT = "http://127.0.0.1:{port}/"
DOC_APP_URL = None
GIT_URL_SSH = ""
SECRET_KEY = SALT_EMAIL = "not the key of anything"
DB_URL = "sqlite:////srv/pagure.sqlite"
GIT_FOLDER, REMOTE_GIT_FOLDER = "/srv/repositories", "/srv/remotes"
ATTACHMENTS_FOLDER, UPLOAD_FOLDER_PATH = "/srv/attachments", "/srv/releases"
REPOSPANNER_PSEUDO_FOLDER = "/srv/pseudo"
GIT_AUTH_BACKEND, HTTP_REPO_ACCESS_GITOLITE = "pagure", None
ALLOW_HTTP_PULL_PUSH = ALLOW_HTTP_PUSH = True
REDIS_HOST = REDIS_PORT = None
REDIS_SOCKET = "/srv/redis.sock"
BROKER_URL = "redis+socket:///srv/redis.sock"
# A queue that nobody works on: Pagure would keep a copy of all that is said in another repository.
CELERY_CONFIG = {{"task_routes": {{"pagure.lib.tasks.update_git": {{"queue": "unwanted"}}}}}}
LOGGING = {{"version": 1, "disable_existing_loggers": False}}
WTF_CSRF_ENABLED = False
"""

# Pagure passes on the bytes that git answered with, where the web server wants text.
APPLICATION = """\
from pagure.flask_app import create_app

app = create_app()


def application(environ, start_response):
    def start(status, headers, *rest):
        return start_response(status, [(name, text(value)) for name, value in headers], *rest)

    return app(environ, start)


def text(value):
    return value[2:-1] if value.startswith("b'") else value
"""

# An empty database. Each user has a password, the token that docs/forges.md tells to make, and one for everything.
BEGIN = """\
import datetime, json, os
from pagure.config import config
from pagure.lib import login, model, model_base, query

for name in ("repositories", "remotes", "attachments", "releases", "pseudo"):
    os.mkdir(name)
model.create_tables(config["DB_URL"], "/etc/pagure/alembic.ini", acls=config["ACLS"])
session, tokens = model_base.create_session(config["DB_URL"]), {}
until = datetime.date.today() + datetime.timedelta(days=300)
for user, password in json.load(open("passwords.json")).items():
    query.set_up_user(session, user, user.title(), user + "@example.org", keydir=None)
    found = query.search_user(session, username=user)
    found.password, found.token = login.generate_hashed_value(password), None
    session.commit()
    acls = json.load(open("acls.json")), config["USER_ACLS"]
    tokens[user] = [query.add_token_to_user(session, None, some, user, until).id for some in acls]
json.dump(tokens, open("tokens.json", "w"))
"""

START = """\
set -eu
cd /srv
redis-server --port 0 --unixsocket /srv/redis.sock --save "" --appendonly no &
python3 begin.py
celery --quiet -A pagure.lib.tasks worker --concurrency 2 --loglevel WARNING &
exec gunicorn --workers 3 --timeout 120 --log-level warning --bind 127.0.0.1:{port} application:application
"""

# In the namespaces: $1 is the Debian, which stays as it is, $2 the folder of this server.
ENTER = """\
mount --bind "$2" "$1/srv" && mount -t tmpfs tmpfs "$1/tmp" && mount -t tmpfs tmpfs "$1/dev/shm" || exit
exec env -i HOME=/srv LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin PAGURE_CONFIG=/srv/settings.py \\
    PYTHONPATH=/srv PYTHONWARNINGS=ignore chroot "$1" sh /srv/start.sh
"""


@dataclass(frozen=True)
class Pagure:
    """A running forge of USERS; `tokens` may do what ACLS say, `powers` are tokens that may do everything."""

    port: int
    folder: Path
    tokens: Mapping[str, str] = field(repr=False)
    powers: Mapping[str, str] = field(repr=False)
    passwords: Mapping[str, str] = field(repr=False)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, project: str) -> str:
        """The address that git knows a project by; names nobody."""
        return f"http://{self.host}/{project}.git"

    def repository(self, project: str) -> Path:
        """Where the server keeps a project's repository."""
        return self.folder / f"repositories/{project}.git"

    def ask(self, user: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, object]:
        """What the API answers to a user who may do everything: a GET, or a POST of `body`."""
        method, headers = "GET" if body is None else "POST", {"Authorization": f"token {self.powers[user]}"}
        answer = requests.request(method, f"http://{self.host}/api/0/{path}", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        found: dict[str, object] = answer.json()
        return found

    def browse(self, user: str, path: str, /, **form: str) -> None:
        """Send a form as a user does in a browser: for what the API does not offer."""
        with requests.Session() as session:
            login = {"username": user, "password": self.passwords[user]}
            for at, sent in (("dologin", login), (path, form)):
                answer = session.post(f"http://{self.host}/{at}", sent, timeout=60, allow_redirects=False)
                assert answer.status_code == 302, f"{at}: {answer.status_code} {answer.text[-500:]}"

    def forge(self, user: str, project: str, token: str = "") -> Forge:
        """What somebody sees of a project, by their own token or another one."""
        found = Token(token or self.tokens[user], "a test")
        api = Api(pagure.NAME, f"http://{self.host}/api/0", found, pagure.HEADER, pagure.PAGE_SIZE)
        return pagure.connect(api, project)

    def make_project(self, name: str) -> str:
        """Make an empty project of ana's, where bo and cy may push and merge too, by merge commits; its name."""
        self.ask("ana", "new", {"name": name, "description": name, "default_branch": "main", "wait": True})
        self.ask("ana", f"{name}/options/update", {"always_merge": True})
        for user in ("bo", "cy"):
            self.ask("ana", f"{name}/git/modifyacls", {"user_type": "user", "name": user, "acl": "commit"})
        return name

    def make_shop(self, folder: Path) -> Shop:
        """A project whose main holds one file, and ana's clone of it.

        The clone pushes past the server's hooks, which take five seconds, and which nothing but letters needs.
        """
        name, work = self.make_project(f"p{uuid.uuid4().hex[:12]}"), folder / "work"
        git(folder, "init", "-q", "-b", "main", work)
        git(work, "remote", "add", "origin", self.repository(name))
        git(work, "config", "remote.origin.receivepack", "git -c core.hooksPath=/dev/null receive-pack")
        (work / "README").write_text("models\n")
        git(work, "add", ".")
        git(work, "commit", "-q", "-m", "one")
        git(work, "push", "-q", "-u", "origin", "main")
        return Shop(work, self.repository(name), lambda user: self.forge(user, name))


@contextlib.contextmanager
def serving_pagure(folder: Path) -> Iterator[Pagure]:
    """A forge without projects that keeps its own files in `folder`; it runs as long as the block does."""
    debian = Path(serving.from_environment(DEBIAN))
    passwords = {user: secrets.token_urlsafe(12) for user in USERS}
    tried = 0

    def command(port: int) -> list[str | Path]:
        nonlocal tried
        tried += 1
        data = folder / f"{tried}"
        data.mkdir()
        for name, content in {
            "settings.py": SETTINGS.format(port=port),
            "application.py": APPLICATION,
            "begin.py": BEGIN,
            "start.sh": START.format(port=port),
            "passwords.json": json.dumps(passwords),
            "acls.json": json.dumps(ACLS),
        }.items():
            (data / name).write_text(content)
        # Who is not root is it in a namespace of users. `unshare` heeds no SIGTERM: if we die it must be killed.
        who = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        alone = ["setpriv", "--pdeathsig", "KILL", "unshare", *who, "--mount", "--pid", "--kill-child"]
        return [*alone, "sh", "-c", ENTER, "sh", debian, data]

    with serving.listening("Pagure", command, folder / "pagure.log", ready=_alive, cwd=folder, seconds=120) as port:
        data = folder / f"{tried}"
        made = json.loads((data / "tokens.json").read_text())
        tokens, powers = ({user: each[at] for user, each in made.items()} for at in (0, 1))
        yield Pagure(port, data, tokens, powers, passwords)


def _alive(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/0/-/version", timeout=20) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
