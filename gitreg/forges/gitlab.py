"""GitLab, on gitlab.com or a host of one's own (API v4). Its pull requests are called merge requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from urllib.parse import quote

from gitreg.errors import Conflict
from gitreg.forges._answers import NotAllowed
from gitreg.forges._base import Forge, fitted
from gitreg.forges._http import Api, Json
from gitreg.forges._json import moment, needed, objects, text, truth
from gitreg.forges._merging import head_moved, merge_once
from gitreg.format.pulls import PullRequest, PullState, Review, Status, StatusState, Verdict

NAME = "gitlab"
HEADER = ("Authorization", "Bearer {}")  # takes personal, project and OAuth tokens alike; PRIVATE-TOKEN does not
PAGE_SIZE = "per_page"
_STATES: dict[str, PullState] = {"opened": "open", "locked": "open", "merged": "merged", "closed": "closed"}
_CHANGES_WANTED = "Changes requested"
_APPROVED = "approved this merge request"  # a note that GitLab itself makes
_THINKING = frozenset({"unchecked", "checking", "preparing", "approvals_syncing", "cannot_be_merged_recheck"})
_LONGEST_STATUS = 255


def api_base(host: str) -> str:
    """Where the API of a host is."""
    return f"https://{host}/api/v4"


def connect(api: Api, path: str) -> Forge:
    """The project group/subgroup/name."""
    return GitLab(api, path)


@dataclass(frozen=True)
class GitLab:
    """One project: `path` is group/subgroup/name."""

    api: Api
    path: str
    name: str = NAME
    longest: int = 1_000_000
    takes_message: bool = True

    def whoami(self) -> str:
        return text(self.api.get("user"), "username")

    def open(self, head: str, base: str, title: str, body: str) -> PullRequest:
        asked: Json = {
            "source_branch": head, "target_branch": base, "title": title, "description": self._fit(body),
        }  # fmt: skip
        return _pull(self.api.call("POST", f"{self._at}/merge_requests", asked))

    def find(self, head: str, base: str) -> PullRequest | None:
        asked = self.api.pages(f"{self._at}/merge_requests", state="opened", source_branch=head, target_branch=base)
        # Anybody may call a branch of their fork the same, and have something else on it.
        ours = (one for one in asked if text(one, "source_project_id") == text(one, "target_project_id"))
        return next((pull for pull in map(_pull, ours) if (pull.head, pull.base) == (head, base)), None)

    def get(self, number: str) -> PullRequest:
        return _pull(self.api.get(self._one(number)))

    def pulls(self, state: PullState | None = "open") -> Sequence[PullRequest]:
        asked = {"open": "opened", "merged": "merged", "closed": "closed"}.get(state or "", "all")
        return list(map(_pull, self.api.pages(f"{self._at}/merge_requests", state=asked)))

    def update(self, number: str, title: str, body: str) -> PullRequest:
        return _pull(self.api.call("PUT", self._one(number), {"title": title, "description": self._fit(body)}))

    def comment(self, number: str, text: str) -> None:
        self.api.call("POST", f"{self._one(number)}/notes", {"body": self._fit(text)})

    def reviews(self, number: str) -> Sequence[Review]:
        # An approval names no commit: it is of what was the head when it was given.
        head_at = self._heads(number)
        notes = list(self.api.pages(f"{self._one(number)}/notes", sort="asc", order_by="created_at"))
        said = [*self._approvals(number, notes, head_at), *_comments(notes, head_at)]
        return sorted(said, key=attrgetter("at"))

    def _heads(self, number: str) -> Callable[[str], str]:
        """What the head was at a time; "" before the first and where the time is not told."""
        known = sorted(
            (moment(one, "created_at"), text(one, "head_commit_sha"))
            for one in self.api.pages(f"{self._one(number)}/versions")
        )
        return lambda at: next((head for since, head in reversed(known) if since and since <= at), "") if at else ""

    def _approvals(self, number: str, notes: Sequence[Json], head_at: Callable[[str], str]) -> Iterator[Review]:
        noted = {
            text(one, "author", "username"): moment(one, "created_at")
            for one in notes
            if truth(one, "system") and text(one, "body") == _APPROVED
        }
        for one in objects(self.api.get(f"{self._one(number)}/approvals"), "approved_by"):
            by = needed(one, "user", "username")
            at = moment(one, "approved_at") or noted.get(by, "")  # older ones tell the time in a note alone
            yield Review(by, "approve", head_at(at), at)

    def review(self, pull: PullRequest, verdict: Verdict, text: str) -> None:
        if verdict == "approve":
            self.api.call("POST", f"{self._one(pull.number)}/approve", {"sha": pull.head_commit})
        else:
            now = self.get(pull.number).head_commit
            if now != pull.head_commit:
                raise head_moved(pull, now)
        if verdict == "request-changes":
            text = f"{_CHANGES_WANTED}: {text}"
        if text:
            self.comment(pull.number, text)

    def set_status(self, commit: str, status: Status) -> None:
        state = "failed" if status.state == "failure" else status.state
        body: Json = {"state": state, "name": status.context, "description": fitted(status.text, _LONGEST_STATUS)}
        if status.url:
            body["target_url"] = status.url
        try:
            self.api.call("POST", f"{self._at}/statuses/{commit}", body)
        except Conflict:  # it refuses to say again what it says already
            if not any(one.context == status.context and one.state == status.state for one in self.statuses(commit)):
                raise

    def statuses(self, commit: str) -> Sequence[Status]:
        return [
            Status(needed(one, "name"), _state(text(one, "status")), text(one, "description"), text(one, "target_url"))
            for one in self.api.pages(f"{self._at}/repository/commits/{commit}/statuses")
        ]

    def merge(self, pull: PullRequest, message: str) -> str:
        body: Json = {"sha": pull.head_commit, "squash": False, "merge_commit_message": message}

        def merge() -> str:
            found = self.api.call("PUT", f"{self._one(pull.number)}/merge", body)
            return text(found, "merge_commit_sha") if text(found, "state") == "merged" else ""

        def thinking(error: NotAllowed) -> bool:
            return text(self.api.get(self._one(pull.number)), "detailed_merge_status") in _THINKING

        return merge_once(pull, merge, self.get, thinking)

    def close(self, number: str) -> None:
        self.api.call("PUT", self._one(number), {"state_event": "close"})

    @property
    def _at(self) -> str:
        return f"projects/{quote(self.path, safe='')}"

    def _one(self, number: str) -> str:
        return f"{self._at}/merge_requests/{number}"

    def _fit(self, body: str) -> str:
        return fitted(body, self.longest)


def _comments(notes: Sequence[Json], head_at: Callable[[str], str]) -> Iterator[Review]:
    for one in notes:
        if truth(one, "system"):
            continue
        by, at, said = text(one, "author", "username"), moment(one, "created_at"), text(one, "body")
        if said.startswith(_CHANGES_WANTED):
            yield Review(by, "request-changes", head_at(at), at, said)
        else:
            yield Review(by, "comment", "", at, said)


def _pull(found: object) -> PullRequest:
    state = _STATES.get(text(found, "state"), "closed")
    # A fast-forward merge has no commit of its own: base became the head.
    merged = text(found, "merge_commit_sha") or text(found, "squash_commit_sha") or text(found, "sha")
    return PullRequest(
        number=needed(found, "iid"), url=text(found, "web_url"), title=text(found, "title"),
        body=text(found, "description"), head=needed(found, "source_branch"), head_commit=text(found, "sha"),
        base=needed(found, "target_branch"), author=text(found, "author", "username"), state=state,
        at=moment(found, "created_at"), merged_commit=merged if state == "merged" else "",
    )  # fmt: skip


def _state(told: str) -> StatusState:
    return "success" if told == "success" else "failure" if told in {"failed", "canceled"} else "pending"
