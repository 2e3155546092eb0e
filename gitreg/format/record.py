"""The public record of what a stage began to run: the tag `<model>#<stage>#<n>` (docs/format.md 1.4).

Its message follows from main's history and from what was said on the pull request alone, so that whoever writes it
again writes the same object.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from gitreg.errors import Damaged
from gitreg.format.jsontext import format_line
from gitreg.format.runs import check_format
from gitreg.format.tags import RecordTag
from gitreg.format.trailers import Message, clean_prose, format_message, parse_message

FORMAT = 1
_NONE = "none"


@dataclass(frozen=True)
class Approval:
    """Who approved, as whom, when (RFC 3339), with which key; `who` is a name of the policy, else as `by`."""

    who: str
    by: str
    at: str
    signed: str = ""

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"who": self.who, "by": self.by, "at": self.at, "signed": self.signed or None}


@dataclass(frozen=True)
class Record:
    """That `stage` runs `version` ("" where it was emptied) of `model` since the commit `merge` of main.

    `before` is what it ran until then ("" nothing), `pull` the number of the pull request ("" where main was changed
    without one), `emergency` who merged it without the approvals that were asked for, `why` what was written.
    """

    tag: RecordTag
    version: str
    digest: str
    before: str
    merge: str
    pull: str = ""
    requested: str = ""
    approvals: tuple[Approval, ...] = ()
    emergency: str = ""
    why: str = ""


def format_record(record: Record) -> str:
    """The message of the record's tag."""
    tag = record.tag
    trailers = {
        "Gitreg-Format": str(FORMAT),
        "Gitreg-Version": record.version or _NONE,
        "Gitreg-Digest": record.digest or _NONE,
        "Gitreg-Before": record.before or _NONE,
        "Gitreg-Merge": record.merge,
        "Gitreg-Pull": record.pull or _NONE,
        "Gitreg-Requested": record.requested or _NONE,
        "Gitreg-Approved": format_line([each.to_dict() for each in record.approvals]),
        "Gitreg-Emergency": record.emergency or _NONE,
    }
    subject = f"{tag.model} {tag.stage} {tag.number}: {record.version or 'emptied'}"
    return format_message(Message(subject, clean_prose(record.why), trailers))


def parse_record(text: str, tag: RecordTag) -> Record:
    """The record that the message of `tag` tells; one of GTO's tells no more than its name.

    Damaged where it is broken, Unsupported where its format is newer.
    """
    what = f"the record {tag.model}#{tag.stage}#{tag.number}"
    try:
        message = parse_message(text)
    except Damaged:
        return Record(tag, "", "", "", "")
    if "Gitreg-Format" not in message.trailers:
        return Record(tag, "", "", "", "")
    check_format(message.trailers["Gitreg-Format"], what, FORMAT)
    told = {key: "" if value == _NONE else value for key, value in message.trailers.items()}
    return Record(
        tag, told.get("Gitreg-Version", ""), told.get("Gitreg-Digest", ""), told.get("Gitreg-Before", ""),
        told.get("Gitreg-Merge", ""), told.get("Gitreg-Pull", ""), told.get("Gitreg-Requested", ""),
        _approvals(told.get("Gitreg-Approved", "[]"), what), told.get("Gitreg-Emergency", ""), message.body,
    )  # fmt: skip


def _approvals(text: str, what: str) -> tuple[Approval, ...]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Damaged(f"{what}: Gitreg-Approved is not a list of approvals")
    return tuple(Approval(*(str(item.get(key) or "") for key in ("who", "by", "at", "signed"))) for item in found)
