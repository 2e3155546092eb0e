"""Which files an ONNX model keeps tensors in, read from its bytes before any framework sees them.

Only lengths are followed: the tensors themselves are passed, so a model of gigabytes takes no memory.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from gitreg.errors import Damaged, GitregError
from gitreg.format.mlmodel import check_inside
from gitreg.format.names import check_path

_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _TRAINING, _FUNCTION, _ENTRY = range(9)
# Of each message, the fields that hold messages in which a tensor may be (onnx.proto3).
_FIELDS: Mapping[int, Mapping[int, int]] = {
    _MODEL: {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _TENSOR: {13: _ENTRY},
    _ENTRY: {},
}
_DEEPEST = 64
_FIXED = {1: 8, 5: 4}


class _Broken(Exception):
    """The bytes are no message of protobuf."""


def check_files(path: Path, file: Path) -> None:
    """Raise `Damaged` where the model `file` is none, or keeps a tensor in a file that is not in `path`.

    `path` is the model directory; tensors' files lie beside `file` or below.
    """
    for location in external_files(file):
        what = f"{file.name} keeps a tensor in {location[:100]!r}, which"
        try:
            check_path(check_inside(location, what))
        except GitregError:
            raise Damaged(f"{what} leaves the model directory") from None
        found = (file.parent / location).resolve()
        if not found.is_relative_to(path.resolve()):
            raise Damaged(f"{what} leaves the model directory")
        if not found.is_file():
            raise Damaged(f"{what} is missing from {path.name}")


def external_files(file: Path) -> tuple[str, ...]:
    """The places that tensors of the model `file` name, each once and sorted. Raises `Damaged`."""
    if not file.is_file() or not file.stat().st_size:
        raise Damaged(f"{file.name} is no ONNX model: it is empty")
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return tuple(sorted({value.decode("utf-8") for value in _locations(data)}))
    except (_Broken, UnicodeDecodeError) as error:
        raise Damaged(f"{file.name} is no complete ONNX model: {error}") from None


def _locations(data: mmap.mmap) -> Iterator[bytes]:
    waiting = [(_MODEL, 0, len(data), 0)]
    graphs = 0
    while waiting:
        message, at, end, depth = waiting.pop()
        if depth > _DEEPEST:
            raise _Broken("it is nested too deeply")
        if message == _ENTRY:
            yield from _location(data, at, end)
            continue
        for field, start, stop in _fields(data, at, end):
            graphs += message == _MODEL and field == 7
            if (inner := _FIELDS[message].get(field)) is not None:
                waiting.append((inner, start, stop, depth + 1))
    if not graphs:
        raise _Broken("it has no graph")


def _location(data: mmap.mmap, at: int, end: int) -> Iterator[bytes]:
    """The values of an entry of `external_data` whose key is `location`; a field that comes twice counts twice."""
    fields = [(field, data[start:stop]) for field, start, stop in _fields(data, at, end)]
    if (1, b"location") in fields:
        yield from (value for field, value in fields if field == 2)


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The number of each field that has a length, and where its content begins and ends."""
    while at < end:
        key, at = _varint(data, at, end)
        kind = key & 7
        if key >> 32:
            raise _Broken(f"byte {at} begins no field")
        if kind == 0:
            _, at = _varint(data, at, end)
        elif kind in _FIXED:
            at += _FIXED[kind]
        elif kind == 2:
            length, at = _varint(data, at, end)
            if length > end - at:
                raise _Broken("it ends early")
            yield key >> 3, at, at + length
            at += length
        else:
            raise _Broken(f"byte {at} begins no field")
    if at != end:
        raise _Broken("it ends early")


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise _Broken("it ends early")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _Broken(f"byte {at} ends no number")
