"""Ctrl-C: the first lets the command tidy up and end, the next changes nothing, the third ends it where it stands."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130

_told = 0


def listen() -> None:
    """Hear Ctrl-C until this process ends; where whoever started it lets it ignore that, it stays ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _hear)


def was_interrupted() -> bool:
    """Whether Ctrl-C was pressed: what went wrong since, as a rule in a git that heard it too, went wrong by that."""
    return _told > 0


def _hear(number: int, frame: FrameType | None) -> None:
    global _told
    _told += 1
    if _told == 1:
        raise KeyboardInterrupt
    if _told > 2:
        os._exit(INTERRUPTED)


def end(code: int) -> None:
    """End this process. Interrupted, it waits for no thread: what was to be tidied up is."""
    if code == INTERRUPTED:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
