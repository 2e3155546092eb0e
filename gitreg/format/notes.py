"""Facts learned after registration: JSON lines in refs/notes/gitreg (docs/format.md 1.5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitreg.errors import Refused
from gitreg.format.jsontext import format_line, number_to_json
from gitreg.format.names import check_key, check_text

_LONGEST = 16 << 10


@dataclass(frozen=True)
class Fact:
    """One fact: `n` counts the facts of its key, `id` tells two of the same `n` apart; the highest (n, id) holds.

    `value` is text, or a number, or None where the fact was taken back.
    """

    n: int
    id: str
    at: str
    by: str
    key: str
    value: str | float | None


def format_fact(fact: Fact) -> str:
    """The fact's line, without its line feed. Refused where its key or value may not be kept."""
    check_key(fact.key)
    if isinstance(fact.value, str):
        check_text(fact.value, f"the value of {fact.key}")
    if isinstance(fact.value, str) and len(fact.value) > _LONGEST:
        raise Refused(f"the value of {fact.key} has more than {_LONGEST} characters", "log it as a file of a run")
    value = number_to_json(fact.value) if isinstance(fact.value, float) else fact.value
    return format_line({"n": fact.n, "id": fact.id, "at": fact.at, "by": fact.by, "key": fact.key, "value": value})


def parse_facts(text: str) -> tuple[Fact, ...]:
    """The facts in a note, in the order they stand. Lines that are no fact (a later gitreg's) are passed over."""
    facts = []
    for line in text.split("\n"):
        try:
            row = json.loads(line)
            value = row["value"]
            if (
                not isinstance(value, str | float | int | None)
                or isinstance(value, bool)
                or not isinstance(row["n"], int)
            ):
                continue
            key = check_key(str(row["key"]))
            facts.append(Fact(row["n"], str(row["id"]), str(row["at"]), str(row["by"]), key, value))
        except (ValueError, KeyError, TypeError, RecursionError, Refused):
            continue
    return tuple(facts)


def current_facts(facts: Iterable[Fact]) -> Mapping[str, Fact]:
    """The fact that holds for each key: the one with the highest (n, id), never the latest clock."""
    held: dict[str, Fact] = {}
    for fact in facts:
        known = held.get(fact.key)
        if known is None or (fact.n, fact.id) > (known.n, known.id):
            held[fact.key] = fact
    return {key: fact for key, fact in sorted(held.items()) if fact.value is not None}
