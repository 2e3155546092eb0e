"""How long the shortest command takes: Python's own start and click's import are most of it."""

from __future__ import annotations

import sys
from pathlib import Path

from measure import Row, at_most, gitreg_command, in_turns, timed


def measure(place: Path, quick: bool) -> list[Row]:
    """`gitreg --help` beside `python -c "import click"`."""
    calls = {
        "gitreg": lambda: timed([*gitreg_command(), "--help"], place),
        "click": lambda: timed([sys.executable, "-c", "import click"], place),
    }
    in_turns(calls, 1)
    taken = in_turns(calls, 5 if quick else 31)
    peer = '`python -c "import click"`'
    return [Row("`gitreg --help`", taken["gitreg"], peer, taken["click"], at_most(2, "at most 2x"))]
