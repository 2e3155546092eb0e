"""Following a reference: a thread looks it up again and again, another one loads what it names and lets it answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from gitreg.errors import GitregError
from gitreg.format.references import Reference
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry
from gitreg.registry.use.look import Look, Watched, may_pass
from gitreg.registry.use.watch import interval, jittered
from gitreg.serve._base import Predictor
from gitreg.serve.current import Current
from gitreg.serve.loading import warm_up

Make = Callable[[ModelVersion], Predictor]
"""Fetch, verify and load a version."""

_LOG = logging.getLogger("gitreg.serve")
_GRACE = 5.0  # seconds that a look may take to end, when it is to stop
_AT_ONCE = 2
"""Versions loaded at a time: one whose loading hangs, and was taken back, does not keep the next one from coming."""


def first_version(ref: str | Reference, place: Registry, max_stale: float | None = None) -> ModelVersion:
    """The version to begin with. While the origin is away that is the last one known here, with `stale`.

    Refused for a reference that never changes; Unreachable where the origin is away and what is here was fetched
    longer than `max_stale` seconds ago (by default, what `place` says), or never.
    """
    return Watched(place, ref, max_stale=place.max_stale if max_stale is None else max_stale).look().named()


def follow(
    current: Current, ref: str | Reference, place: Registry, every: float, max_stale: float | None, make: Make
) -> Following:
    """Let `current` serve what `ref` names, from now on: it is looked up about `every` so many seconds.

    A version that cannot be made, or cannot answer its own input example, is not tried again until the reference names
    another one; what is served meanwhile stays. What was not looked up for `max_stale` seconds (by default, what
    `place` says) does not answer any more. Refused for a reference that never changes.
    """
    max_stale = place.max_stale if max_stale is None else max_stale
    following = Following(current, Watched(place, ref), interval(every), make)
    current.follows(str(following.reference), every, max_stale, following.stop)
    following.start()
    return following


class Following:
    """What keeps a server up to date. `stop` ends it."""

    def __init__(self, current: Current, watched: Watched, every: float, make: Make) -> None:
        self.reference = watched.reference
        self._current, self._watched, self._every, self._make = current, watched, every, make
        self._stopped = threading.Event()
        self._looking, self._lock = threading.Lock(), threading.Lock()
        self._wanted: ModelVersion | None = None
        self._gave_up = ""  # the tag of a version that cannot be served
        self._loads: dict[str, ModelVersion] = {}  # what is being loaded, by tag
        self._said: dict[str, str] = {}
        self._poller = threading.Thread(target=self._poll, name="gitreg-follow", daemon=True)

    def start(self) -> None:
        self._poller.start()

    def stop(self) -> None:
        """Look no more, and serve nothing else. What is being loaded is not waited for; nothing will be made of it."""
        self._stopped.set()
        if self._poller is not threading.current_thread():
            self._poller.join(_GRACE)

    def _poll(self) -> None:
        while not self._stopped.is_set():
            self._look()  # at once, too: fetching and loading the first version may have taken long
            self._current.sweep()
            self._stopped.wait(jittered(self._every))

    def _look(self) -> None:
        """See what the reference names, and have it loaded if it is another version."""
        with self._looking:
            try:
                look = self._watched.look()
            except Exception as error:  # whatever befalls one look, the next one may be well
                look = Look(away=GitregError(f"{type(error).__name__}: {error}"))
            self._current.checked(look.checked, look.away.message if look.away else "")
            self._tell_of(look)
            with self._lock:
                self._aim(look)

    def _aim(self, look: Look) -> None:
        if look.trouble:
            self._wanted, self._gave_up = None, ""
            self._current.failed("", look.trouble.message)
            return
        if look.version is None:
            return
        self._wanted = wanted = look.version
        if wanted.tag != self._gave_up:
            self._gave_up = ""
        if self._is_served(wanted):
            self._all_is_right()
        elif not self._gave_up and wanted.tag not in self._loads and self._may_load():
            self._loads[wanted.tag] = wanted
            self._current.updating(str(wanted))
            threading.Thread(target=self._load, args=(wanted,), name="gitreg-load", daemon=True).start()

    def _may_load(self) -> bool:
        return len(self._loads) < _AT_ONCE and not self._stopped.is_set()

    def _is_served(self, version: ModelVersion) -> bool:
        served = self._current.predictor.version
        return served is not None and served.tag == version.tag

    def _is_wanted(self, version: ModelVersion) -> bool:
        return self._wanted is not None and self._wanted.tag == version.tag and not self._stopped.is_set()

    def _all_is_right(self) -> None:
        self._said.pop("load", None)
        self._current.right()

    def _load(self, version: ModelVersion) -> None:
        """Load a version, and let it answer if it is still what the reference names."""
        new = None
        try:
            new = self._make(version)
            warm_up(new)
        except BaseException as error:  # the model's own code runs here, and may even exit
            self._drop(new)
            self._failed(version, error)
        else:
            self._look()  # it may have been taken back while it was loaded
            with self._lock:
                if self._is_wanted(version):
                    self._all_is_right()
                    self._current.swap(new)
                    new = None
                    _LOG.info("%s is served now", version)
            self._drop(new)
        with self._lock:
            del self._loads[version.tag]
            self._current.updating(str(next(iter(self._loads.values()), "")))

    def _failed(self, version: ModelVersion, error: BaseException) -> None:
        message = error.message if isinstance(error, GitregError) else f"{type(error).__name__}: {error}"
        with self._lock:
            if not self._is_wanted(version):
                return
            if not (isinstance(error, GitregError) and may_pass(error)):
                self._gave_up = version.tag
            self._current.failed(str(version), message)
            self._say("load", f"{version} cannot be served, {self._current.predictor.version} is on: {message}")

    def _tell_of(self, look: Look) -> None:
        if look.away:
            self._say("look", f"{self.reference} cannot be looked up: {look.away.message}")
        elif look.trouble:
            served = self._current.predictor.version
            self._say("look", f"{self.reference} cannot be followed, {served} is on: {look.trouble.message}")
        elif self._said.pop("look", None):
            _LOG.info("%s is looked up again", self.reference)

    def _say(self, what: str, line: str) -> None:
        """Say something on stderr, once before all is well again."""
        if self._said.get(what) != line:
            self._said[what] = line
            _LOG.warning(" ".join(line.split()))

    @staticmethod
    def _drop(predictor: Predictor | None) -> None:
        try:
            if predictor is not None:
                predictor.close()
        except Exception as error:  # of whatever framework
            _LOG.warning("%s could not be closed: %s: %s", predictor, type(error).__name__, error)
