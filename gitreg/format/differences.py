"""What two models, or two runs, differ in: each difference as a value (`gitreg diff`)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gitreg.errors import Damaged
from gitreg.format.compatibility import Change
from gitreg.format.environment import RequirementChange, compare_requirements
from gitreg.format.jsontext import number_to_json
from gitreg.format.runs import Source
from gitreg.format.semver import Bump

What = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class ValueChange:
    """A named text that differs; `old` or `new` is None where there is none."""

    name: str
    old: str | None
    new: str | None

    @property
    def what(self) -> What:
        """One word for it."""
        return _what(self.old, self.new)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"name": self.name, "what": self.what, "old": self.old, "new": self.new}


@dataclass(frozen=True)
class MetricChange:
    """A metric that differs; `old` or `new` is None where it was not measured."""

    name: str
    old: float | None
    new: float | None

    @property
    def what(self) -> What:
        """One word for it."""
        return _what(self.old, self.new)

    @property
    def delta(self) -> float | None:
        """How much larger `new` is than `old`; None where that is no number."""
        if self.old is None or self.new is None or not (math.isfinite(self.old) and math.isfinite(self.new)):
            return None
        found = self.new - self.old
        return found if math.isfinite(found) else None

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present; NaN and infinities are texts."""
        old, new = (None if value is None else number_to_json(value) for value in (self.old, self.new))
        return {"name": self.name, "what": self.what, "old": old, "new": new, "delta": self.delta}


@dataclass(frozen=True)
class FileFacts:
    """A file by its bytes: sha256 in hex, and `size` in bytes."""

    sha256: str
    size: int

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"sha256": self.sha256, "size": self.size}


@dataclass(frozen=True)
class FileChange:
    """A file of the model directory that differs; payloads stand under their real names."""

    path: str
    old: FileFacts | None
    new: FileFacts | None

    @property
    def what(self) -> What:
        """One word for it."""
        return _what(self.old, self.new)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        old, new = (None if facts is None else facts.to_dict() for facts in (self.old, self.new))
        return {"path": self.path, "what": self.what, "old": old, "new": new}


@dataclass(frozen=True)
class Diff:
    """What `b` differs in from `a`; both are named as they resolved. What is the same is in none of the lists.

    `signature` has what a caller of predict notices, and `bump` is what it would take to register `b` after `a`: None
    where the models are one and the same, or one side holds none. `flavors` are settings such as
    `sklearn.sklearn_version`, and flavors themselves (with an empty text) where one side lacks them; `source` is the
    code the runs were started from: commit, remote, dirty, entry.
    """

    a: str
    b: str
    params: tuple[ValueChange, ...] = ()
    metrics: tuple[MetricChange, ...] = ()
    signature: tuple[Change, ...] = ()
    bump: Bump | None = None
    requirements: tuple[RequirementChange, ...] = ()
    files: tuple[FileChange, ...] = ()
    flavors: tuple[ValueChange, ...] = ()
    source: tuple[ValueChange, ...] = ()

    @property
    def same(self) -> bool:
        """Whether there is no difference at all."""
        lists = (self.params, self.metrics, self.signature, self.requirements, self.files, self.flavors, self.source)
        return not any(lists)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "a": self.a,
            "b": self.b,
            "same": self.same,
            "params": [change.to_dict() for change in self.params],
            "metrics": [change.to_dict() for change in self.metrics],
            "signature": [
                {"part": c.part, "name": c.name, "what": c.what, "bump": c.bump, "effect": c.effect}
                for c in self.signature
            ],
            "bump": self.bump,
            "requirements": [{"name": c.name, "what": c.what, "old": c.old, "new": c.new} for c in self.requirements],
            "files": [change.to_dict() for change in self.files],
            "flavors": [change.to_dict() for change in self.flavors],
            "source": [change.to_dict() for change in self.source],
        }


def _what(old: object, new: object) -> What:
    return "added" if old is None else "removed" if new is None else "changed"


def compare_values(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[ValueChange, ...]:
    """The names whose texts differ, sorted."""
    names = sorted(old.keys() | new.keys())
    return tuple(ValueChange(n, old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n))


def compare_metrics(old: Mapping[str, float], new: Mapping[str, float]) -> tuple[MetricChange, ...]:
    """The metrics that differ, sorted by name. NaN and NaN do not differ."""
    changes = (MetricChange(name, old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys()))
    return tuple(change for change in changes if not _equal(change.old, change.new))


def _equal(old: float | None, new: float | None) -> bool:
    return old == new or (old != old and new != new)


def compare_files(old: Mapping[str, FileFacts], new: Mapping[str, FileFacts]) -> tuple[FileChange, ...]:
    """The files that differ, sorted by path."""
    paths = sorted(old.keys() | new.keys())
    return tuple(FileChange(p, old.get(p), new.get(p)) for p in paths if old.get(p) != new.get(p))


def compare_flavors(
    old: Mapping[str, Mapping[str, object]], new: Mapping[str, Mapping[str, object]]
) -> tuple[ValueChange, ...]:
    """The flavors that only one side has, then the settings that differ in those of both."""
    before, after = dict.fromkeys(old, ""), dict.fromkeys(new, "")
    shared = sorted(old.keys() & new.keys())
    settings = (compare_values(_flat(name, old[name]), _flat(name, new[name])) for name in shared)
    return (*compare_values(before, after), *(change for changes in settings for change in changes))


def _flat(flavor: str, settings: Mapping[str, object]) -> dict[str, str]:
    return {f"{flavor}.{key}": _shown(value) for key, value in settings.items()}


def _shown(value: object) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)


def compare_lines(old: Iterable[str], new: Iterable[str]) -> tuple[RequirementChange, ...]:
    """The requirements that differ. Where one of them is none that pip would take, lines are compared as they stand."""
    before, after = tuple(old), tuple(new)
    try:
        return compare_requirements(before, after)
    except Damaged:
        gone, come = sorted({*before} - {*after}), sorted({*after} - {*before})
        removed = (RequirementChange(line, line, None) for line in gone)
        return (*removed, *(RequirementChange(line, None, line) for line in come))


def compare_sources(old: Source, new: Source) -> tuple[ValueChange, ...]:
    """What differs in the code that two runs were started from."""
    before, after = (
        {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in source.to_dict().items()}
        for source in (old, new)
    )
    return compare_values({k: v for k, v in before.items() if v}, {k: v for k, v in after.items() if v})
