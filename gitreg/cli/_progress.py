"""How far a transfer is, on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

import click

from gitreg.registry.progress import Progress, silent


def choose(*, quiet: bool) -> Progress:
    """A bar on a terminal; nothing in a pipe, and with -q."""
    return silent if quiet or not sys.stderr.isatty() else bar


@contextlib.contextmanager
def bar(what: str, total: int, /) -> Iterator[Callable[[int], None]]:
    """A bar on stderr that counts `total` bytes."""
    if not total:
        yield lambda _: None
        return
    with click.progressbar(length=total, label=what, file=sys.stderr, show_pos=False, width=30) as shown:
        yield shown.update
