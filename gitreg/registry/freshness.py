"""How fresh an answer is: when what it was read from was fetched, and what is done while the origin is away."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitreg.errors import Refused, Unreachable, check_type, warn
from gitreg.format.times import format_time, parse_age, parse_time, show_age
from gitreg.stores.clock import now
from gitreg.stores.disk import write_whole

if TYPE_CHECKING:
    from gitreg.registry.place import Registry

MAX_STALE = "GITREG_MAX_STALE"
ALL, MAIN, MODELS = "", "main", "@"
"""Things that are fetched: all of a registry, its main, all versions; those of one model are its name and an @."""

_FILE = "fetched"


@dataclass(frozen=True)
class Asked:
    """What an answer rests on: when that was fetched (RFC 3339, "" never), whether the origin might have told more,
    and whether it was asked.
    """

    as_of: str
    stale: bool
    now: bool = False


@dataclass
class Freshness:
    """What the answers of a registry that were given so far rest on, taken together; None before the first."""

    answers: Asked | None = None

    def add(self, one: Asked) -> Asked:
        """One more answer was given."""
        last = self.answers or one
        self.answers = Asked(min(last.as_of, one.as_of), last.stale or one.stale, last.now and one.now)
        return one


def ask_origin(registry: Registry, thing: str, bring: Callable[[], None]) -> Asked:
    """Let `bring` bring `thing` from the origin.

    It does not where there is no origin, where the registry is offline, or where the origin is away and what is here
    is younger than `max_stale`: then that is what the answer is given from. Unreachable where it is older.
    """
    if registry.remote and not registry.offline:
        try:
            bring()
        except Unreachable as away:
            _answer_anyway(registry, thing, away)
        else:
            remember_fetch(registry, thing)
            return registry.freshness.add(Asked(format_time(now()), False, True))
    return answer_from_here(registry, thing)


def answer_from_here(registry: Registry, thing: str, *, moves: bool = True) -> Asked:
    """What is known of `thing` is answered from; unless it `moves` that is only stale where nobody may be asked."""
    if not registry.remote:
        return registry.freshness.add(Asked(format_time(now()), False))
    return registry.freshness.add(Asked(last_fetch(registry, thing), moves or registry.offline))


def _answer_anyway(registry: Registry, thing: str, away: Unreachable) -> None:
    """Warn where what is here may be answered from; else raise what happened, with what can be done."""
    last = last_fetch(registry, thing)
    if not last:
        raise Unreachable(away.message, f"{away.hint}; nothing of it was fetched here before".lstrip("; ")) from None
    seconds = max(0.0, (now() - parse_time(last)).total_seconds())
    age = f"{show_age(seconds)} ago ({last})"
    if registry.max_stale is None or seconds > registry.max_stale:
        hint = f"--offline answers from what was fetched {age}; --max-stale 24h does so while that is younger"
        raise Unreachable(away.message, f"{away.hint}; {hint}".lstrip("; ")) from None
    warn(f"{away.message}; answered from what was fetched {age}")


def remember_fetch(registry: Registry, thing: str = ALL) -> None:
    """Note that `thing` was brought just now as the origin has it."""
    write_whole(registry.noted / _name(thing), f"{format_time(now())}\n".encode("ascii"))


def last_fetch(registry: Registry, thing: str = ALL) -> str:
    """When `thing` was last fetched from here (RFC 3339), alone or among others, or ""."""
    wider = {ALL, MODELS} if thing.endswith(MODELS) else {ALL}
    return max(_read(registry, one) for one in {thing, *wider})


def _read(registry: Registry, thing: str) -> str:
    try:
        text = (registry.noted / _name(thing)).read_text(encoding="ascii").strip()
        return format_time(parse_time(text))
    except (OSError, UnicodeDecodeError, Refused):
        return ""


def _name(thing: str) -> str:
    return f"{_FILE}.{thing}" if thing else _FILE


def max_stale_meant(given: float | str | None) -> float | None:
    """How old an answer may be while the origin is away, in seconds: what was given, else GITREG_MAX_STALE."""
    if given is None:
        text = os.environ.get(MAX_STALE, "")
        return parse_age(text, MAX_STALE) if text else None
    if isinstance(given, str):
        return parse_age(given, "max_stale")
    check_type(given, (int, float), "max_stale", "seconds, or text such as '24h'")
    if not given >= 0:
        raise Refused(f"bad max_stale {given}", "seconds, or text such as '24h'")
    return given
