"""UBJSON, the binary form of XGBoost's models, walked from end to end: XGBoost's reader trusts every length in it."""

from __future__ import annotations

from pathlib import Path

from gitreg.errors import Damaged

_SIZES = {ord(kind): size for kind, size in zip("iUCIldLD", (1, 1, 1, 2, 4, 4, 8, 8), strict=True)}
_SIGNED = frozenset(b"iIlL")
_NOTHING = frozenset(b"ZTFN")
_DEEPEST = 64


class _Broken(Exception):
    """What is wrong with the bytes."""


class _Reader:
    """A position in bytes that never passes their end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def skip(self, count: int) -> int:
        """The position before the next `count` bytes, which are passed."""
        start = self.at
        if count < 0 or count > len(self.data) - start:
            raise _Broken("it ends early")
        self.at = start + count
        return start

    def byte(self) -> int:
        return self.data[self.skip(1)]

    def peek(self) -> int:
        if self.at >= len(self.data):
            raise _Broken("it ends early")
        return self.data[self.at]

    def length(self) -> int:
        """A whole number with its marker, as it stands before texts and arrays."""
        kind = self.byte()
        if kind not in _SIZES or kind in b"dDC":
            raise _Broken(f"byte {self.at - 1} is no length")
        start = self.skip(_SIZES[kind])
        return int.from_bytes(self.data[start : self.at], "big", signed=kind in _SIGNED)


def check_ubj(path: Path) -> None:
    """Raise `Damaged`, naming the file, where it is not one complete object in UBJSON."""
    reader = _Reader(path.read_bytes())
    try:
        if reader.byte() != ord("{"):
            raise _Broken("it is no object")
        _walk(reader)
        if reader.at != len(reader.data):
            raise _Broken(f"the model ends at byte {reader.at}, the file does not")
    except _Broken as broken:
        raise Damaged(f"{path.name} is no complete XGBoost model: {broken}") from None


def _walk(reader: _Reader) -> None:
    """Pass the values of a container that has been entered, and of all those in it."""
    containers = [_enter(reader, "{")]
    while containers:
        shape, kind, left = containers[-1]
        if left == 0 or (left < 0 and reader.peek() == ord("}" if shape == "{" else "]")):
            containers.pop()
            if left < 0:
                reader.skip(1)
            continue
        containers[-1] = (shape, kind, left - 1)
        if shape == "{":
            reader.skip(reader.length())
        _value(reader, kind or reader.byte(), containers)


def _value(reader: _Reader, kind: int, containers: list[tuple[str, int, int]]) -> None:
    if kind in _SIZES:
        reader.skip(_SIZES[kind])
    elif kind in b"SH":
        reader.skip(reader.length())
    elif kind in b"{[":
        if len(containers) == _DEEPEST:
            raise _Broken("it is nested too deeply")
        containers.append(_enter(reader, chr(kind)))
    elif kind not in _NOTHING:
        raise _Broken(f"byte {reader.at - 1} begins no value")


def _enter(reader: _Reader, shape: str) -> tuple[str, int, int]:
    """A container's shape, the kind of its values (0: each tells) and their number (below 0: till its end)."""
    kind = 0
    if reader.peek() == ord("$"):
        reader.skip(1)
        kind = reader.byte()
    if reader.peek() != ord("#"):
        if kind:
            raise _Broken(f"the container at byte {reader.at} has a type and no length")
        return shape, kind, -1
    reader.skip(1)
    count = reader.length()
    if count < 0:
        raise _Broken(f"byte {reader.at} ends no length")
    if shape == "[" and kind in _SIZES:
        reader.skip(count * _SIZES[kind])
        count = 0
    elif count > len(reader.data) - reader.at:
        raise _Broken("it ends early")
    return shape, kind, count
