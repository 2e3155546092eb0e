"""One reference, looked up again and again: each look asks the origin for a few names, and for more if they changed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gitreg.errors import Conflict, GitregError, NotFound, Refused, Unreachable
from gitreg.format.references import FORMS, Latest, OfLine, Reference, Staged, parse_reference
from gitreg.format.tags import version_ref
from gitreg.format.times import format_time, parse_time, show_age
from gitreg.format.versions import ModelVersion
from gitreg.registry.freshness import MAIN, last_fetch, remember_fetch
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.resolve import resolve
from gitreg.stores.clock import now
from gitreg.stores.git.names import names_at
from gitreg.stores.git.partial import PartialRepository

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Look:
    """What a look at a reference told.

    `version` is what it names; None where it names none, and `trouble` then says why. `checked` is when the origin
    last told so (RFC 3339, "" never); `away` is why it did not tell now: then the rest is what was known before.
    """

    version: ModelVersion | None = None
    checked: str = ""
    away: GitregError | None = None
    trouble: GitregError | None = None

    def named(self) -> ModelVersion:
        """The version; raises why there is none."""
        if self.version is None:
            raise self.trouble or self.away or NotFound("nothing was looked up yet")
        return self.version


def moving(ref: str | Reference) -> Reference:
    """A reference that may name another version tomorrow. Refused for all others."""
    reference = ref if isinstance(ref, Reference) else parse_reference(str(ref))
    if not reference.moves:
        model = getattr(reference.target, "model", "MODEL")
        raise Refused(f"{reference} never changes", f"follow a stage, {model}@latest or {model}@v1; names are {FORMS}")
    return reference


class Watched:
    """A reference that moves, in a registry. Not for two threads at once.

    While the origin is away the first look is answered from here, if that was fetched within `max_stale` seconds.
    """

    def __init__(self, registry: Registry, ref: str | Reference, *, max_stale: float | None = None) -> None:
        self.reference = moving(ref)
        target = self.reference.target
        assert isinstance(target, Latest | OfLine | Staged)
        self._target = target
        self._registry = replace(registry, max_stale=None)
        self._max_stale = max_stale
        self._thing = MAIN if isinstance(target, Staged) else f"{target.model}@"
        self._known: Mapping[str, str] | None = None
        self._last: Look | None = None

    def look(self) -> Look:
        """What the reference names now."""
        registry = self._registry
        try:
            registry = self._opened()
            told = self._ask(registry)
            if self._last and told == self._known:
                self._note(registry)
                return self._keep(replace(self._last, checked=self._moment(registry), away=self._cut_off()))
            look = self._resolve(registry, told)
        except GitregError as error:
            return self._away(registry, error)
        except OSError as error:  # a full disk, or no more processes
            return self._away(registry, GitregError(f"{self.reference} cannot be looked up: {error}"))
        # Main may have moved since it was asked for: what counts is the commit that was read.
        self._known = self._names_behind(registry, look, told)
        return self._keep(look)

    def _opened(self) -> Registry:
        """The registry, which remembers nothing of main's files; a mirror whose cache was deleted is made again."""
        known = self._registry
        if known.mirror and not known.git.git_dir.is_dir():
            self._registry = replace(open_registry(known.where, offline=known.offline), max_stale=None)
        return replace(self._registry)

    def _keep(self, look: Look) -> Look:
        self._last = look
        return look

    def _cut_off(self) -> GitregError | None:
        if self._registry.remote and self._registry.offline:
            return Unreachable("this is offline: what is here is looked at, and the origin is not asked")
        return None

    def _moment(self, registry: Registry) -> str:
        return last_fetch(registry, self._thing) if self._cut_off() else format_time(now())

    def _note(self, registry: Registry) -> None:
        """What is here is what the origin has, though nothing had to be fetched: the next start may count on it."""
        if registry.remote and not registry.offline:
            with contextlib.suppress(OSError):  # a full disk is no reason to doubt the answer
                remember_fetch(registry, self._thing)

    def _resolve(self, registry: Registry, told: Mapping[str, str]) -> Look:
        """Raises what may be over at the next look; what is a fact of the registry is in the answer."""
        try:
            self._bring_changed(registry, told)
            version = resolve(self.reference, registry=registry)
        except GitregError as error:
            if may_pass(error):
                raise
            return Look(None, self._moment(registry), self._cut_off(), error)
        return Look(version, version.as_of, self._cut_off())

    def _away(self, registry: Registry, error: GitregError) -> Look:
        if self._last:
            return self._keep(replace(self._last, away=error))
        here = replace(registry, offline=True)
        if isinstance(registry.git, PartialRepository):
            here = replace(here, git=replace(registry.git, offline=True))
        try:
            version = resolve(self.reference, registry=here)
        except GitregError:
            return Look(away=error)
        age = (now() - parse_time(version.as_of)).total_seconds() if version.as_of else None
        if age is None or (self._max_stale is not None and age > self._max_stale):
            told = f"what is here was fetched {show_age(age)} ago" if age is not None else "nothing was fetched before"
            return Look(away=Unreachable(f"{error.message}; {told}", error.hint))
        return self._keep(Look(version, version.as_of, error))

    def _ask(self, registry: Registry) -> dict[str, str]:
        """The refs that decide what the reference names, as the origin has them; "main" is the tip of main."""
        exact, prefix = self._wanted()
        if not registry.remote or registry.offline:
            asked = [f"{prefix}*"] if prefix else [registry.main_ref, *exact]
            found = {ref.name: ref.oid for ref in registry.git.refs(*asked)}
            main = registry.main_ref
        else:
            main = f"refs/heads/{registry.branch}"
            found = _names(registry, [prefix] if prefix else [main, *exact])
        kept = {name: oid for name, oid in found.items() if name in exact or (prefix and name.startswith(prefix))}
        return kept if prefix else kept | ({"main": found[main]} if main in found else {})

    def _wanted(self) -> tuple[list[str], str]:
        """The tags that matter beside main, in full, or the beginning of all that do."""
        if not isinstance(self._target, Staged):
            return [], f"{_TAGS}{self._target.model}@"
        version = self._last.version if self._last else None
        if version is None:
            return [], ""
        ref = version_ref(version.model, version.semver)
        return [ref, f"{ref}!"], ""

    def _bring_changed(self, registry: Registry, told: Mapping[str, str]) -> None:
        """A stage's version that was retired or purged: its tags are brought, which nobody asks for otherwise."""
        if isinstance(self._target, Staged) and self._known is not None:
            changed = [name for name, oid in told.items() if name != "main" and self._known.get(name) != oid]
            if changed:
                registry.fetch(*changed)

    def _names_behind(self, registry: Registry, look: Look, told: Mapping[str, str]) -> Mapping[str, str]:
        """What `_ask` answers from now on, unless something changes."""
        if not isinstance(self._target, Staged):
            return told
        main = registry.git.find_ref(registry.main_ref)
        known = {"main": main} if main else {}
        if look.version is None:
            return known
        ref = version_ref(look.version.model, look.version.semver)
        asked = ref in self._wanted()[0]  # what is not there was told, too
        tags = {name: oid for name, oid in told.items() if name != "main"} if asked else {ref: look.version.tag}
        return known | tags


def may_pass(error: GitregError) -> bool:
    """Whether an error is one of the network or of this machine at this moment, and no fact of the registry."""
    return isinstance(error, Unreachable | Conflict) or type(error) is GitregError


def _names(registry: Registry, prefixes: list[str]) -> dict[str, str]:
    git = registry.git
    address = git.url(registry.remote)
    if ":" in address or address.startswith("/"):
        found = names_at(git, registry.remote, *prefixes)
        if found is not None:
            return found
    # A relative address means the same to git alone, and an old server is asked for everything.
    return git.remote_refs(registry.remote, *(f"{prefix}*" for prefix in prefixes))
