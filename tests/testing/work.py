"""How much work something is, as numbers that are the same on every machine: steps of Python, processes started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from unittest.mock import patch


def steps(call: Callable[[], object]) -> int:
    """How many functions, of Python and of C, are called while `call` runs in this thread."""
    counted = 0

    def count(frame: object, event: str, what: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(before)
    return counted


def processes(call: Callable[[], object]) -> list[list[str]]:
    """The commands that this process starts while `call` runs."""
    started: list[list[str]] = []
    begin = subprocess.Popen.__init__

    def note(self: subprocess.Popen[bytes], args: list[str], *rest: object, **options: object) -> None:
        started.append([str(word) for word in args])
        begin(self, args, *rest, **options)  # type: ignore[arg-type]

    with patch.object(subprocess.Popen, "__init__", note):
        call()
    return started


def growth(work: Callable[[int], object], size: int, times: int) -> float:
    """How many times the steps of `work(size)` those of `work(size * times)` are: about `times` where it is linear."""
    work(size)  # what is imported or compiled once is no part of it
    return steps(partial(work, size * times)) / steps(partial(work, size))
