"""The one place that reads the clock."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from gitreg.format.times import parse_time


def now() -> datetime:
    """This moment in UTC; the variable GITREG_NOW (RFC 3339) stands in for it, so that a session can be repeated."""
    fixed = os.environ.get("GITREG_NOW")
    return parse_time(fixed) if fixed else datetime.now(UTC)
