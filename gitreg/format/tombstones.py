"""A tombstone: the tag object that stands where a version was purged (docs/format.md 1.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gitreg.errors import Damaged
from gitreg.format.objects import TagObject
from gitreg.format.runs import FORMAT, check_format
from gitreg.format.trailers import Message, clean_prose, format_message, parse_message, parse_trailers

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Tombstone:
    """`previous` and `replaces` are ids of tag objects: of the number before ("" without one), of what was purged."""

    model: str
    version: str
    number: int
    previous: str
    replaces: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


def format_tombstone(found: Tombstone) -> str:
    """The message of the tombstone's tag."""
    trailers = {
        "Gitreg-Format": str(FORMAT),
        "Gitreg-Number": str(found.number),
        "Gitreg-Previous": found.previous or "none",
        "Gitreg-Replaces": found.replaces,
    }
    return format_message(Message(f"{found.model} {found.version} purged", clean_prose(found.why), trailers))


def parse_tombstone(tag: TagObject) -> Tombstone | None:
    """The tombstone that a tag tells, or None where it is another tag. Damaged where a trailer is wrong."""
    trailers = parse_trailers(tag.message) or {}
    if "Gitreg-Replaces" not in trailers:
        return None
    check_format(trailers.get("Gitreg-Format", ""), f"tombstone {tag.name}")
    number, replaces = trailers.get("Gitreg-Number", ""), trailers["Gitreg-Replaces"]
    previous = trailers.get("Gitreg-Previous", "")
    if not _NUMBER.fullmatch(number) or not _OID.fullmatch(replaces):
        raise Damaged(f"the tombstone {tag.name} names no number, or no tag that it replaces")
    if previous != "none" and not _OID.fullmatch(previous):
        raise Damaged(f"the tombstone {tag.name} has no right Gitreg-Previous: {previous[:60]!r}")
    model, _, version = tag.name.partition("@")
    why = parse_message(tag.message).body
    return Tombstone(model, version, int(number), "" if previous == "none" else previous, replaces, why)
