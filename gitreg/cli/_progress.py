"""How far a transfer is, on a terminal: how much of how much, how fast, how long yet."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from gitreg.cli._table import printable
from gitreg.registry.progress import Moved, Progress, Steps, silent, unseen

_UNSEEN = 0.5  # seconds: what is over sooner shows no bar


def choose(*, quiet: bool) -> Progress:
    """A bar on a terminal; nothing in a pipe, and with -q."""
    return silent if quiet or not sys.stderr.isatty() else bar


@contextlib.contextmanager
def bar(what: str, total: int, /) -> Iterator[Moved]:
    """A bar on stderr that counts `total` bytes, and goes when they are done."""
    if not total:
        yield lambda _: None
        return
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # by default a thread looks after each bar, and a lock of multiprocessing
    tqdm.set_lock(threading.RLock())
    one_at_a_time = threading.Lock()
    size: dict[str, Any] = {"dynamic_ncols": True} if _tells_its_size() else {"ncols": 80, "nrows": 24}
    with tqdm(
        desc=what, total=total, file=sys.stderr, unit="B", unit_scale=True, unit_divisor=1024, delay=_UNSEEN,
        leave=False, **size,
    ) as shown:  # fmt: skip

        def moved(count: int) -> None:
            with one_at_a_time:
                shown.update(count)

        yield moved


def choose_steps(*, quiet: bool) -> Steps:
    """A line on a terminal; nothing in a pipe, and with -q."""
    return unseen if quiet or not sys.stderr.isatty() else steps


@contextlib.contextmanager
def steps(what: str, /) -> Iterator[Callable[[str], None]]:
    """A line on stderr with the last step of another tool and the time since it began; it goes with the last."""
    wide, since = shutil.get_terminal_size().columns, time.monotonic()
    last, drawn = "", 0

    def told(line: str) -> None:
        nonlocal last, drawn
        last = printable(line) or last
        minutes, seconds = divmod(int(time.monotonic() - since), 60)
        text = f"{f'{what}: {last}'[: max(wide - 8, 20)]} {minutes}:{seconds:02}"
        sys.stderr.write(f"\r{text:<{drawn}}")
        sys.stderr.flush()
        drawn = len(text)

    try:
        yield told
    finally:
        if drawn:
            sys.stderr.write(f"\r{'':<{drawn}}\r")
            sys.stderr.flush()


def _tells_its_size() -> bool:
    try:
        return all(os.get_terminal_size(sys.stderr.fileno()))
    except (OSError, ValueError):
        return False
