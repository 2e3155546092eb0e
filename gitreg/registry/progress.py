"""How long work tells how far it is. The command line draws it; a program that does not ask hears nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol


class Progress(Protocol):
    """`with progress("uploading", total) as moved:` then `moved(n)` for every n bytes done."""

    def __call__(self, what: str, total: int, /) -> contextlib.AbstractContextManager[Callable[[int], None]]: ...


@contextlib.contextmanager
def silent(what: str, total: int, /) -> Iterator[Callable[[int], None]]:
    """Progress that nobody looks at."""
    yield lambda _: None
