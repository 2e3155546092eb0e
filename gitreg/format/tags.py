"""The names of gitreg's tags, below refs/tags/ (docs/format.md 1.2 to 1.4).

run/<run_id>            a run
<model>@v1.3.0          a version; <model>@7 is the same tag object by its number
<model>@v1.3.0!         the version is retired
<model>#<stage>#<n>     a public record: what a stage began to run; with ! after the stage: it was emptied
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from gitreg.errors import GitregError
from gitreg.format.names import check_model_name, check_run_id, check_stage_name
from gitreg.format.semver import Semver, format_semver, parse_semver

_TAGS = "refs/tags/"
_AT = re.compile(r"([A-Za-z0-9_-]+)@(?:(v[^!]+)(!?)|([1-9][0-9]{0,8}))")
_RECORD = re.compile(r"([A-Za-z0-9_-]+)#([A-Za-z0-9_-]+)(!?)#([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class RunTag:
    """`run/<run_id>`"""

    run_id: str


@dataclass(frozen=True)
class VersionTag:
    """`<model>@v1.3.0`"""

    model: str
    version: Semver


@dataclass(frozen=True)
class NumberTag:
    """`<model>@7`"""

    model: str
    number: int


@dataclass(frozen=True)
class RetireTag:
    """`<model>@v1.3.0!`"""

    model: str
    version: Semver


@dataclass(frozen=True)
class RecordTag:
    """`<model>#<stage>#<n>`, or `<model>#<stage>!#<n>` where the stage was emptied."""

    model: str
    stage: str
    number: int
    emptied: bool = False


_check_model = functools.lru_cache(check_model_name)  # a listing has thousands of tags of the same few models
TagName = RunTag | VersionTag | NumberTag | RetireTag | RecordTag


def parse_tag_name(name: str) -> TagName | None:
    """What the tag `name` (without refs/tags/) stands for, or None where it is none of gitreg's."""
    try:
        if name.startswith("run/"):
            return RunTag(check_run_id(name[4:]))
        if found := _AT.fullmatch(name):
            model, version, retired, number = found.groups()
            _check_model(model)
            if number:
                return NumberTag(model, int(number))
            return RetireTag(model, parse_semver(version)) if retired else VersionTag(model, parse_semver(version))
        if found := _RECORD.fullmatch(name):
            model, stage, emptied, number = found.groups()
            return RecordTag(check_model_name(model), check_stage_name(stage), int(number), bool(emptied))
    except GitregError:
        return None
    return None


def format_tag_name(tag: TagName) -> str:
    """The tag's name, without refs/tags/."""
    match tag:
        case RunTag(run_id):
            return f"run/{run_id}"
        case VersionTag(model, version):
            return f"{model}@{format_semver(version)}"
        case NumberTag(model, number):
            return f"{model}@{number}"
        case RetireTag(model, version):
            return f"{model}@{format_semver(version)}!"
        case RecordTag(model, stage, number, emptied):
            return f"{model}#{stage}{'!' if emptied else ''}#{number}"


def tag_ref(tag: TagName) -> str:
    """The tag's full ref."""
    return _TAGS + format_tag_name(tag)


def run_ref(run_id: str) -> str:
    """The full ref of a run's tag."""
    return f"{_TAGS}run/{run_id}"


def version_ref(model: str, version: Semver) -> str:
    """The full ref of a version's tag."""
    return f"{_TAGS}{model}@{format_semver(version)}"


def number_ref(model: str, number: int) -> str:
    """The full ref of a version's number tag."""
    return f"{_TAGS}{model}@{number}"


def retire_ref(model: str, version: Semver) -> str:
    """The full ref that retires a version."""
    return f"{_TAGS}{model}@{format_semver(version)}!"
