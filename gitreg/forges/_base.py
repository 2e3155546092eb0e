"""What every forge offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gitreg.format.pulls import PullRequest, PullState, Review, Status, Verdict


class Forge(Protocol):
    """Where the pull requests of one repository are kept.

    Every call may raise Refused (who asks may not), NotFound, Conflict (the forge's own rules; what it says is told),
    and Unreachable.
    """

    @property
    def name(self) -> str:
        """The kind: github, gitlab, gitea, pagure, local."""

    @property
    def longest(self) -> int:
        """The characters that a body or a comment may have."""

    @property
    def takes_message(self) -> bool:
        """Whether a merge has the message that it is given; else the forge writes one of its own."""

    def whoami(self) -> str:
        """Whoever asks: their login; in bare Git `Name <email>`."""

    def open(self, head: str, base: str, title: str, body: str) -> PullRequest:
        """Propose to merge the branch `head`, which is there already, into `base`. Conflict where it is proposed."""

    def find(self, head: str, base: str) -> PullRequest | None:
        """The open pull request of that branch, if there is one."""

    def get(self, number: str) -> PullRequest:
        """One pull request."""

    def pulls(self, state: PullState | None = "open") -> Sequence[PullRequest]:
        """All of that state, newest first; None means of any."""

    def update(self, number: str, title: str, body: str) -> PullRequest:
        """Give a pull request another title and body."""

    def comment(self, number: str, text: str) -> None:
        """Say something on it."""

    def reviews(self, number: str) -> Sequence[Review]:
        """All that was said on it, oldest first: verdicts, and comments without one."""

    def review(self, pull: PullRequest, verdict: Verdict, text: str) -> None:
        """Say something with a verdict on the head that `pull` has. Conflict where it has another one meanwhile."""

    def set_status(self, commit: str, status: Status) -> None:
        """Record the outcome of a check."""

    def statuses(self, commit: str) -> Sequence[Status]:
        """The newest outcome of each check."""

    def merge(self, pull: PullRequest, message: str) -> str:
        """Merge by a merge commit, if the head is still `pull.head_commit`; what base became. Conflict otherwise."""

    def close(self, number: str) -> None:
        """Close it without merging."""


def fitted(text: str, longest: int) -> str:
    """`text`, cut where it is longer than `longest` characters; it says so at its end."""
    if len(text) <= longest:
        return text
    told = "\n\n(cut: too long for this forge)" if longest > 1000 else "..."
    return text[: longest - len(told)] + told
