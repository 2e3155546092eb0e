"""A CSV as data for a model: which columns are read, of which dtypes, and the frame of each piece of it."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitreg.errors import Damaged, Refused
from gitreg.flavors.enforcing.columns import refuse_missing
from gitreg.format.schema import Column
from gitreg.registry.use.data.columns import (
    AS_WRITTEN,
    FRACTIONS,
    WHOLE,
    by_head,
    exact_wholes,
    import_pandas,
    type_columns,
)
from gitreg.registry.use.data.csv_rows import Piece, Rows
from gitreg.registry.use.data.csv_types import Holds, dtype_of, look, read_frame, read_typed

# Frames are of a module that is known only at run time.
Frame = Any

Seen = Mapping[str, Holds]

_EXACT = 2**53  # float64 holds all whole numbers up to here
_MOST_NAMELESS = 10_000
_ONE_EACH = "give each column a name of its own"
_NO_ROWS = "write the values below the names of the columns, a line for each row"


class Table:
    """The columns of a CSV with the heads of `rows`, for a model whose signature declares `columns`, if any.

    What the signature does not name is not read. `unknown` are the columns whose dtypes take all rows to tell: those
    that no signature types, and booleans, as these are objects where some are missing. Refused where a column is
    lacking.
    """

    def __init__(self, rows: Rows, columns: Sequence[Column]) -> None:
        self._pandas = import_pandas("reading CSV")
        self._what = rows.what
        self.labels = self._labels(rows)
        named = by_head(self.labels, columns)
        self.named: dict[object, Column] = {label: named[label] for label in self.labels if label in named}
        if columns and columns[0].name is not None:
            refuse_missing([column.name for column in columns if column.required], list(self.labels))
        self._only = [label for label in self.labels if label in self.named] or None
        self._known = {str(label): dtype for label, column in self.named.items() if (dtype := _dtype(column))}
        self._texts = frozenset(label for label, dtype in self._known.items() if dtype == "object")
        self.unknown = [label for label in self._only or self.labels if label not in self._known]

    def _labels(self, rows: Rows) -> list[str]:
        if all(rows.heads) and len(set(rows.heads)) == len(rows.heads) and rows.heads:
            return rows.heads
        if len(rows.heads) > _MOST_NAMELESS:  # naming them takes the square of their number
            raise Refused(f"{self._what} has {len(rows.heads)} columns, some without a name of their own", _ONE_EACH)
        try:  # pandas has names for columns without one, and for those of the same
            return [str(label) for label in self._pandas.read_csv(io.StringIO(rows.head_text), nrows=0).columns]
        except ValueError as error:
            raise Damaged(f"{self._what} is no CSV: {str(error).strip()}") from None

    def look(self, pieces: Iterable[Piece]) -> Seen:
        """What the unknown columns hold in all the pieces."""
        seen = dict.fromkeys(self.unknown, Holds(0))
        for piece in pieces:
            for label, holds in self._look(piece).items():
                seen[label] |= holds
        return seen

    def _look(self, piece: Piece, frame: Frame = None) -> Seen:
        if frame is None:
            frame = read_frame(self._pandas, piece, self.labels, {}, only=self.unknown, what=self._what)
        return look(self._pandas, piece, self.labels, frame[self.unknown])

    def objects(self, seen: Seen) -> frozenset[object]:
        """The columns of the signature, by its names, that are booleans of which some are missing."""
        found = [label for label, c in self.named.items() if c.type == "boolean" and _lacks(seen[str(label)])]
        return frozenset(label if self.named[label].name is None else self.named[label].name for label in found)

    def frame(self, piece: Piece, seen: Seen | None = None) -> Frame:
        """The data of a piece; `seen` is what `look` told of all pieces, None where this is the only one.

        WrongRow where a value is not of its column's type.
        """
        pandas, labels = self._pandas, self.labels
        dtypes = {**self._known, **self._dtypes(seen or {})}
        try:
            frame = read_typed(pandas, piece, labels, dtypes, self._texts, self._only, self._what)
            if seen is None and self.unknown:
                found = self._look(piece, frame)
                wanted = self._dtypes(found)
                if any(str(frame[label].dtype) != dtype or dtype == "object" for label, dtype in wanted.items()):
                    return self.frame(piece, found)
        except (ValueError, OverflowError):  # the column and the row are found below, or by enforcing the signature
            dtypes = dict.fromkeys(self._texts, "object")
            frame = read_frame(pandas, piece, labels, dtypes, self._texts, self._only, self._what)
        frame = self._exact(piece, frame)
        for label, column in self.named.items():
            if column.type == "boolean" and frame[label].dtype == "object":
                values = [None if isinstance(value, float) and math.isnan(value) else value for value in frame[label]]
                frame[label] = pandas.Series(values, dtype="object")
        frame.index = pandas.RangeIndex(piece.first, piece.first + piece.rows)
        return type_columns(pandas, frame, self.named, written=True)

    def _exact(self, piece: Piece, frame: Frame) -> Frame:
        """The frame with the digits of large whole numbers, which pandas reads as fractions where a 12.0 is among them.

        WrongRow where such a column has a value that is not whole.
        """
        for label, column in self.named.items():
            values, only = frame[label], [str(label)]
            if self._known.get(str(label)) != "int64" or values.dtype.kind not in "if" or bool(values.isna().any()):
                continue
            large = bool(((values >= _EXACT) | (values <= -_EXACT)).any())
            if large and read_frame(self._pandas, piece, self.labels, {}, only=only)[label].dtype.kind == "f":
                texts = read_frame(self._pandas, piece, self.labels, {str(label): "str"}, only=only)[label]
                frame[label] = exact_wholes(self._pandas, texts, column)
        return frame

    def _dtypes(self, seen: Seen) -> dict[str, str]:
        found = {}
        for label, holds in seen.items():
            if label not in self.named or self.named[label].type != "boolean" or holds == Holds.TRUTH:
                found[label] = dtype_of(holds)
            elif _lacks(holds):
                found[label] = "object"
        return found


def _lacks(holds: Holds) -> bool:
    return bool(holds & Holds.MISSING) and not holds & ~(Holds.MISSING | Holds.TRUTH)


def _dtype(column: Column) -> str | None:
    """How a column of that type is read; None where its values tell."""
    kind = column.type
    if not isinstance(kind, str) or kind in AS_WRITTEN:
        return "object"
    return "float64" if kind in FRACTIONS else "int64" if kind in WHOLE else None


def read_csv(content: bytes, columns: Sequence[Column], what: str) -> Frame:
    """The frame of a whole CSV, as a model whose signature declares `columns` takes it."""
    rows = Rows(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline=""), what)
    table = Table(rows, columns)
    for piece in rows.pieces(0, 0):
        return table.frame(piece)
    raise no_rows(what)


def no_rows(what: str) -> Refused:
    """The error for a table without rows."""
    return Refused(f"{what} has no rows", _NO_ROWS)
