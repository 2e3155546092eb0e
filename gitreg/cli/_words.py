"""Times, sizes and numbers as a person reads them."""

from __future__ import annotations

import sys
from datetime import datetime

from gitreg.format.jsontext import number_to_json
from gitreg.format.times import parse_time
from gitreg.stores.clock import now

_UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_AGES = ((60, 1, "second"), (3600, 60, "minute"), (86400, 3600, "hour"), (14 * 86400, 86400, "day"))


def on_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def show_time(text: str) -> str:
    """A moment: how long ago on a terminal (its date once that is two weeks), RFC 3339 without fractions elsewhere."""
    if not text:
        return ""
    moment = parse_time(text)
    return age(moment, now()) if on_terminal() else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def age(moment: datetime, reference: datetime) -> str:
    """How long before `reference` the moment was."""
    seconds = (reference - moment).total_seconds()
    if not 0 <= seconds < _AGES[-1][0]:
        return moment.strftime("%Y-%m-%d")
    if seconds < 5:
        return "now"
    unit, name = next((unit, name) for below, unit, name in _AGES if seconds < below)
    count = int(seconds // unit)
    return f"{count} {name}{'' if count == 1 else 's'} ago"


def show_size(size: int) -> str:
    """Bytes in the unit that suits: "312 B", "1.5 MiB"."""
    for unit, scale in _UNITS:
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"


def show_number(value: float) -> str:
    """A measured value: shortened to six digits on a terminal, exactly as it is elsewhere."""
    known = number_to_json(value)
    if isinstance(known, str):
        return known
    return f"{known:.6g}" if on_terminal() and isinstance(known, float) else repr(known)


def counted(count: int, what: str, plural: str = "") -> str:
    """ "1 run", "2 runs"."""
    return f"{count} {what if count == 1 else plural or what + 's'}"
