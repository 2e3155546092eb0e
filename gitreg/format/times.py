"""Moments as gitreg writes them: UTC, RFC 3339, milliseconds, `2026-11-22T13:37:00.123Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from gitreg.errors import Refused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)


def format_time(moment: datetime) -> str:
    """`moment` (with a zone) as text, cut to milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """The moment that `text` tells; a date alone is its midnight, no zone means UTC. Refused otherwise."""
    if not _FORM.fullmatch(text):
        raise Refused(f"bad time {text!r}", "write it as 2026-11-22 or 2026-11-22T13:37:00Z")
    try:
        moment = datetime.fromisoformat(text.upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(f"bad time {text!r}: {error}", "write it as 2026-11-22 or 2026-11-22T13:37:00Z") from None


def from_seconds(seconds: float) -> str:
    """Text of the moment `seconds` after 1970."""
    return format_time(_EPOCH + timedelta(seconds=seconds))


def to_milliseconds(text: str) -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return (parse_time(text) - _EPOCH) // timedelta(milliseconds=1)
