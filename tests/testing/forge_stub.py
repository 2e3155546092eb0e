"""A forge of our own over real bare repositories: git over HTTP, an API of some dialect, and the rules of a protected
forge. Merges are git's. What each dialect says is in forge_stub_<dialect>.py.
"""

from __future__ import annotations

import base64
import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from testing.gitcli import GitFailed, git

NOBODY = ""
HOOK = """\
#!/bin/sh
while read -r old new ref; do
    case $ref in
    refs/heads/main)
        case $old in *[1-9a-f]*) echo "protected branch: main changes by pull requests alone" >&2; exit 1 ;; esac ;;
    refs/tags/*)
        case $old in *[1-9a-f]*) echo "protected tag: ${ref#refs/tags/} is there" >&2; exit 1 ;; esac ;;
    refs/heads/* | refs/notes/*) ;;
    *) echo "this forge takes no $ref" >&2; exit 1 ;;
    esac
done
"""


class Refusal(Exception):
    """The forge does not do it: a status, and what it says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class Account:
    """Somebody; `role` is read, write or admin."""

    login: str
    id: int
    token: str
    role: str = "write"


@dataclass
class Said:
    """A review or a comment; `verdict` is approve, request-changes or comment."""

    id: int
    by: Account
    verdict: str
    text: str
    commit: str
    at: str
    dismissed: bool = False


@dataclass
class Told:
    """A status of a commit."""

    id: int
    by: Account
    commit: str
    context: str
    state: str
    text: str
    url: str
    at: str


@dataclass
class Change:
    """A pull request; `heads` are the commits that its head was at, each since a time."""

    number: int
    head: str
    base: str
    title: str
    body: str
    author: Account
    at: str
    state: str = "open"
    heads: list[tuple[str, str]] = field(default_factory=list)
    reviews: list[Said] = field(default_factory=list)
    comments: list[Said] = field(default_factory=list)
    merged: str = ""
    merged_by: Account | None = None
    merged_at: str = ""

    @property
    def commit(self) -> str:
        return self.heads[-1][1]


@dataclass
class Exchange:
    """One request of the API, and its answer."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    status: int = 0
    reply: Any = None
    who: Account | None = None


@dataclass
class Repo:
    """A bare repository and what the forge knows of it."""

    path: str
    folder: Path
    changes: list[Change] = field(default_factory=list)
    statuses: list[Told] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)  # rules that were set by the API, as the dialect keeps them
    approvals: int = 1
    contexts: tuple[str, ...] = ()

    def commit_of(self, branch: str) -> str:
        """The commit of a branch, or ""."""
        try:
            return git(self.folder, "rev-parse", "--verify", "-q", f"refs/heads/{branch}^{{commit}}")
        except GitFailed:
            return ""


class Dialect(Protocol):
    """What a module forge_stub_<dialect> offers."""

    NAME: str
    PREFIX: str

    def token_of(self, headers: Mapping[str, str]) -> str: ...
    def answer(self, forge: StubForge, asked: Exchange) -> tuple[int, Any]: ...
    def refusal(self, status: int, message: str) -> Any: ...


class StubForge:
    """One forge: its accounts, repositories and rules. `address` is where it answers (http://127.0.0.1:PORT)."""

    def __init__(self, dialect: Dialect, folder: Path) -> None:
        self.dialect, self.folder = dialect, folder
        self.address = ""
        self.accounts: dict[str, Account] = {}
        self.repos: dict[str, Repo] = {}
        self.asked: list[Exchange] = []
        self.instead: list[tuple[Callable[[Exchange], bool], tuple[int, dict[str, str], bytes]]] = []
        self.judge: Callable[[Exchange], list[str]] | None = None
        self.complaints: list[str] = []
        self.lock = threading.RLock()
        self._now = datetime(2026, 3, 1, 10, tzinfo=UTC)
        self._ids = 1000
        self.largest_page = 100
        self.lost = ""  # the end of the paths that are done and answered with 502, as a proxy does that gives up

    # What tests set up.

    def admit(self, login: str, role: str = "write") -> Account:
        """Somebody with the token `tok-<login>`."""
        self.accounts[login] = Account(login, 100 + len(self.accounts), f"tok-{login}", role)
        return self.accounts[login]

    def create(self, path: str = "team/models") -> Repo:
        """An empty repository."""
        folder = self.folder / f"{path}.git"
        folder.parent.mkdir(parents=True, exist_ok=True)
        git(folder.parent, "init", "-q", "--bare", "-b", "main", folder)
        for key, value in {
            "http.receivepack": "true", "uploadpack.allowFilter": "true", "uploadpack.allowAnySHA1InWant": "true",
        }.items():  # fmt: skip
            git(folder, "config", key, value)
        hook = folder / "hooks/pre-receive"
        hook.write_text(HOOK)
        hook.chmod(0o755)
        self.repos[path] = Repo(path, folder)
        return self.repos[path]

    def url(self, path: str = "team/models", *, login: str = "") -> str:
        """The address that git is given; with `login` it holds that token."""
        scheme, _, host = self.address.partition("://")
        who = f"{login}:{self.accounts[login].token}@" if login else ""
        return f"{scheme}://{who}{host}/{path}.git"

    def answer_instead(
        self, status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None, *,
        method: str = "", path: str = "", times: int = 1,
    ) -> None:  # fmt: skip
        """The next `times` requests that fit (a part of the path) are answered with this, and do nothing."""
        content = body.encode() if isinstance(body, str) else body
        for _ in range(times):
            self.instead.append((
                lambda asked: (not method or asked.method == method) and path in asked.path,
                (status, {"content-type": "application/json", **(headers or {})}, content),
            ))  # fmt: skip

    def calls(self, method: str = "") -> list[str]:
        """What was asked of the API so far."""
        return [f"{one.method} {one.path}" for one in self.asked if not method or one.method == method]

    # What dialects use.

    def tick(self) -> str:
        """A moment later than every one before."""
        self._now += timedelta(seconds=1)
        return self._now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def id(self) -> int:
        self._ids += 1
        return self._ids

    def repo(self, path: str, who: Account | None) -> Repo:
        if path not in self.repos or who is None:
            raise Refusal(404, "Not Found")
        found = self.repos[path]
        self.refresh(found)
        return found

    def refresh(self, repo: Repo) -> None:
        """See what was pushed to the branches of open pull requests."""
        for change in repo.changes:
            now = repo.commit_of(change.head) if change.state == "open" else ""
            if now and now != change.commit:
                change.heads.append((self.tick(), now))

    def change(self, repo: Repo, number: str | int) -> Change:
        for change in repo.changes:
            if change.number == int(number):
                return change
        raise Refusal(404, "Not Found")

    def propose(self, repo: Repo, who: Account, head: str, base: str, title: str, body: str) -> Change:
        commit = repo.commit_of(head)
        if not commit or not repo.commit_of(base):
            raise Refusal(422, f"no branch {head} or {base}")
        change = Change(len(repo.changes) + 1, head, base, title, body, who, self.tick())
        change.heads.append((change.at, commit))
        repo.changes.append(change)
        return change

    def say(self, change: Change, who: Account, verdict: str, text: str, commit: str = "") -> Said:
        """A review of `commit` (with "" a comment on no commit)."""
        said = Said(self.id(), who, verdict, text, commit, self.tick())
        (change.reviews if commit else change.comments).append(said)
        return said

    def tell(self, repo: Repo, who: Account, commit: str, context: str, state: str, text: str, url: str) -> Told:
        if who.role == "read":
            raise Refusal(403, "Resource not accessible")
        told = Told(self.id(), who, commit, context, state, text, url, self.tick())
        repo.statuses.append(told)
        return told

    def newest(self, repo: Repo, commit: str) -> list[Told]:
        """The newest status of each context."""
        found: dict[str, Told] = {}
        for told in reversed(repo.statuses):
            if told.commit == commit:
                found.setdefault(told.context, told)
        return list(found.values())

    def missing(self, repo: Repo, change: Change) -> str:
        """What the rules still want of a pull request, "" when they are content."""
        last: dict[str, Said] = {}
        for said in change.reviews:
            if said.verdict != "comment" and not said.dismissed and said.by.role != "read":
                last[said.by.login] = said
        if any(said.verdict == "request-changes" for said in last.values()):
            return "Changes were requested"
        approved = [said for said in last.values() if said.verdict == "approve" and said.commit == change.commit]
        if len(approved) < repo.approvals:
            return f"At least {repo.approvals} approving review is required by reviewers with write access."
        passed = {told.context for told in self.newest(repo, change.commit) if told.state == "success"}
        absent = [context for context in repo.contexts if context not in passed]
        return f"Required status check {absent[0]} is expected." if absent else ""

    def merge(self, repo: Repo, change: Change, who: Account, expected: str, message: str) -> str:
        """A real merge commit, if the rules allow it."""
        if who.role == "read":
            raise Refusal(403, "Must have write rights")
        if change.state != "open":
            raise Refusal(405, "Pull Request is not mergeable")
        if expected and expected != change.commit:
            raise Refusal(409, "Head branch was modified. Review and try the merge again.")
        if missing := self.missing(repo, change):
            raise Refusal(405, missing)
        old = repo.commit_of(change.base)
        try:
            tree = git(repo.folder, "merge-tree", "--write-tree", old, change.commit).splitlines()[0]
        except GitFailed:
            raise Refusal(405, "Pull Request is not mergeable: conflicts") from None
        new = git(repo.folder, "commit-tree", tree, "-p", old, "-p", change.commit, input=message)
        git(repo.folder, "update-ref", f"refs/heads/{change.base}", new, old)
        change.state, change.merged, change.merged_by, change.merged_at = "merged", new, who, self.tick()
        return new

    # What the server does.

    def api(self, asked: Exchange) -> tuple[int, dict[str, str], bytes | Any]:
        """The answer to a request of the API: JSON, or the bytes that a test wants instead."""
        with self.lock:
            self.asked.append(asked)
            for at, (fits, answer) in enumerate(self.instead):
                if fits(asked):
                    del self.instead[at]
                    return answer
            if not asked.path.startswith(self.dialect.PREFIX):
                return 404, {"content-type": "text/html"}, b"<title>Not Found</title>"
            token = self.dialect.token_of(asked.headers)
            asked.who = next((who for who in self.accounts.values() if who.token == token), None)
            try:
                if token and asked.who is None:
                    raise Refusal(401, "Bad credentials")
                asked.status, asked.reply = self.dialect.answer(self, asked)
            except Refusal as refusal:
                asked.status = refusal.status
                asked.reply = self.dialect.refusal(refusal.status, refusal.message)
            if self.judge:
                self.complaints += self.judge(asked)
            if self.lost and asked.path.endswith(self.lost):
                return 502, {"content-type": "text/html"}, b"<title>Bad gateway</title>"
            return asked.status, {}, asked.reply

    def git_user(self, authorization: str) -> str:
        """Whose token git sent as a password, or ""."""
        if not authorization.startswith("Basic "):
            return NOBODY
        with contextlib.suppress(ValueError):
            secret = base64.b64decode(authorization[6:]).decode().partition(":")[2]
            return next((who.login for who in self.accounts.values() if who.token == secret), NOBODY)
        return NOBODY


def run_backend(forge: StubForge, env: Mapping[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """git's own http-backend: status, headers, content."""
    backend = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip()) / "git-http-backend"
    own = {"GIT_PROJECT_ROOT": str(forge.folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH": "/usr/bin:/bin", **env}
    done = subprocess.run([backend], input=body, capture_output=True, env=own, check=True)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = [(key, value.strip()) for key, _, value in (line.partition(":") for line in head.decode().split("\r\n"))]
    status = next((int(value.split()[0]) for key, value in headers if key.lower() == "status"), 200)
    return status, [pair for pair in headers if pair[0].lower() != "status"], content


@contextlib.contextmanager
def serving_forge(dialect: Dialect, folder: Path, certificate: Path | None = None) -> Iterator[StubForge]:
    """A forge that answers as long as the block runs."""
    from testing.forge_server import listening

    forge = StubForge(dialect, folder)
    with listening(forge, certificate) as address:
        forge.address = address
        yield forge
