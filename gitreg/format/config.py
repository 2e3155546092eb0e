"""gitreg.yaml: the settings of a registry, at the root of main (docs/format.md 1.1).

It is always read from the base branch: a pull request does not change the rules by which it is judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitreg.errors import Damaged
from gitreg.format.runs import check_format
from gitreg.format.yamltext import Lines, format_yaml, kind, load_yaml_with_lines, scalar

NAME = "gitreg.yaml"
FORMAT = 1

_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_SIZE = re.compile(r"([0-9]{1,15})\s*([A-Za-z]{0,3})")
_KEYS = frozenset({"format", "limits", "metrics", "people", "groups", "stages"})
_LIMITS = frozenset({"file", "model"})
_MAPPINGS = ("people", "groups", "stages")


@dataclass(frozen=True)
class Config:
    """A registry's settings. Sizes are in bytes.

    `git_limit`: a larger file of a model is a payload. `model_limit`: so much of one model stays in Git at most.
    `metrics`: those that a version's tag tells; empty means all. `people`, `groups` and `stages` are the promotion
    policy as it was read. `unknown` tells of keys that are ignored, for those who check a registry.
    """

    format: int = FORMAT
    git_limit: int = 1 << 20
    model_limit: int = 16 << 20
    metrics: tuple[str, ...] = ()
    people: Mapping[str, object] = field(default_factory=dict)
    groups: Mapping[str, object] = field(default_factory=dict)
    stages: Mapping[str, object] = field(default_factory=dict)
    unknown: tuple[str, ...] = field(default=(), compare=False)


def parse_config(text: str | bytes, what: str = NAME) -> Config:
    """The settings in `text`.

    Damaged with every mistake, one a line with its number. Unsupported where the format is newer.
    """
    value, lines = load_yaml_with_lines(text, what)
    if not isinstance(value, dict):
        raise Damaged(f"{what} is {kind(value)}, not a mapping", "its first line is format: 1")
    stated = value.get("format")
    if isinstance(stated, int) and not isinstance(stated, bool):
        check_format(str(stated), what, FORMAT)
    return _Check(what, lines).config(value)


class _Check:
    """Collects every mistake instead of stopping at the first."""

    def __init__(self, what: str, lines: Lines) -> None:
        self.what = what
        self.lines = lines
        self.mistakes: list[tuple[int, str]] = []
        self.unknown: list[str] = []

    def config(self, value: dict[object, object]) -> Config:
        limits = self.limits(value.get("limits"))
        found = Config(
            format=self.format_of(value),
            git_limit=limits.get("file", Config.git_limit),
            model_limit=limits.get("model", Config.model_limit),
            metrics=self.metrics(value.get("metrics")),
            people=self.mapping(("people",), value.get("people")),
            groups=self.mapping(("groups",), value.get("groups")),
            stages=self.mapping(("stages",), value.get("stages")),
            unknown=self.unknown_keys(value),
        )
        if self.mistakes:
            raise Damaged("\n".join(f"{self.what}{self.at(line)}: {text}" for line, text in sorted(self.mistakes)))
        return found

    def wrong(self, path: tuple[object, ...], text: str) -> None:
        self.mistakes.append((self.lines.get(path, 0), text))

    @staticmethod
    def at(line: int) -> str:
        return f", line {line}" if line else ""

    def format_of(self, value: dict[object, object]) -> int:
        stated = value.get("format")
        if stated is None:
            self.wrong(("format",), "the key format is missing; write format: 1")
        elif isinstance(stated, bool) or not isinstance(stated, int):
            self.wrong(("format",), f"format is {kind(stated)}, not a whole number")
        return FORMAT

    def limits(self, value: object) -> dict[str, int]:
        found: dict[str, int] = {}
        for key, item in self.mapping(("limits",), value).items():
            path = ("limits", key)
            if key not in _LIMITS:
                self.unknown.append(f"{self.what}{self.at(self.lines.get(path, 0))}: unknown key limits: {key}")
                continue
            size = parse_size(item)
            if size is None:
                self.wrong(path, f"limits: {key} is {_shown(item)}, not a size such as 1MiB or a number of bytes")
            else:
                found[key] = size
        return found

    def metrics(self, value: object) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(("metrics",), f"metrics is {kind(value)}, not a list of names")
            return ()
        for at, item in enumerate(value):
            if not isinstance(item, str) or not item:
                self.wrong(("metrics", at), f"metrics: {_shown(item)} is not the name of a metric")
            elif item in value[:at]:
                self.wrong(("metrics", at), f"metrics: {item} stands twice")
        return tuple(item for item in value if isinstance(item, str))

    def mapping(self, path: tuple[str, ...], value: object) -> dict[str, object]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(path, f"{path[-1]} is {kind(value)}, not a mapping")
            return {}
        for key in value:
            if not isinstance(key, str):
                self.wrong((*path, key), f"{path[-1]}: the key {key!r} is {kind(key)}, not text; put it in quotes")
        return {key: item for key, item in value.items() if isinstance(key, str)}

    def unknown_keys(self, value: dict[object, object]) -> tuple[str, ...]:
        at_top = [f"{self.what}{self.at(self.lines.get((k,), 0))}: unknown key {k}" for k in value if k not in _KEYS]
        return (*at_top, *self.unknown)


def _shown(value: object) -> str:
    return repr(value[:100]) if isinstance(value, str) else kind(value)


def parse_size(value: object) -> int | None:
    """Bytes, from a whole number or a text such as "500 KiB", "1MiB", "2 GB"; None where it is neither."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    unit = _UNITS.get(found[2].lower()) if found else None
    return int(found[1]) * unit if found and unit else None


def format_size(size: int) -> str:
    """`size` in bytes with the largest binary unit that divides it: "1MiB", "1536KiB", "1000"."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size and size % scale == 0:
            return f"{size // scale}{unit}"
    return str(size)


def format_config(config: Config = Config()) -> str:
    """The text of gitreg.yaml, with a comment on each setting: what `gitreg init` begins a registry with."""
    metrics = "".join(f"\n  - {scalar(name)}" for name in config.metrics) or " []"
    parts = [
        "# The settings of this registry. Changes count once they are on this branch.\n",
        f"format: {config.format}\n",
        "# What goes to the payload store instead of Git: files of a model larger than `file`,\n"
        "# and the largest others until no more than `model` of one model stays in Git.\n"
        f"limits:\n  file: {format_size(config.git_limit)}\n  model: {format_size(config.model_limit)}\n",
        "# The metrics that a version's tag tells; [] means all that fit. metrics.json has every one.\n"
        f"metrics:{metrics}\n",
    ]
    policy = {key: dict(getattr(config, key)) for key in _MAPPINGS if getattr(config, key)}
    if policy:
        parts.append("# Who may promote what, and how.\n" + format_yaml(policy, NAME, sort_keys=False))
    return "\n".join(parts)
