"""How far a transfer is, on a terminal: how much of how much, how fast, how long yet."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from gitreg.registry.progress import Moved, Progress, silent

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


def _tells_its_size() -> bool:
    try:
        return all(os.get_terminal_size(sys.stderr.fileno()))
    except (OSError, ValueError):
        return False
