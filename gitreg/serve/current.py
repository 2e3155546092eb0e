"""The predictor in use: requests hold on to the one they began with, and the next one waits for nobody."""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from gitreg.errors import Unreachable
from gitreg.format.times import format_time, parse_time
from gitreg.serve._base import Predictor, State
from gitreg.stores.clock import now

_LOG = logging.getLogger("gitreg.serve")
_UNCHECKED = 60.0
"""Seconds that may be missing beyond three polls before what is served counts as unchecked: one may take so long."""


@dataclass
class _Held:
    """A predictor, how many requests it answers just now, and whether another one took its place."""

    predictor: Predictor
    requests: int = 0
    replaced: bool = False


@dataclass(frozen=True)
class _Told:
    """What the last poll told: when the origin answered last (RFC 3339 and by the clock), and what went wrong."""

    checked: str = ""
    at: float = 0.0
    away: str = ""
    failed: tuple[str, str] | None = None


class Current:
    """The predictor in use, and what following a reference tells of it.

    `swap` puts another one in its place at once; the old one is closed when the last request that began with it has
    ended. `clock` counts seconds and never goes back.
    """

    def __init__(self, predictor: Predictor, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._held = _Held(predictor)
        self._since = format_time(now())
        self._swaps = self._failures = 0
        self._follows = self._updating = ""
        self._max_stale: float | None = None
        self._every = 0.0
        self._stop: Callable[[], None] = lambda: None
        self._closed = False
        self._told = _Told()
        self._litter = False
        version = predictor.version
        if version is not None:
            self.checked(version.as_of, "the origin was not asked" if version.stale else "")

    @contextlib.contextmanager
    def use(self) -> Iterator[Predictor]:
        """The predictor, which is not closed before the block ends. Unreachable once this was closed."""
        with self._lock:
            if self._closed:
                raise Unreachable("the server is stopping", "ask again: another one may have begun")
            held = self._held
            held.requests += 1
        try:
            yield held.predictor
        finally:
            with self._lock:
                held.requests -= 1
                last = held.replaced and not held.requests
            if last:  # not in the way of the answer that was given just now
                threading.Thread(target=self._end, args=(held,), name="gitreg-close", daemon=True).start()

    def swap(self, new: Predictor) -> None:
        """Let `new` answer every request that comes from now on. After `close` it is closed at once."""
        with self._lock:
            late, old = self._closed, self._held
            if not late:
                self._held, self._since = _Held(new), format_time(now())
                self._swaps += 1
                old.replaced = True
            idle = not late and not old.requests
        if late:
            self._end(_Held(new))
        elif idle:
            self._end(old)

    @property
    def predictor(self) -> Predictor:
        """The predictor in use at this moment; it may be closed at the next: `use` holds on to it."""
        return self._held.predictor

    def follows(self, ref: str, every: float, max_stale: float | None, stop: Callable[[], None]) -> None:
        """From now on it follows `ref`, looked up every so many seconds, until `stop` is called, which `close` does.

        What was not checked for `max_stale` seconds does not answer any more.
        """
        with self._lock:
            self._follows, self._every, self._max_stale, self._stop = ref, every, max_stale, stop

    def checked(self, moment: str, away: str = "") -> None:
        """The origin told at `moment` (RFC 3339, "" never) what is to be served; `away` says why it tells no more."""
        with self._lock:
            told = self._told
            at = told.at
            if moment and moment != told.checked:
                at = self._clock() - max(0.0, (now() - parse_time(moment)).total_seconds())
            self._told = replace(told, checked=moment or told.checked, at=at, away=away)

    def updating(self, version: str) -> None:
        """`version` is being fetched and loaded; "" when that is over."""
        with self._lock:
            self._updating = version

    def failed(self, version: str, message: str) -> None:
        """What is to be served cannot be: `version`, or "" where the reference names none."""
        with self._lock:
            if self._told.failed != (version, message):
                self._failures += 1
            self._told = replace(self._told, failed=(version, message))

    def right(self) -> None:
        """What is served is what is to be served."""
        with self._lock:
            self._told = replace(self._told, failed=None)

    def state(self) -> State:
        """How the server stands.

        `extra` has more for /health: `follows` (the reference), `updating` (the version on its way), `stale`, `away`
        (why the origin tells nothing) and `failures` (how many versions could not be served so far).
        """
        with self._lock:
            told = self._told
            age = max(0.0, self._clock() - told.at) if told.checked else 0.0
            late = bool(self._follows) and bool(told.checked) and age > 3 * self._every + _UNCHECKED
            stale = bool(told.away) or late
            too_old = self._max_stale is not None and bool(self._follows) and age > self._max_stale
            status = "too-stale" if too_old else "stale" if stale else "failed-to-update" if told.failed else "ok"
            return State(
                status=status,
                since=self._since,
                checked=told.checked or None,
                age=age,
                failed={"version": told.failed[0], "message": told.failed[1]} if told.failed else None,
                swaps=self._swaps,
                updating=self._updating or None,
                extra={
                    "follows": self._follows or None,
                    "updating": self._updating or None,
                    "stale": stale or too_old,
                    "away": told.away or None,
                    "failures": self._failures,
                },
            )

    def close(self) -> None:
        """Stop following, and close the predictor when its last request has ended. No request begins any more."""
        with self._lock:
            if self._closed:
                return
            self._closed = self._held.replaced = True
            stop, idle = self._stop, not self._held.requests
        stop()
        if idle:
            self._end(self._held)

    def sweep(self) -> None:
        """Give back the memory of what was replaced: frameworks tie models into cycles, which Python seldom seeks."""
        if self._litter:
            self._litter = False
            gc.collect()

    def _end(self, held: _Held) -> None:
        """Close a predictor that nobody asks any more."""
        try:
            held.predictor.close()
        except Exception as error:  # of whatever framework; the server goes on with the new one
            _LOG.warning("%s could not be closed: %s: %s", held.predictor.version, type(error).__name__, error)
        self._litter = True
