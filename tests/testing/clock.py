"""gitreg's clock, held in the test's hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

START = "2026-03-02T09:30:00Z"


class Clock:
    """What gitreg takes for now, in this process and in those the test starts: GITREG_NOW, RFC 3339."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.now = START
        self.set(START)

    def set(self, now: str) -> str:
        """Move the clock to a time such as "2026-03-02T09:30:00Z"."""
        self.now = now
        self._patch.setenv("GITREG_NOW", now)
        return now

    def advance(self, seconds: float) -> str:
        """Move the clock on (or back), and tell the new time."""
        later = datetime.fromisoformat(self.now) + timedelta(seconds=seconds)
        return self.set(later.astimezone(UTC).isoformat().replace("+00:00", "Z"))
