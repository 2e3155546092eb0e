"""What the files of a Spark ML model say, looked through before Spark sees them.

Their metadata name classes, of Java and of Python, that Spark and pyspark load by these names; and the footers of
parquet files name classes of columns, or hold a pickled one. Those of Spark's own machine learning are allowed, others
where they are trusted by name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from gitreg.errors import Damaged, Refused

OWN = re.compile(r"(?:org\.apache\.spark|pyspark)\.(?:ml|mllib)(?:\.\w+)+", re.ASCII)
"""Classes of Spark ML itself, and of its elder sister, in whose form it writes some models of topics."""

_METADATA = re.compile(r"part-[0-9]{5}(?:-[0-9a-f-]{36}-c[0-9]{3}\.txt)?")
_CLASS_IN_FOOTER = re.compile(r'"(class|pyClass|serializedClass)"\s*:\s*"([^"]*)"')
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_PARQUET = b"PAR1"
_LARGEST_FOOTER = 64 << 20
_LARGEST_METADATA = 64 << 20
_NO_CLASS = frozenset({"matrix"})  # the kind of a value, under the same key
_READ_THOUGH_HIDDEN = ("_metadata", "_common_metadata")


def check_spark_files(folder: Path, trust: Sequence[str] = ()) -> None:
    """Refuse a Spark ML model whose files name classes that are neither Spark ML's own nor in `trust`.

    Raises `Refused` with the trust to give, `Damaged` for files that are none of a whole model.
    """
    trusted: list[Path] = []
    data: list[Path] = []
    seen = False
    for place, names in _read_by_spark(folder):
        if place.name == "metadata":
            seen = seen or (place.parent == folder and bool(names))
            for name in names:
                if _check_metadata(place / name, folder, trust):
                    trusted.append(place.parent)
        else:
            data += [place / name for name in names]
    if not seen:
        raise Damaged(f"{folder.name} is no Spark ML model: it has no metadata")
    for file in data:
        if not any(file.is_relative_to(stage) for stage in trusted if stage != folder):
            _check_parquet(file, folder, trust)


def classes_in(folder: Path) -> frozenset[str]:
    """The classes that the metadata of a model that was just saved name, but Spark ML's own."""
    found: set[str] = set()
    for place, names in _read_by_spark(folder):
        if place.name == "metadata":
            for name in names:
                found |= {kind for value in _values(place / name, folder) for kind in _classes(value)}
    return frozenset(kind for kind in found if not OWN.fullmatch(kind))


def _read_by_spark(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder with those of its files that Spark does not take for hidden."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield Path(place), sorted(name for name in names if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    """As Spark decides it; what only some of its readers take for hidden is not."""
    if name.startswith("_"):
        return "=" not in name and not name.startswith(_READ_THOUGH_HIDDEN)
    return name.startswith(".")


def _check_metadata(file: Path, folder: Path, trust: Collection[str]) -> bool:
    """Whether a class is only allowed because it is trusted."""
    if not _METADATA.fullmatch(file.name):
        # Spark reads all that is there, and unpacks it by its name's ending.
        raise Damaged(f"{_shown(file, folder)} is no file of a Spark ML model")
    by_trust = False
    for value in _values(file, folder):
        for kind in _classes(value):
            _check_class(kind, file, folder, trust)
            by_trust = by_trust or not OWN.fullmatch(kind)
    return by_trust


def _check_class(kind: str, file: Path, folder: Path, trust: Collection[str]) -> None:
    if not OWN.fullmatch(kind) and kind not in trust:
        message = f"{_shown(file, folder)} names the class {kind[:100]!r}, which is not one of Spark ML's own"
        raise Refused(message, f"if you trust it: trust=[{kind[:100]!r}]")


def _values(file: Path, folder: Path) -> Iterator[object]:
    """What the lines of a metadata file hold, each object as the list of its pairs: a key may stand there twice."""
    if file.stat().st_size > _LARGEST_METADATA:
        raise Damaged(f"{_shown(file, folder)} is too large for metadata")
    try:
        lines = [line for line in file.read_bytes().decode().splitlines() if line.strip()]
        values = [json.loads(line, object_pairs_hook=_Pairs) for line in lines]
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{_shown(file, folder)} is no metadata of Spark ML: {error}") from error
    if not values or not all(isinstance(value, _Pairs) for value in values):
        raise Damaged(f"{_shown(file, folder)} is no metadata of Spark ML")
    yield from values


class _Pairs(list[tuple[str, object]]):
    """The pairs of a JSON object."""


def _classes(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        at = waiting.pop()
        if isinstance(at, _Pairs):
            for key, inner in at:
                if key == "class" and not (isinstance(inner, str) and inner in _NO_CLASS):
                    yield inner if isinstance(inner, str) else repr(inner)
                waiting.append(inner)
        elif isinstance(at, list):
            waiting += at


def _check_parquet(file: Path, folder: Path, trust: Collection[str]) -> None:
    size = file.stat().st_size
    with file.open("rb") as source:
        head = source.read(4)
        source.seek(max(size - 8, 0))
        tail = source.read(8)
        length = int.from_bytes(tail[:4], "little")
        if head != _PARQUET or tail[4:] != _PARQUET or length > size - 12 or length > _LARGEST_FOOTER:
            raise Damaged(f"{_shown(file, folder)} is no complete parquet file")
        source.seek(size - 8 - length)
        footer = source.read(length).decode("latin-1")
    footer = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), footer)
    for key, kind in _CLASS_IN_FOOTER.findall(footer):
        _check_class("a pickled class" if key == "serializedClass" else kind, file, folder, trust)


def _shown(file: Path, folder: Path) -> str:
    return f"{folder.name}/{file.relative_to(folder).as_posix()}"
