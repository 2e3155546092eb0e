"""What happens to a pull request that is kept in Git: a commit for each event (docs/format.md 1.7).

`refs/gitreg/pulls/<n>/meta` is a chain of them, each with an empty tree and the one before as its parent; the
author and the time of an event are the commit's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from gitreg.errors import Damaged
from gitreg.format.runs import check_format
from gitreg.format.trailers import Message, clean_prose, format_message, parse_message

FORMAT = 1
PULLS = "refs/gitreg/pulls/"

Kind = Literal["opened", "updated", "commented", "approved", "changes-requested", "merged", "closed"]

_NUMBER = re.compile(r"[1-9][0-9]{0,8}|draft-[0-9a-f]{8,40}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TRAILERS = {  # in the order in which they stand
    "head": "Gitreg-Head", "branch": "Gitreg-Branch", "base": "Gitreg-Base", "content": "Gitreg-Content",
    "digest": "Gitreg-Digest", "merged": "Gitreg-Merged", "emergency": "Gitreg-Emergency",
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One event. `title` and `text` (the body) belong to opened and updated, `text` to all others too.

    `head` is the commit that was looked at, `branch` and `base` what is to be merged into what, `content` and
    `digest` what a verdict is bound to (format/pulls.py; the model's digest), `merged` what base became, `emergency`
    who merged without the approvals that were asked for.
    """

    kind: Kind
    title: str = ""
    text: str = ""
    head: str = ""
    branch: str = ""
    base: str = ""
    content: str = ""
    digest: str = ""
    merged: str = ""
    emergency: str = ""


def pull_refs(number: str) -> tuple[str, str]:
    """The refs of a pull request: its head and its events. Damaged where `number` is none."""
    if not _NUMBER.fullmatch(number):
        raise Damaged(f"{number[:60]!r} is not the number of a pull request", "gitreg pr list")
    return f"{PULLS}{number}/head", f"{PULLS}{number}/meta"


def format_event(event: Event) -> str:
    """The message of the event's commit."""
    trailers = {"Gitreg-Format": str(FORMAT), "Gitreg-Event": event.kind}
    trailers |= {key: getattr(event, name) for name, key in _TRAILERS.items() if getattr(event, name)}
    subject = " ".join(event.title.split())[:200] or event.kind
    return format_message(Message(subject, clean_prose(event.text), trailers))


def parse_event(text: str, what: str = "event") -> Event:
    """The event that a commit's message tells. Damaged, naming `what`; Unsupported where its format is newer."""
    message = parse_message(text)
    check_format(message.trailers.get("Gitreg-Format", ""), what, FORMAT)
    kind = message.trailers.get("Gitreg-Event", "")
    if kind not in get_args(Kind):
        raise Damaged(f"{what}: {kind[:60]!r} is no event of a pull request")
    facts = {name: message.trailers.get(key, "") for name, key in _TRAILERS.items()}
    for name in ("head", "merged"):
        if facts[name] and not _COMMIT.fullmatch(facts[name]):
            raise Damaged(f"{what}: {_TRAILERS[name]} is {facts[name][:60]!r}, and no commit")
    title = "" if message.subject == kind and kind not in ("opened", "updated") else message.subject
    return Event(cast(Kind, kind), title, message.body, **facts)
