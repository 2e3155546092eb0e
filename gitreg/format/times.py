"""Moments as gitreg writes them: UTC, RFC 3339, milliseconds, `2026-11-22T13:37:00.123Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from gitreg.errors import Refused

_AGE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
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


def parse_age(text: str, what: str = "age") -> float:
    """The seconds that `text` tells: 90s, 15m, 24h, 7d. Refused otherwise, naming it `what`."""
    found = _AGE.fullmatch(text)
    if not found:
        raise Refused(f"bad {what} {text!r}", "write it as 90s, 15m, 24h or 7d")
    return float(found[1]) * _UNITS[found[2]]


def show_age(seconds: float) -> str:
    """How long `seconds` are, for people: 90 seconds, 15 minutes, 24 hours, 7 days."""
    for unit, name in (("d", "days"), ("h", "hours"), ("m", "minutes")):
        if seconds >= 2 * _UNITS[unit]:
            return f"{seconds / _UNITS[unit]:.0f} {name}"
    return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"
