"""Pagure (API 0).

It has no reviews: a verdict is a comment whose first line says so and of which commit, as `review` writes it and as
anybody may by hand; the thumbs are what Pagure itself counts as votes. An edited one is no verdict any more, for
whoever may write to the project may edit what others said. Pagure's own comments, of pushes and merges, are left out.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gitreg.errors import Conflict, GitregError, Refused, Unreachable, warn
from gitreg.forges._answers import MovedOn
from gitreg.forges._base import Forge, fitted
from gitreg.forges._http import Api, Json
from gitreg.forges._json import mapping, needed, objects, strings, text, truth
from gitreg.forges._merging import head_moved, merge_once
from gitreg.format.pulls import PullRequest, PullState, Review, Status, StatusState, Verdict
from gitreg.format.times import from_seconds

NAME = "pagure"
HEADER = ("Authorization", "token {}")
PAGE_SIZE = "per_page"
_PAGE = 100
_STATES: Mapping[str, PullState] = {"Open": "open", "Merged": "merged"}
_WORDS: Mapping[Verdict, str] = {"approve": ":thumbsup: Approved", "request-changes": ":thumbsdown: Changes requested"}
_VERDICTS: Mapping[str, Verdict] = {words: verdict for verdict, words in _WORDS.items()}
_FIRST_LINE = re.compile(rf"({'|'.join(_VERDICTS)}) ([0-9a-f]{{40}}|[0-9a-f]{{64}})")
_ACCESS = ("owner", "admin", "commit", "collaborator")
_FIRST_PARENTS = 20  # so many commits of the base are asked for, one by one
# What Pagure says with the status of a stranger (401, 403) and means otherwise.
_RULES = ("minimum review score", "must be assigned", "Only the assignee")


def api_base(host: str) -> str:
    """Where the API of a host is."""
    return f"https://{host}/api/0"


def connect(api: Api, path: str) -> Forge:
    """The project at the path that git knows it by: name, namespace/name, forks/user/name."""
    return Pagure(api, re.sub(r"\Aforks/", "fork/", path))


@dataclass(frozen=True)
class Pagure:
    """One project: `path` is name, namespace/name, fork/user/name or fork/user/namespace/name."""

    api: Api
    path: str
    name: str = NAME
    longest: int = 60_000  # bytes that some of its databases take: almost all are of one character
    takes_message: bool = False

    def open(self, head: str, base: str, title: str, body: str) -> PullRequest:
        if found := self.find(head, base):  # Pagure would open another
            raise Conflict(f"{head} is proposed already: pull request {found.number}", f"gitreg pr show {found.number}")
        asked: Json = {
            "branch_from": head,
            "branch_to": base,
            "title": title,
            "initial_comment": fitted(body, self.longest),
        }
        return self._pull(self._post("pull-request/new", asked))

    def find(self, head: str, base: str) -> PullRequest | None:
        for found in self._listed("Open"):
            ours = text(found, "repo_from", "id") == text(found, "project", "id")
            if ours and (text(found, "branch_from"), text(found, "branch")) == (head, base):
                return self._pull(found)
        return None

    def get(self, number: str) -> PullRequest:
        pull = self._pull(self._get(f"pull-request/{number}"))
        return replace(pull, merged_commit=self._merged_commit(pull)) if pull.state == "merged" else pull

    def pulls(self, state: PullState | None = "open") -> Sequence[PullRequest]:
        branches: dict[str, Mapping[str, object]] = {}
        return [self._pull(found, branches) for found in self._listed(state.capitalize() if state else "All")]

    def update(self, number: str, title: str, body: str) -> PullRequest:
        asked: Json = {"title": title, "initial_comment": fitted(body, self.longest)}
        return self._pull(self._post(f"pull-request/{number}", asked))

    def comment(self, number: str, text: str) -> None:
        self._post(f"pull-request/{number}/comment", {"comment": fitted(text, self.longest)})

    def reviews(self, number: str) -> Sequence[Review]:
        found = self._get(f"pull-request/{number}")
        said = [parse_comment(one) for one in objects(found, "comments") if not truth(one, "notification")]
        if all(one.verdict == "comment" for one in said):
            return said
        ours = self._people(mapping(found, "project"))
        return [replace(one, outsider=one.verdict != "comment" and one.by not in ours) for one in said]

    def review(self, pull: PullRequest, verdict: Verdict, text: str) -> None:
        now = self.get(pull.number).head_commit
        if now != pull.head_commit:
            raise head_moved(pull, now)
        if verdict == "approve" and self.whoami() == pull.author:
            raise Refused(f"pull request {pull.number} is your own", "ask somebody else: gitreg pr review")
        words = f"{_WORDS[verdict]} {now}" if verdict in _WORDS else ""
        self.comment(pull.number, "\n\n".join(filter(None, (words, text.strip()))))

    def set_status(self, commit: str, status: Status) -> None:
        self._post(f"c/{commit}/flag", {
            "username": status.context, "uid": hashlib.sha256(status.context.encode()).hexdigest()[:32],
            "status": status.state, "comment": status.text or status.state, "url": status.url or self._page,
        })  # fmt: skip

    def statuses(self, commit: str) -> Sequence[Status]:
        newest: dict[str, Status] = {}
        for one in objects(self._get(f"c/{commit}/flag"), "flags"):  # oldest first
            context, url = needed(one, "username"), text(one, "url")
            told = Status(context, _state(text(one, "status")), text(one, "comment"), url if url != self._page else "")
            newest[context] = told
        return list(newest.values())

    def merge(self, pull: PullRequest, message: str) -> str:
        """Pagure takes no expected head: it is compared right before. What comes to the branch in the moment between is
        merged, and told as a Conflict afterwards. It writes the message itself: `message` becomes a comment.

        Refused, as far as the token may see it, where the project would be fast-forwarded.
        """

        def merge() -> str:
            self._check_merges(pull)
            try:
                self._post(f"pull-request/{pull.number}/merge", {"wait": True})
            except MovedOn as error:  # it says of everything that it conflicts
                state = self.get(pull.number).state
                told = "it conflicts with main, or a hook refused it" if state == "open" else f"it is {state} already"
                raise Conflict(f"pull request {pull.number} was not merged: {told}", error.hint) from None
            return self._merged(pull, message)

        return merge_once(pull, merge, self.get, lambda error: False)

    def close(self, number: str) -> None:
        self._post(f"pull-request/{number}/close", {})

    def _people(self, project: Mapping[str, object]) -> set[str]:
        """The logins of those who have access to a project: anybody else may comment, too."""
        people = {name for level in _ACCESS for name in strings(project, "access_users", level)}
        for group in (name for level in _ACCESS for name in strings(project, "access_groups", level)):
            people |= set(strings(self.api.get(f"group/{group}"), "members"))
        return people

    def whoami(self) -> str:
        return text(self.api.call("POST", "-/whoami"), "username")

    def _check_merges(self, pull: PullRequest) -> None:
        """Refused where the project's settings let main become the head itself, without a merge."""
        if strings(self._get(f"c/{pull.head_commit}/info"), "parent_ids") != [self._branch(pull.base)]:
            return
        try:
            settings = mapping(self._get("options"), "settings")
        except GitregError:  # not everybody who may merge may see them
            return
        if settings.get("always_merge") is False:
            raise Refused(
                f"{self.path} merges by fast-forward: main would not tell what was a pull request",
                f"tick 'Always merge' in its settings: {self._page}/settings",
            )

    def _merged(self, pull: PullRequest, message: str) -> str:
        """What base became. Conflict where another head was merged."""
        now = self.get(pull.number)
        if now.head_commit != pull.head_commit:
            raise Conflict(
                f"{now.head_commit[:12]} was merged, which came to the branch just before; "
                f"{pull.head_commit[:12]} was looked at",
                f"gitreg pr show {pull.number}; gitreg rollback takes it back",
            )
        if now.merged_commit == pull.head_commit:
            warn(f"{self.path} was fast-forwarded: tick 'Always merge' in its settings, {self._page}/settings")
        with contextlib.suppress(GitregError):  # it is merged, whatever becomes of this
            self.comment(pull.number, message)
        return now.merged_commit

    def _merged_commit(self, pull: PullRequest) -> str:
        """The commit on the base that merged `pull`, "" where it is further back than gitreg looks."""
        commit = self._branch(pull.base)
        for _ in range(_FIRST_PARENTS):
            if not commit:
                break
            parents = strings(self._get(f"c/{commit}/info"), "parent_ids")
            if pull.head_commit in (commit, *parents[1:]):
                return commit
            commit = parents[0] if parents else ""
        return ""

    def _pull(self, found: object, branches: dict[str, Mapping[str, object]] | None = None) -> PullRequest:
        """`branches` keeps those of the projects that were asked."""
        state: PullState = _STATES.get(needed(found, "status"), "closed")
        head = text(found, "commit_stop")
        source = text(found, "repo_from", "url_path")
        if state == "open" and source:  # Pagure itself looks at the branch again only some time after a push
            known = {} if branches is None else branches
            if source not in known:
                known[source] = self._branches(source)
            head = text(known[source], needed(found, "branch_from")) or head
        return PullRequest(
            number=needed(found, "id"), url=text(found, "full_url"), title=text(found, "title"),
            body=text(found, "initial_comment"), head=needed(found, "branch_from"), head_commit=head,
            base=needed(found, "branch"), author=text(found, "user", "name"), state=state,
            at=_moment(found, "date_created"),
        )  # fmt: skip

    def _branch(self, name: str) -> str:
        return text(self._branches(self.path), name)

    def _branches(self, path: str) -> Mapping[str, object]:
        return mapping(self.api.get(f"{path}/git/branches", with_commits=True), "branches")

    def _listed(self, status: str) -> Iterator[Mapping[str, object]]:
        page, more = 1, True
        while more:
            found = self._get("pull-requests", status=status, per_page=_PAGE, page=page)
            yield from objects(found, "requests")
            page, more = page + 1, bool(text(found, "pagination", "next") and objects(found, "requests"))

    @property
    def _page(self) -> str:
        """The project as people see it."""
        return f"{self.api.base.removesuffix('/api/0')}/{self.path}"

    def _get(self, path: str, **query: object) -> object:
        return self._ask("GET", path, None, **query)

    def _post(self, path: str, body: Json) -> object:
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: Json | None, **query: object) -> object:
        try:
            return self.api.call(method, f"{self.path}/{path}", body, query)
        except Refused as error:
            raise _meant(error) from None


def _meant(error: Refused) -> GitregError:
    """What a refusal means: Pagure says 401 to whom it knows, and 403 of its rules."""
    if any(rule in error.message for rule in _RULES):
        return Conflict(re.sub(r" \([^()]*\)$", "", error.message), "gitreg pr show tells what was said of it so far")
    if "Missing ACLs" in error.message:
        return Refused(error.message, "make a token that has them: docs/forges.md lists all")
    if "sufficient permissions" in error.message:
        return Refused(re.sub(r" \([^()]*\)$", "", error.message), "ask an admin of the project for commit access")
    return error


def parse_comment(one: object) -> Review:
    """What one comment says, as the API has it: a verdict, or just something."""
    said = text(one, "comment")
    first, _, rest = said.replace("\r\n", "\n").partition("\n")
    by, at = text(one, "user", "name"), _moment(one, "date_created")
    found = _FIRST_LINE.fullmatch(first.strip())
    if not found or text(one, "filename"):
        return Review(by, "comment", "", at, said)
    verdict, commit = _VERDICTS[found[1]], found[2]
    if text(one, "edited_on"):
        return Review(by, "comment", commit, at, rest.strip(), broken=f"{verdict}, but it was edited")
    return Review(by, verdict, commit, at, rest.strip())


def _moment(value: object, key: str) -> str:
    """A time, which Pagure tells in seconds since 1970."""
    try:
        return from_seconds(float(needed(value, key)))
    except (ValueError, OverflowError):
        raise Unreachable(f"Pagure's answer has no time at {key}", "is this its address?") from None


def _state(told: str) -> StatusState:
    return "success" if told == "success" else "pending" if told == "pending" else "failure"
