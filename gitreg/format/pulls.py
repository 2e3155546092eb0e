"""Pull requests as every forge has them, and what a review is bound to (docs/format.md 1.7)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PullState = Literal["open", "merged", "closed"]
Verdict = Literal["approve", "request-changes", "comment"]
StatusState = Literal["success", "failure", "pending"]


@dataclass(frozen=True)
class PullRequest:
    """A proposal to merge the branch `head`, at `head_commit`, into `base`.

    `number` is the forge's ("draft-..." where a registry in bare Git has not been told yet), `url` where people read
    it ("" where there is no such place), `author` the login or `Name <email>` of whoever opened it, `merged_commit`
    what base became, `at` when it was opened (RFC 3339). `proposer` is whoever put what is at its head now, where that
    may be another, and `signed` the key they signed that with: "" none, None where the forge knows who they are.
    """

    number: str
    url: str
    title: str
    body: str
    head: str
    head_commit: str
    base: str
    author: str
    state: PullState
    at: str
    merged_commit: str = ""
    proposer: str = field(default="", compare=False)
    signed: str | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "number": self.number,
            "url": self.url or None,
            "title": self.title,
            "body": self.body,
            "head": self.head,
            "head_commit": self.head_commit,
            "base": self.base,
            "author": self.author,
            "state": self.state,
            "at": self.at,
            "merged_commit": self.merged_commit or None,
        }


@dataclass(frozen=True)
class Review:
    """What somebody (`by`: a login, or `Name <email>`) said of a pull request when its head was `commit`.

    `content` is that of the files it changed then, where the forge keeps it, else ""; `signed` names the key of a
    review that carries a good signature ("SHA256:..." of ssh, a fingerprint of OpenPGP). `broken` tells why a verdict
    is none, and stands here as a comment: "approved, but the signature is not one of this text". `outsider` is somebody
    of whom the forge does not say that they belong to the repository: on a public one everybody may review.
    """

    by: str
    verdict: Verdict
    commit: str
    at: str
    text: str = ""
    content: str = ""
    signed: str = ""
    broken: str = ""
    outsider: bool = False

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "by": self.by,
            "verdict": self.verdict,
            "commit": self.commit or None,
            "at": self.at,
            "text": self.text,
            "content": self.content or None,
            "signed": self.signed or None,
            "broken": self.broken or None,
            "outsider": self.outsider,
        }


@dataclass(frozen=True)
class Status:
    """The outcome of one check of a commit; `context` is its name."""

    context: str
    state: StatusState
    text: str
    url: str = ""


def content_of(files: Mapping[str, bytes | None]) -> str:
    """What an approval is bound to: "sha256:" and the hash of the changed files, one line each as SHA256SUMS has it.

    `files` holds what the pull request makes of each path it changes; None of a file that it deletes ("deleted").
    A rebase that changes nothing of them changes no content. In a path, a line end is written "\\n" and a backslash
    doubled.
    """
    lines = [
        f"{'deleted' if content is None else hashlib.sha256(content).hexdigest()}  {_escaped(path)}\n"
        for path, content in sorted(files.items())
    ]
    return "sha256:" + hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace("\n", "\\n")


def promotion_branch(stage: str, model: str) -> str:
    """The branch on which a promotion is proposed."""
    return f"promote/{stage}/{model}"
