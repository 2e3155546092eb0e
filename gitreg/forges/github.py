"""GitHub, and GitHub Enterprise on a host of one's own (its REST API, version 2022-11-28)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from gitreg.errors import Conflict
from gitreg.forges._base import Forge, fitted
from gitreg.forges._http import Api, Json
from gitreg.forges._json import moment, needed, text, truth
from gitreg.forges._merging import head_moved, merge_once
from gitreg.format.pulls import PullRequest, PullState, Review, Status, StatusState, Verdict

NAME = "github"
HEADER = ("Authorization", "Bearer {}")
PAGE_SIZE = "per_page"
_VERDICTS: dict[str, Verdict] = {"APPROVED": "approve", "CHANGES_REQUESTED": "request-changes", "COMMENTED": "comment"}
_EVENTS: dict[Verdict, str] = {"approve": "APPROVE", "request-changes": "REQUEST_CHANGES", "comment": "COMMENT"}
_MEMBERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
_LONGEST_STATUS = 140


def api_base(host: str) -> str:
    """Where the API of a host is."""
    if host == "github.com" or host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"https://{host}/api/v3"


def connect(api: Api, path: str) -> Forge:
    """The repository owner/name."""
    return GitHub(api, path)


@dataclass(frozen=True)
class GitHub:
    """One repository: `path` is owner/name."""

    api: Api
    path: str
    name: str = NAME
    longest: int = 65_536
    takes_message: bool = True

    def whoami(self) -> str:
        return text(self.api.get("user"), "login")

    def open(self, head: str, base: str, title: str, body: str) -> PullRequest:
        return _pull(self._post("pulls", {"head": head, "base": base, "title": title, "body": self._fit(body)}))

    def find(self, head: str, base: str) -> PullRequest | None:
        owner = self.path.partition("/")[0]
        found = map(_pull, self.api.pages(f"{self._at}/pulls", state="open", head=f"{owner}:{head}", base=base))
        return next((pull for pull in found if (pull.head, pull.base) == (head, base)), None)

    def get(self, number: str) -> PullRequest:
        return _pull(self.api.get(f"{self._at}/pulls/{number}"))

    def pulls(self, state: PullState | None = "open") -> Sequence[PullRequest]:
        asked = {"open": "open", None: "all"}.get(state, "closed")
        found = map(_pull, self.api.pages(f"{self._at}/pulls", state=asked, sort="created", direction="desc"))
        return [pull for pull in found if state in {None, pull.state}]

    def update(self, number: str, title: str, body: str) -> PullRequest:
        return _pull(self.api.call("PATCH", f"{self._at}/pulls/{number}", {"title": title, "body": self._fit(body)}))

    def comment(self, number: str, text: str) -> None:
        self._post(f"issues/{number}/comments", {"body": self._fit(text)})

    def reviews(self, number: str) -> Sequence[Review]:
        said = [*self._reviews(number), *self._comments(number)]
        return sorted(said, key=attrgetter("at"))

    def _reviews(self, number: str) -> Iterator[Review]:
        for one in self.api.pages(f"{self._at}/pulls/{number}/reviews"):
            by, verdict = text(one, "user", "login"), _VERDICTS.get(text(one, "state"))
            if verdict and (by or verdict == "comment"):  # else dismissed, not sent yet, or of a deleted account
                commit, at = text(one, "commit_id"), moment(one, "submitted_at")
                outsider = text(one, "author_association") not in _MEMBERS
                yield Review(by, verdict, commit, at, text(one, "body"), outsider=outsider)

    def _comments(self, number: str) -> Iterator[Review]:
        for one in self.api.pages(f"{self._at}/issues/{number}/comments"):
            yield Review(text(one, "user", "login"), "comment", "", moment(one, "created_at"), text(one, "body"))

    def review(self, pull: PullRequest, verdict: Verdict, text: str) -> None:
        now = self.get(pull.number).head_commit
        if now != pull.head_commit:
            raise head_moved(pull, now)
        body: Json = {"event": _EVENTS[verdict], "commit_id": pull.head_commit, "body": self._fit(text)}
        self._post(f"pulls/{pull.number}/reviews", body)

    def set_status(self, commit: str, status: Status) -> None:
        told = fitted(status.text, _LONGEST_STATUS)
        body: Json = {"state": status.state, "context": status.context, "description": told}
        if status.url:
            body["target_url"] = status.url
        self._post(f"statuses/{commit}", body)

    def statuses(self, commit: str) -> Sequence[Status]:
        newest: dict[str, Status] = {}
        for one in self.api.pages(f"{self._at}/commits/{commit}/statuses"):
            told = Status(
                needed(one, "context"), _state(text(one, "state")), text(one, "description"), text(one, "target_url")
            )
            newest.setdefault(told.context, told)
        return list(newest.values())

    def merge(self, pull: PullRequest, message: str) -> str:
        title, _, rest = message.partition("\n")
        body: Json = {
            "sha": pull.head_commit, "merge_method": "merge", "commit_title": title, "commit_message": rest.strip(),
        }  # fmt: skip

        def merge() -> str:
            found = self.api.call("PUT", f"{self._at}/pulls/{pull.number}/merge", body)
            if not truth(found, "merged"):
                raise Conflict(f"pull request {pull.number} was not merged: {text(found, 'message')}")
            return needed(found, "sha")

        return merge_once(pull, merge, self.get, lambda error: "Base branch was modified" in error.message)

    def close(self, number: str) -> None:
        self.api.call("PATCH", f"{self._at}/pulls/{number}", {"state": "closed"})

    @property
    def _at(self) -> str:
        return f"repos/{self.path}"

    def _fit(self, body: str) -> str:
        return fitted(body, self.longest)

    def _post(self, path: str, body: Json) -> object:
        return self.api.call("POST", f"{self._at}/{path}", body)


def _pull(found: object) -> PullRequest:
    state: PullState = "merged" if text(found, "merged_at") else "open" if text(found, "state") == "open" else "closed"
    return PullRequest(
        number=needed(found, "number"), url=text(found, "html_url"), title=text(found, "title"),
        body=text(found, "body"), head=needed(found, "head", "ref"), head_commit=needed(found, "head", "sha"),
        base=needed(found, "base", "ref"), author=text(found, "user", "login"), state=state,
        at=moment(found, "created_at"), merged_commit=text(found, "merge_commit_sha") if state == "merged" else "",
    )  # fmt: skip


def _state(told: str) -> StatusState:
    return "success" if told == "success" else "pending" if told == "pending" else "failure"
