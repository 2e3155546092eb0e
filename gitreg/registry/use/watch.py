"""Watching a reference: the version that it names, and each one that it names later."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from types import TracebackType

from gitreg.errors import GitregError, Refused, check_type, shown, warn
from gitreg.format.times import parse_age
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.use.look import Look, Watched


def watch(
    ref: str,
    every: float | str = 30,
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> Watch:
    """The version that `ref` names, at once; then, for ever, each other one that it comes to name.

    The origin is asked about `every` so many seconds (or "30s"): for a few names, and for more only if they changed.
    `ref` is a stage, `MODEL@latest` or a line such as `MODEL@v1`; Refused for what never changes. The first version
    is answered from here while the origin is away. Raises what `resolve` does until a first version was told, later
    nothing: while the origin is away, or the reference names nothing, it waits, with a warning; see `Watch`.
    """
    seconds = interval(every)
    place = open_registry(registry, offline=offline)
    return Watch(Watched(place, ref, max_stale=place.max_stale), seconds)


def interval(every: float | str) -> float:
    """The seconds between two looks: a number of them, or text such as "30s". Refused otherwise."""
    rule = "seconds above 0, or text such as '30s'"
    if isinstance(every, str):
        every = parse_age(every, "interval")
    check_type(every, (int, float), "interval", rule)
    if not 0 < every < float("inf"):
        raise Refused(f"bad interval {shown(every)}", rule)
    return float(every)


def jittered(every: float) -> float:
    """A little less than `every`: what began together does not go on asking together."""
    return random.uniform(0.75, 1.0) * every


class Watch(Iterator[ModelVersion]):
    """An iterator over versions that waits for the next one. `close` ends it, also from another thread."""

    def __init__(self, watched: Watched, every: float) -> None:
        self._watched, self._every = watched, every
        self._closed = threading.Event()
        self._look = Look()
        self._told: ModelVersion | None = None
        self._warned = ""

    @property
    def checked(self) -> str:
        """When the origin last told what the reference names (RFC 3339, "" never). Other threads may ask meanwhile."""
        return self._look.checked

    @property
    def stale(self) -> bool:
        """Whether the origin did not answer when it was last asked."""
        return self._look.away is not None

    @property
    def trouble(self) -> GitregError | None:
        """Why the origin did not answer, or why the reference names nothing; None while all is well."""
        return self._look.away or self._look.trouble

    def close(self) -> None:
        """End the iteration; a call that waits for the next version ends, too."""
        self._closed.set()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __next__(self) -> ModelVersion:
        first = self._told is None
        while not self._closed.is_set():
            if not first and self._closed.wait(jittered(self._every)):
                break
            self._look = look = self._watched.look()
            if first:
                look.named()
            self._warn_once()
            if look.version and (self._told is None or look.version.tag != self._told.tag):
                self._told = look.version
                return look.version
        raise StopIteration

    def _warn_once(self) -> None:
        """Say so when something begins to go wrong; the same is not said again before all was well."""
        kind = "away" if self._look.away else "trouble" if self._look.trouble else ""
        if kind and kind != self._warned:
            warn(f"{self.trouble}; {self._watched.reference} is watched on")
        self._warned = kind
