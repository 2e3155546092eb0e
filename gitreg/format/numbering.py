"""Which version comes next (docs/format.md 1.3).

The bump is the largest found against every version of the line that is still offered: compatibility is not
transitive, and whoever follows `model@v1` may have been written for any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from gitreg.errors import Conflict, Refused
from gitreg.format.compatibility import Change, Promise, compare, needed
from gitreg.format.semver import BUMPS, Bump, Line, Semver

FIRST_SIGNED = Semver(1, 0, 0)
FIRST_UNSIGNED = Semver(0, 1, 0)

_STILL_UNSIGNED = Change(
    "signature", "", "is not declared", "minor", "nothing is promised, so every version may differ in anything"
)


@dataclass(frozen=True)
class _Known:
    """The versions that a model has, as `next_version` takes them."""

    existing: frozenset[Semver]
    retired: frozenset[Semver] = frozenset()
    foreign: frozenset[Semver] = frozenset()

    def releases(self, line: Line) -> list[Semver]:
        """The releases of a line, the greatest first."""
        found = (one for one in self.existing if not one.pre and line.holds(one))
        return sorted(found, key=lambda one: one.sort_key, reverse=True)


def next_version(
    candidate: Promise,
    existing: Iterable[Semver],
    promise_of: Callable[[Semver], Promise],
    *,
    retired: Collection[Semver] = (),
    foreign: Collection[Semver] = (),
    bump: Bump | None = None,
    version: Semver | None = None,
    line: Line | None = None,
) -> tuple[Semver, tuple[Change, ...]]:
    """The version that `candidate` gets, and the changes that decided it.

    `existing` are all versions of the model, also `retired` ones and `foreign` ones: those of which no promise is
    known, because GTO made them or they were purged. `promise_of` is asked for the others, one by one, as needed.
    `bump` asks for a larger bump than needed, `version` for exactly that version (the only way to a pre-release),
    `line` for a version of an older line. Refused, naming the changes, where they need more than was asked for;
    Conflict where `version` exists.
    """
    known = _Known(frozenset((*existing, *retired, *foreign)), frozenset(retired), frozenset(foreign))
    if version is not None:
        if bump is not None:
            raise Refused("a version and a bump cannot both be asked for", "leave out one of the two")
        return _exactly(version, candidate, known, promise_of, line)
    if line is not None:
        return _in_line(line, candidate, known, promise_of, bump)
    newest = max((one for one in known.existing if not one.pre), default=None)
    if newest is None:
        first = FIRST_SIGNED if candidate.signed else FIRST_UNSIGNED
        return max([first, *(one.core for one in known.existing)]), ()
    current = Line(newest.major)
    changes = _changes(candidate, current, known, promise_of)
    chosen = _at_least(needed(changes), bump, changes)
    greatest = max(one for one in known.existing if chosen == "major" or current.holds(one))
    return greatest.bumped(chosen), changes


def _in_line(
    line: Line, candidate: Promise, known: _Known, promise_of: Callable[[Semver], Promise], bump: Bump | None
) -> tuple[Semver, tuple[Change, ...]]:
    if not known.releases(line):
        raise Refused(f"there is no version in the line {line}", _lines(known))
    changes = _changes(candidate, line, known, promise_of)
    chosen = _at_least(needed(changes), bump, changes)
    if not _fits(chosen, line):
        because = f": {_named(changes, chosen)}" if needed(changes) == chosen else ""
        raise Refused(
            f"a {chosen} version cannot be in the line {line}{because}",
            "leave out the line" if line.minor is None else f"leave out the line, or ask for {Line(line.major)}",
        )
    return max(one for one in known.existing if line.holds(one)).bumped(chosen), changes


def _exactly(
    version: Semver, candidate: Promise, known: _Known, promise_of: Callable[[Semver], Promise], line: Line | None
) -> tuple[Semver, tuple[Change, ...]]:
    if str(version).lower() in {str(one).lower() for one in known.existing}:
        raise Conflict(f"{version} exists", "a version is made once; ask for another, or for none")
    if line is not None and not line.holds(version):
        raise Refused(f"{version} is not in the line {line}", "leave out the line")
    # Room within v1 or, for a patch between two minor versions, within v1.3.
    lines = [one for one in (Line(version.major), Line(version.major, version.minor)) if known.releases(one)]
    found: tuple[Change, ...] = ()
    least: Semver | None = None
    for one in lines:
        changes = _changes(candidate, one, known, promise_of)
        bump = needed(changes)
        reached = known.releases(one)[0].bumped(bump)
        if _fits(bump, one) and version.core >= reached:
            return version, changes
        if least is None:
            found, least = changes, reached
    if least is not None:
        bump = needed(found)
        because = f": {_named(found, bump)}" if found else ""
        if bump == "major":
            raise Refused(
                f"{version} cannot be in the line {Line(version.major)}{because}", "ask for a new major version"
            )
        raise Refused(
            f"{version} is less than {least}, the next {bump} version{because}", f"ask for {least} or greater"
        )
    newest = max((one for one in known.existing if not one.pre), default=None)
    return version, () if newest is None else _changes(candidate, Line(newest.major), known, promise_of)


def _changes(
    candidate: Promise, line: Line, known: _Known, promise_of: Callable[[Semver], Promise]
) -> tuple[Change, ...]:
    """What changed against the versions of a line, the newest first; no further than the first major change."""
    found: dict[Change, None] = {}
    own = [one for one in known.releases(line) if one not in known.foreign]
    offered = [one for one in own if one not in known.retired] or own[:1]
    for promise in map(promise_of, offered) if offered else [Promise(None, candidate.flavors)]:
        changes = compare(promise, candidate)
        if not promise.signed and not candidate.signed:
            changes = (_STILL_UNSIGNED, *changes)
        found.update(dict.fromkeys(changes))
        if needed(changes) == "major":
            break
    return tuple(found)


def _at_least(least: Bump, asked: Bump | None, changes: tuple[Change, ...]) -> Bump:
    if asked is None:
        return least
    if BUMPS.index(asked) < BUMPS.index(least):
        raise Refused(f"this is a {least} version, not a {asked} one: {_named(changes, least)}", f"ask for {least}")
    return asked


def _fits(bump: Bump, line: Line) -> bool:
    return bump == "patch" or (bump == "minor" and line.minor is None)


def _named(changes: tuple[Change, ...], least: Bump) -> str:
    """The changes that need `least` or more, in one line."""
    large = [change for change in changes if change.bump == least]
    told = [" ".join(filter(None, (change.part, change.name, change.what))) for change in large[:5]]
    more = len(large) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")


def _lines(known: _Known) -> str:
    majors = sorted({one.major for one in known.existing if not one.pre})
    return f"there is {', '.join(f'v{major}' for major in majors)}" if majors else "there is no version yet"
