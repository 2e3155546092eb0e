"""Versions and lines of versions: `v1.3.0`, `v1.4.0-rc.1`, and the lines `v1` and `v1.3` (docs/format.md 1.3).

Order is that of semver.org. Build metadata is refused: two versions that differ in nothing else would be equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gitreg.errors import Refused

Bump = Literal["patch", "minor", "major"]
"""Which part of a version grows; the smallest first."""

BUMPS: tuple[Bump, ...] = ("patch", "minor", "major")

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(rf"v({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?")
_LINE = re.compile(rf"v({_NUMBER})(?:\.({_NUMBER}))?")
_LONGEST = 100
_GREATEST = 999_999_999


@dataclass(frozen=True)
class Semver:
    """One version; `pre` holds the identifiers of a pre-release and is empty for a release.

    Ordered by precedence: a pre-release comes before its release, numbers in `pre` before words.
    """

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()

    @cached_property
    def sort_key(self) -> tuple[object, ...]:
        """A tuple in the order of precedence, for sorting many versions quickly."""
        if not self.pre:
            return (self.major, self.minor, self.patch, 1)
        words = tuple((0, int(word)) if word.isdecimal() else (1, word) for word in self.pre)
        return (self.major, self.minor, self.patch, 0, words)

    @property
    def core(self) -> Semver:
        """The release that a pre-release leads to; a release itself."""
        return Semver(self.major, self.minor, self.patch) if self.pre else self

    def bumped(self, bump: Bump) -> Semver:
        """The next release that is at least a `bump` away from every version before this one.

        A pre-release already stands for a bump: v2.0.0-rc.1 gives v2.0.0 for each of the three.
        Refused where a number would get more than 9 digits.
        """
        if bump == "major":
            ready = self.pre and not self.minor and not self.patch
            found = Semver(self.major if ready else self.major + 1, 0, 0)
        elif bump == "minor":
            found = Semver(self.major, self.minor if self.pre and not self.patch else self.minor + 1, 0)
        else:
            found = Semver(self.major, self.minor, self.patch if self.pre else self.patch + 1)
        if max(found.major, found.minor, found.patch) > _GREATEST:
            raise Refused(f"there is no {bump} version after {self}", "a number in a version has at most 9 digits")
        return found

    def __str__(self) -> str:
        return format_semver(self)

    def __lt__(self, other: Semver) -> bool:
        return self.sort_key < other.sort_key

    def __le__(self, other: Semver) -> bool:
        return self.sort_key <= other.sort_key

    def __gt__(self, other: Semver) -> bool:
        return self.sort_key > other.sort_key

    def __ge__(self, other: Semver) -> bool:
        return self.sort_key >= other.sort_key


def parse_semver(text: str) -> Semver:
    """The version that `text` spells, such as v1.3.0 or v1.4.0-rc.1; Refused, with the rule, where it is none."""
    found = _SEMVER.fullmatch(text)
    if found is None:
        raise Refused(f"bad version {_shortened(text)}", _rule_against(text))
    major, minor, patch, pre = found.groups()
    if pre and (len(text) > _LONGEST or text.endswith(".lock")):
        raise Refused(f"bad version {_shortened(text)}", _rule_against(text))
    # A listing parses every version there is; the initialiser of a frozen dataclass is two thirds of the time.
    version = object.__new__(Semver)
    values = version.__dict__
    values["major"] = int(major)
    values["minor"] = int(minor)
    values["patch"] = int(patch)
    values["pre"] = tuple(pre.split(".")) if pre else ()
    return version


def format_semver(version: Semver) -> str:
    """The text of `version`, with its leading v."""
    text = f"v{version.major}.{version.minor}.{version.patch}"
    return f"{text}-{'.'.join(version.pre)}" if version.pre else text


def _rule_against(text: str) -> str:
    if re.fullmatch(r"[0-9]+(\.[0-9]+){2}(-.*)?", text, re.ASCII) and _SEMVER.fullmatch(f"v{text}"):
        return f"write v{text}"
    if "+" in text:
        return "build metadata (+...) is not allowed; say it in the description"
    if text.endswith(".lock"):
        return "git allows no tag that ends with .lock"
    if len(text) > _LONGEST:
        return f"a version has at most {_LONGEST} characters"
    return "a version is v1.2.3 or v1.2.3-rc.1: numbers of at most 9 digits without leading zeros"


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "...")


@dataclass(frozen=True)
class Line:
    """All versions of one major (`v1`), or of one major and minor (`v1.3`)."""

    major: int
    minor: int | None = None

    def holds(self, version: Semver) -> bool:
        """Whether `version` belongs to the line; pre-releases do too."""
        return version.major == self.major and self.minor in (None, version.minor)

    def __str__(self) -> str:
        return format_line(self)


def parse_line(text: str) -> Line:
    """The line that `text` spells, v1 or v1.3; Refused where it is none."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise Refused(f"bad line {_shortened(text)}", "a line of versions is v1 or v1.3")
    major, minor = found.groups()
    return Line(int(major), None if minor is None else int(minor))


def format_line(line: Line) -> str:
    """The text of `line`."""
    return f"v{line.major}" if line.minor is None else f"v{line.major}.{line.minor}"


def larger(one: Bump, other: Bump) -> Bump:
    """The larger of two bumps."""
    return max(one, other, key=BUMPS.index)
