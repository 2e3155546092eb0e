"""Gitea and Forgejo (API v1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from gitreg.forges._base import Forge, fitted
from gitreg.forges._http import Api, Json
from gitreg.forges._json import moment, needed, text, truth
from gitreg.forges._merging import head_moved, merge_once
from gitreg.format.pulls import PullRequest, PullState, Review, Status, StatusState, Verdict

NAME = "gitea"
HEADER = ("Authorization", "token {}")
PAGE_SIZE = "limit"
_VERDICTS: dict[str, Verdict] = {"APPROVED": "approve", "REQUEST_CHANGES": "request-changes", "COMMENT": "comment"}
_EVENTS: dict[Verdict, str] = {"approve": "APPROVED", "request-changes": "REQUEST_CHANGES", "comment": "COMMENT"}
_THINKING = "Please try again later"


def api_base(host: str) -> str:
    """Where the API of a host is."""
    return f"https://{host}/api/v1"


def connect(api: Api, path: str) -> Forge:
    """The repository owner/name."""
    return Gitea(api, path)


@dataclass(frozen=True)
class Gitea:
    """One repository: `path` is owner/name."""

    api: Api
    path: str
    name: str = NAME
    longest: int = 65_535
    takes_message: bool = True

    def whoami(self) -> str:
        return text(self.api.get("user"), "login")

    def open(self, head: str, base: str, title: str, body: str) -> PullRequest:
        return _pull(self._post("pulls", {"head": head, "base": base, "title": title, "body": self._fit(body)}))

    def find(self, head: str, base: str) -> PullRequest | None:
        listed = self.api.pages(f"{self._at}/pulls", state="open")
        # Anybody may call a branch of their fork the same, and have something else on it.
        ours = (one for one in listed if text(one, "head", "repo_id") == text(one, "base", "repo_id"))
        return next((pull for pull in map(_pull, ours) if (pull.head, pull.base) == (head, base)), None)

    def get(self, number: str) -> PullRequest:
        return _pull(self.api.get(f"{self._at}/pulls/{number}"))

    def pulls(self, state: PullState | None = "open") -> Sequence[PullRequest]:
        asked = {"open": "open", None: "all"}.get(state, "closed")
        found = map(_pull, self.api.pages(f"{self._at}/pulls", state=asked))
        return sorted((pull for pull in found if state in {None, pull.state}), key=lambda p: -int(p.number))

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
            if verdict and not truth(one, "dismissed") and (by or verdict == "comment"):
                commit, at = text(one, "commit_id"), moment(one, "submitted_at")
                yield Review(by, verdict, commit, at, text(one, "body"), outsider=not truth(one, "official"))

    def _comments(self, number: str) -> Iterator[Review]:
        for one in self.api.listed(f"{self._at}/issues/{number}/comments"):
            yield Review(text(one, "user", "login"), "comment", "", moment(one, "created_at"), text(one, "body"))

    def review(self, pull: PullRequest, verdict: Verdict, text: str) -> None:
        now = self.get(pull.number).head_commit
        if now != pull.head_commit:
            raise head_moved(pull, now)
        body: Json = {"event": _EVENTS[verdict], "commit_id": pull.head_commit, "body": self._fit(text)}
        self._post(f"pulls/{pull.number}/reviews", body)

    def set_status(self, commit: str, status: Status) -> None:
        body: Json = {"state": status.state, "context": status.context, "description": status.text}
        if status.url:
            body["target_url"] = status.url
        self._post(f"statuses/{commit}", body)

    def statuses(self, commit: str) -> Sequence[Status]:
        newest: dict[str, Status] = {}
        for one in self.api.pages(f"{self._at}/commits/{commit}/statuses", sort="recentupdate"):
            told = Status(
                needed(one, "context"), _state(text(one, "status")), text(one, "description"), text(one, "target_url")
            )
            newest.setdefault(told.context, told)
        return list(newest.values())

    def merge(self, pull: PullRequest, message: str) -> str:
        title, _, rest = message.partition("\n")
        body: Json = {
            "Do": "merge", "head_commit_id": pull.head_commit, "MergeTitleField": title,
            "MergeMessageField": rest.strip(),
        }  # fmt: skip

        def merge() -> str:
            self._post(f"pulls/{pull.number}/merge", body)
            return self.get(pull.number).merged_commit

        return merge_once(pull, merge, self.get, lambda error: _THINKING in error.message)

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
    merged = truth(found, "merged")
    state: PullState = "merged" if merged else "open" if text(found, "state") == "open" else "closed"
    return PullRequest(
        number=needed(found, "number"), url=text(found, "html_url"), title=text(found, "title"),
        body=text(found, "body"), head=needed(found, "head", "ref"), head_commit=needed(found, "head", "sha"),
        base=needed(found, "base", "ref"), author=text(found, "user", "login"), state=state,
        at=moment(found, "created_at"), merged_commit=text(found, "merge_commit_sha") if merged else "",
    )  # fmt: skip


def _state(told: str) -> StatusState:
    return "success" if told == "success" else "pending" if told == "pending" else "failure"
