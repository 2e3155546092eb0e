"""How long work tells how far it is. The command line draws it; a program that does not ask hears nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol

Moved = Callable[[int], None]
"""Called with the number of bytes just done, from any thread; with a negative one where they are done again."""


class Progress(Protocol):
    """`with progress("uploading", total) as moved:` then `moved(n)` for every n bytes done of `total`."""

    def __call__(self, what: str, total: int, /) -> contextlib.AbstractContextManager[Moved]: ...


@contextlib.contextmanager
def silent(what: str, total: int, /) -> Iterator[Moved]:
    """Progress that nobody looks at."""
    yield lambda _: None


class Steps(Protocol):
    """`with steps("building") as tell:` then `tell(line)` for each line of another tool, and `tell("")` to wait on."""

    def __call__(self, what: str, /) -> contextlib.AbstractContextManager[Callable[[str], None]]: ...


@contextlib.contextmanager
def unseen(what: str, /) -> Iterator[Callable[[str], None]]:
    """Steps that nobody looks at."""
    yield lambda _: None
