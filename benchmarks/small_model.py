"""A run with a small model, logged and registered in a process that is warm, as a search over parameters does it.

The same calls in both tools: params, metrics, a decision tree with three rows as its example, pickled with cloudpickle.
gitreg works with and without an origin; MLflow with its default store (SQLite) and with the file store it had before.
MLflow runs in an environment of its own.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from measure import FASTER, Row, Warm, gitreg_command, in_turns, tool

_OURS = {"lone": "no origin", "cloned": "origin in a folder"}
_THEIRS = {"sqlite": "MLflow, SQLite", "file": "MLflow, file store"}


def measure(place: Path, quick: bool) -> list[Row]:
    """Each way of gitreg beside each way of MLflow: requirements given and inferred, with and without an example."""
    begin = [*gitreg_command(), "init"]
    subprocess.run([*begin, "lone"], cwd=place, check=True, capture_output=True)
    subprocess.run([*begin, "cloned", "--origin", "origin.git"], cwd=place, check=True, capture_output=True)
    with contextlib.ExitStack() as running:
        programs = {name: Warm(sys.executable, "log_gitreg.py", name, cwd=place) for name in _OURS}
        programs |= {name: Warm(tool("MLFLOW"), "log_mlflow.py", name, cwd=place) for name in _THEIRS}
        for program in programs.values():
            running.enter_context(program)
        rows = []
        for what, settings, rounds in (
            ("requirements given", {"given": True, "example": True}, 25),
            ("requirements given, no example", {"given": True, "example": False}, 25),
            ("requirements inferred", {"given": False, "example": True}, 3),
        ):
            calls: dict[str, Callable[[], float]] = {
                name: partial(program.seconds, **settings) for name, program in programs.items()
            }
            in_turns(calls, 1)  # imports, first tables
            taken = in_turns(calls, 2 if quick else rounds)
            rows += [
                Row(f"log and register, {what}; {way}", taken[ours], peer, taken[theirs], FASTER)
                for ours, way in _OURS.items()
                for theirs, peer in _THEIRS.items()
            ]
    return rows
