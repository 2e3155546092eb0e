"""SHA256SUMS: what a model directory consists of, as `sha256sum -c` reads it (docs/format.md 1.2).

It lists every file but itself and pointers, payloads under their real names. Its own sha256 is the digest of the
model: what versions, approvals and stages are bound to. Therefore a set of files has exactly one text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from gitreg.errors import Damaged, Refused

NAME = "SHA256SUMS"
"""The file's name, at the top of each model directory and as `.gitreg/SHA256SUMS` of a run."""

_PART = r"(?!\.{1,2}(?:/|\n|\Z))[^/\\\x00-\x1f\x7f\ud800-\udfff]+"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_LINE = re.compile(rf"([0-9a-f]{{64}})  ({_PART}(?:/{_PART})*)\n")
_HEX = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Sums:
    """Pairs of relative path and sha256 (64 lower-case hex), sorted by the bytes of the path."""

    entries: tuple[tuple[str, str], ...] = ()

    @cached_property
    def by_path(self) -> Mapping[str, str]:
        """From path to sha256."""
        return dict(self.entries)

    def get(self, path: str) -> str | None:
        """The sha256 of `path`, None where it is not listed."""
        return self.by_path.get(path)

    def digest(self) -> str:
        """`sha256:` and the sha256 of the formatted text."""
        return "sha256:" + hashlib.sha256(format_sums(self).encode()).hexdigest()


def make_sums(files: Mapping[str, str] | Iterable[tuple[str, str]]) -> Sums:
    """Sums of `files` (path to sha256) in any order. Refused where a path or a sum cannot be listed."""
    pairs = sorted(files.items() if isinstance(files, Mapping) else files)
    last = ""
    for path, sha256 in pairs:
        if not _PATH.fullmatch(path) or path == NAME:
            raise Refused(f"{path!r} cannot be listed in {NAME}", "a relative path without .., \\ and controls")
        if path == last:
            raise Refused(f"{path!r} is listed twice in {NAME}")
        last = path
        if not _HEX.fullmatch(sha256):
            raise Refused(f"{sha256!r} is no sha256", "64 lower-case hex digits")
    return Sums(tuple(pairs))


def parse_sums(text: str | bytes, what: str = NAME) -> Sums:
    """The sums in `text`; Damaged, naming `what` and the line, where it is not exactly what `format_sums` writes."""
    if isinstance(text, bytes):
        text = text.decode(errors="surrogateescape")  # what is not UTF-8 fits no rule below
    entries: list[tuple[str, str]] = []
    at, last = 0, ""
    while at < len(text):
        line = _LINE.match(text, at)
        if line is None:
            raise Damaged(f"{what}, line {len(entries) + 1}: {_wrong(text[at:].split(chr(10), 1))}")
        sha256, path = line.groups()
        if path <= last:  # code points order as their UTF-8 bytes do
            problem = "is listed twice" if path == last else f"stands after {last!r}; lines are sorted by bytes"
            raise Damaged(f"{what}, line {len(entries) + 1}: {path!r} {problem}")
        entries.append((path, sha256))
        at, last = line.end(), path
    sums = Sums(tuple(entries))
    if sums.get(NAME) is not None:
        raise Damaged(f"{what} lists itself")
    return sums


def format_sums(sums: Sums) -> str:
    """The text of `sums`: 64 hex, two spaces, path, LF, for each file."""
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sums.entries)


def check_digest(text: str, what: str = "digest") -> str:
    """`text`, if it is `sha256:` and 64 lower-case hex digits; otherwise Damaged, naming `what`."""
    if not _DIGEST.fullmatch(text):
        raise Damaged(f"{what} is {text[:100]!r}, not sha256: and 64 hex digits")
    return text


def _wrong(lines: list[str]) -> str:
    line = lines[0]
    if line.endswith("\r"):
        return "ends with CR; the file was rewritten by a tool that changes line ends"
    if len(lines) == 1:
        return "is cut short: no line end"
    if line.startswith("\\"):
        return "a file name with escapes is not accepted"
    if re.match(r"[0-9a-fA-F]{64} \*", line):
        return "the mark * of binary mode is not accepted"
    if re.match(r"[0-9a-fA-F]{64}  ", line):
        return f"{line[66:166]!r} is not a relative path" if _HEX.match(line) else "the sum is not in lower case"
    return "not a sha256, two spaces and a path"
