"""The promotion policy in gitreg.yaml: who is who, and what each stage asks of a version (docs/format.md 1.1).

It is read from the base branch only, like the rest of that file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from gitreg.errors import Damaged, GitregError
from gitreg.format.config import NAME
from gitreg.format.keys import key_fingerprint
from gitreg.format.names import check_metric_key, check_stage_name
from gitreg.format.yamltext import Lines, kind, load_yaml_with_lines

FORGES = ("github", "gitlab", "gitea", "pagure")
_EMAIL = re.compile(r"[^\s<>@]+@[^\s<>@]+")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_PERSON = re.compile(r"[^\s@,:][^,:\n]{0,99}")
_RULE = re.compile(r"[a-z][a-z0-9-]{0,49}")
_MOST = 50  # approvals
T = TypeVar("T")


@dataclass(frozen=True)
class Person:
    """Somebody who takes part: e-mail addresses as git knows them, logins by forge, public signing keys."""

    name: str
    emails: tuple[str, ...] = ()
    logins: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gate:
    """What a metric must be: at least `least`, at most `most`, and no more than `slack` worse than what the stage runs.

    `better` tells which way is worse: stated, else lower where only an upper bound is given, else higher.
    """

    metric: str
    least: float | None = None
    most: float | None = None
    slack: float | None = None
    better: Literal["higher", "lower"] = "higher"


@dataclass(frozen=True)
class StagePolicy:
    """What a promotion to one stage asks for.

    `after` names the stage that must run the version first. `approvers` and `emergency` are names of people, of
    groups with an @ before them, or, without a map of people, e-mail addresses. `require` are names of checks that
    must pass, `checks` are commands of the team's own, by name; `evaluate` is one that prints metrics.
    """

    stage: str
    after: str = ""
    approvals: int = 0
    approvers: tuple[str, ...] = ()
    emergency: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    evaluate: str = ""
    checks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """People and groups by name, and the stages that a version can be promoted to; without any, to every one."""

    people: Mapping[str, Person] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stages: Mapping[str, StagePolicy] = field(default_factory=dict)

    def members(self, names: Iterable[str]) -> frozenset[str]:
        """The people (names, or e-mail addresses) that `names` stand for, groups taken apart."""
        found: set[str] = set()
        for name in names:
            found |= set(self.groups[name[1:]]) if name.startswith("@") else {name}
        return frozenset(found)

    def who(self, email: str) -> str:
        """The name of whoever has this e-mail address; the address itself without a map of people, else ""."""
        if not self.people:
            return email.casefold()
        wanted = email.casefold()
        return next((p.name for p in self.people.values() if wanted in (e.casefold() for e in p.emails)), "")

    def who_logs_in(self, forge: str, login: str) -> str:
        """The name of whoever has this login at a forge, or ""."""
        wanted = login.casefold()
        if not wanted:
            return ""
        return next((p.name for p in self.people.values() if p.logins.get(forge, "").casefold() == wanted), "")


def parse_policy(text: str | bytes, what: str = NAME) -> Policy:
    """The policy in the text of gitreg.yaml. Damaged with every mistake, one a line with its number."""
    value, lines = load_yaml_with_lines(text, what)
    reading = _Reading(what, lines)
    top = reading.mapping((), value)
    people = {name: reading.person(("people", name), item) for name, item in reading.section(top, "people")}
    groups = {name: reading.group(("groups", name), item, people) for name, item in reading.section(top, "groups")}
    stages = {name: reading.stage(("stages", name), item) for name, item in reading.section(top, "stages")}
    policy = Policy(people, groups, stages)
    reading.one_owner_each(policy)
    reading.stages_fit(policy)
    if reading.mistakes:
        raise Damaged("\n".join(text for _, text in sorted(reading.mistakes)))
    return policy


Path = tuple[str | int, ...]


class _Reading:
    """Collects every mistake instead of stopping at the first."""

    def __init__(self, what: str, lines: Lines) -> None:
        self.what = what
        self.lines = lines
        self.mistakes: list[tuple[int, str]] = []

    def wrong(self, path: Path, text: str) -> None:
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), 0)
        where = f", line {line}" if line else ""
        self.mistakes.append((line, f"{self.what}{where}: {': '.join(map(str, path))}{': ' if path else ''}{text}"))

    def mapping(self, path: Path, value: object) -> dict[str, object]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(path, f"this is {kind(value)}, not a mapping")
            return {}
        for key in value:
            if not isinstance(key, str):
                self.wrong((*path, key), f"the key is {kind(key)}, not text; put it in quotes")
        return {key: item for key, item in value.items() if isinstance(key, str)}

    def section(self, top: Mapping[str, object], name: str) -> Iterable[tuple[str, object]]:
        return self.mapping((name,), top.get(name)).items()

    def known(self, path: Path, value: object, *keys: str) -> dict[str, object]:
        """A mapping that has no other keys: a policy that says what gitreg does not know is not kept by it."""
        found = self.mapping(path, value)
        for key in found:
            if key not in keys:
                self.wrong((*path, key), f"unknown; it may be one of {', '.join(keys)}")
        return found

    def texts(self, path: Path, value: object, fits: Callable[[str], object], what: str) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(path, f"this is {kind(value)}, not a list")
            return ()
        found: list[str] = []
        for at, item in enumerate(value):
            if not isinstance(item, str) or not fits(item):
                self.wrong((*path, at), f"{item!r} is not {what}")
            elif item in found:
                self.wrong((*path, at), f"{item} stands twice")
            else:
                found.append(item)
        return tuple(found)

    def named(self, path: Path, check: Callable[[str], T]) -> None:
        try:
            check(str(path[-1]))
        except GitregError as error:
            self.wrong(path, error.message)

    def person(self, path: Path, value: object) -> Person:
        if not _PERSON.fullmatch(str(path[-1])):
            self.wrong(path, "a name has no @, comma or colon, and at most 100 characters")
        found = self.known(path, value, "emails", "keys", *FORGES)
        logins = {}
        for forge in FORGES:
            login = found.get(forge)
            if isinstance(login, str) and _LOGIN.fullmatch(login):
                logins[forge] = login
            elif login is not None:
                self.wrong((*path, forge), f"{login!r} is not a login")
        emails = self.texts((*path, "emails"), found.get("emails"), _EMAIL.fullmatch, "an e-mail address")
        keys = self.texts((*path, "keys"), found.get("keys"), _is_key, "a public key or its fingerprint")
        if not emails and not logins:
            self.wrong(path, "neither an e-mail address nor a login: nobody could be told to be this person")
        return Person(str(path[-1]), emails, logins, keys)

    def group(self, path: Path, value: object, people: Mapping[str, Person]) -> tuple[str, ...]:
        return self.texts(path, value, lambda name: self.is_one(name, people), _somebody(people))

    @staticmethod
    def is_one(name: str, people: Mapping[str, Person]) -> bool:
        return name in people if people else bool(_EMAIL.fullmatch(name))

    def stage(self, path: Path, value: object) -> StagePolicy:
        self.named(path, check_stage_name)
        keys = ("after", "approvals", "approvers", "emergency", "require", "metrics", "evaluate", "checks")
        found = self.known(path, value, *keys)
        gates = self.mapping((*path, "metrics"), found.get("metrics"))
        return StagePolicy(
            str(path[-1]),
            after=self.text((*path, "after"), found.get("after")),
            approvals=self.count((*path, "approvals"), found.get("approvals")),
            approvers=self.texts((*path, "approvers"), found.get("approvers"), bool, "a name"),
            emergency=self.texts((*path, "emergency"), found.get("emergency"), bool, "a name"),
            require=self.texts((*path, "require"), found.get("require"), _RULE.fullmatch, "the name of a check"),
            gates=tuple(self.gate((*path, "metrics", metric), item) for metric, item in gates.items()),
            evaluate=self.text((*path, "evaluate"), found.get("evaluate")),
            checks=self.commands((*path, "checks"), found.get("checks")),
        )

    def text(self, path: Path, value: object) -> str:
        if value is None:
            return ""
        if not isinstance(value, str) or not value.strip():
            self.wrong(path, "this is empty" if isinstance(value, str) else f"this is {kind(value)}, not text")
            return ""
        return value.strip()

    def count(self, path: Path, value: object) -> int:
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
            self.wrong(path, f"this is not a whole number from 0 to {_MOST}")
            return 0
        return value

    def number(self, path: Path, value: object) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.wrong(path, f"this is {kind(value)}, not a number")
            return None
        return float(value)

    def gate(self, path: Path, value: object) -> Gate:
        self.named(path, check_metric_key)
        found = self.known(path, value, "min", "max", "not_worse_than_current", "better")
        least, most = (self.number((*path, key), found.get(key)) for key in ("min", "max"))
        slack = self.number((*path, "not_worse_than_current"), found.get("not_worse_than_current"))
        if all(found.get(key) is None for key in ("min", "max", "not_worse_than_current")):
            self.wrong(path, "asks for nothing: give min, max or not_worse_than_current")
        if least is not None and most is not None and least > most:
            self.wrong(path, f"min {least:g} is more than max {most:g}: no value would do")
        if slack is not None and slack < 0:
            self.wrong((*path, "not_worse_than_current"), "a tolerance is 0 or more")
        better = found.get("better", "lower" if most is not None and least is None else "higher")
        if better not in ("higher", "lower"):
            self.wrong((*path, "better"), "higher or lower")
        return Gate(str(path[-1]), least, most, slack, "lower" if better == "lower" else "higher")

    def commands(self, path: Path, value: object) -> dict[str, str]:
        found = self.mapping(path, value)
        for name in found:
            if not _RULE.fullmatch(name):
                self.wrong((*path, name), "the name of a check has small letters, digits and -")
            if found[name] is None:  # it would pass whatever it is given
                self.wrong((*path, name), "this is empty")
        return {name: self.text((*path, name), command) for name, command in found.items()}

    def one_owner_each(self, policy: Policy) -> None:
        """An address, a login or a key that two people have would let one approve as the other."""
        owners: dict[tuple[str, str], str] = {}
        for name, person in policy.people.items():
            own = [("emails", text) for text in person.emails] + [("keys", key_fingerprint(key)) for key in person.keys]
            for what, text in (*own, *person.logins.items()):
                first = owners.setdefault((what, text if what == "keys" else text.casefold()), name)
                if first != name:
                    self.wrong(("people", name, what), f"{text} is {first}'s already")

    def stages_fit(self, policy: Policy) -> None:
        spelled: dict[str, str] = {}
        for name, stage in policy.stages.items():
            first = spelled.setdefault(name.casefold(), name)
            if first != name:
                self.wrong(("stages", name), f"differs from {first} in case only")
            self.after_fits(policy, stage)
            self.approvers_fit(policy, stage)

    def after_fits(self, policy: Policy, stage: StagePolicy) -> None:
        path, seen, at = ("stages", stage.stage, "after"), [stage.stage], stage.after
        if at and at not in policy.stages:
            return self.wrong(path, f"there is no stage {at}")
        while at and at in policy.stages:
            if at in seen:
                if at == stage.stage:
                    self.wrong(path, f"goes round: {' after '.join([*seen, at])}")
                return None
            seen.append(at)
            at = policy.stages[at].after
        return None

    def approvers_fit(self, policy: Policy, stage: StagePolicy) -> None:
        somebody = _somebody(policy.people)
        for key, names in (("approvers", stage.approvers), ("emergency", stage.emergency)):
            for at, name in enumerate(names):
                if name.startswith("@") and name[1:] not in policy.groups:
                    self.wrong(("stages", stage.stage, key, at), f"there is no group {name[1:]}")
                elif not name.startswith("@") and not self.is_one(name, policy.people):
                    self.wrong(("stages", stage.stage, key, at), f"{name!r} is not {somebody}")
        known = [name for name in stage.approvers if not name.startswith("@") or name[1:] in policy.groups]
        if stage.approvers and len(policy.members(known)) < stage.approvals:
            there = len(policy.members(known))
            self.wrong(("stages", stage.stage, "approvals"), f"{stage.approvals} of only {there} approvers")


def _is_key(text: str) -> bool:
    try:
        return bool(key_fingerprint(text))
    except Damaged:
        return False


def _somebody(people: Mapping[str, Person]) -> str:
    return "one of the people" if people else "an e-mail address (there is no map of people)"
