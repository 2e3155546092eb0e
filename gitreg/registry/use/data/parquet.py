"""Parquet as data for a model: frames of so many rows each, the same as if all were read at once.

What pandas makes of a column depends on the rows it sees: whole numbers become fractions where some are missing, and
categories are those that occur. So what the whole file holds is found out first.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.flavors._rows import WrongRow
from gitreg.flavors.enforcing.columns import refuse_missing
from gitreg.format.schema import Column
from gitreg.registry.use.data.columns import by_head, import_pandas, type_columns
from gitreg.registry.use.data.csv_table import no_rows

# Frames and tables are of modules that are known only at run time.
Frame = Any
Arrow = Any

MOST_VALUES = 100_000_000
"""Of a file in memory: a small one can unfold to any size."""

_OF_PANDAS = re.compile(r"__index_level_[0-9]+__")
_BUFFER = 1 << 20


@dataclass(frozen=True)
class Part:
    """A frame of some rows; `first` is the number of its first row in the file, `last` whether no row follows."""

    frame: Frame
    first: int
    rows: int
    last: bool


class ParquetTable:
    """A parquet file for a model whose signature declares `columns`, if any. What these do not name is not read.

    Damaged where it is no parquet, Refused where a column is lacking or there are no rows, Unsupported without pyarrow.
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[Column], what: str) -> None:
        self._pandas = import_pandas("reading parquet")
        self._arrow, parquet = import_arrow("reading")
        self._what = what
        self._errors = (self._arrow.ArrowException, OSError, ValueError)
        try:
            self._file = parquet.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER)
            self._schema = self._file.schema_arrow
            names = [str(name) for name in self._schema.names]
        except self._errors as error:
            raise self._damaged(error) from None
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Refused(f"{what} has two columns called {twice}", "give each column a name of its own")
        indexes = _indexes(self._schema)
        self._named = by_head(names, columns)
        if columns and columns[0].name is not None:
            refuse_missing([column.name for column in columns if column.required], list(names))
        self._only = [name for name in names if name in self._named] or [n for n in names if n not in indexes]
        self.rows = int(self._file.metadata.num_rows)
        self.values = self.rows * len(self._only)
        if not self.rows:
            raise no_rows(what)

    def _damaged(self, error: Exception) -> Damaged:
        return Damaged(f"{self._what} is no parquet: {' '.join(str(error).split())[:200]}")

    def rows_of(self, size: int) -> int:
        """About how many rows are `size` bytes."""
        groups = [self._file.metadata.row_group(number) for number in range(self._file.metadata.num_row_groups)]
        total = sum(group.total_byte_size for group in groups)
        return max(1, size * self.rows // int(max(total, self.values, 1)))

    def parts(self, most_rows: int) -> Iterator[Part]:
        """All rows in order, at most so many at a time; 0 is all at once."""
        lacking = {name for name in self._only if self._lacks(name)}
        categories = {name: self._categories(name) for name in self._only if self._is_category(name)}
        first = 0
        for batch in self._batches(self._only, most_rows or self.rows):
            index = self._pandas.RangeIndex(first, first + batch.num_rows)
            values = {
                name: self._values(batch.column(place), index, name in lacking, categories.get(name))
                for place, name in enumerate(batch.schema.names)
            }
            frame = self._pandas.DataFrame(values, index=index, columns=self._only)
            try:
                frame = type_columns(self._pandas, frame, self._named, written=False)
            except WrongRow as error:
                raise error.below(first) from None
            yield Part(frame, first, batch.num_rows, first + batch.num_rows == self.rows)
            first += batch.num_rows

    def objects(self) -> frozenset[object]:
        """The columns of the signature, by its names, that are booleans of which some are missing."""
        found = {name: c for name, c in self._named.items() if c.type == "boolean" and self._lacks(str(name))}
        return frozenset(name if column.name is None else column.name for name, column in found.items())

    def _batches(self, names: Sequence[str], rows: int) -> Iterator[Arrow]:
        """Batches of exactly so many rows, but for the last."""
        waiting: list[Arrow] = []
        count = 0
        try:
            for batch in self._file.iter_batches(batch_size=rows, columns=list(names)):
                while batch.num_rows:
                    piece = batch.slice(0, rows - count)
                    batch = batch.slice(piece.num_rows)
                    waiting.append(piece)
                    count += piece.num_rows
                    if count == rows:
                        yield self._joined(waiting)
                        waiting, count = [], 0
            if waiting:
                yield self._joined(waiting)
        except self._errors as error:
            raise self._damaged(error) from None

    def _joined(self, pieces: Sequence[Arrow]) -> Arrow:
        if len(pieces) == 1:
            return pieces[0]
        return self._arrow.Table.from_batches(pieces).combine_chunks()

    def _is_category(self, name: str) -> bool:
        return bool(self._arrow.types.is_dictionary(self._schema.field(name).type))

    def _lacks(self, name: str) -> bool:
        """Whether values are missing in a column of which pandas then makes another one."""
        types, field = self._arrow.types, self._schema.field(name)
        if not field.nullable or not (types.is_integer(field.type) or types.is_boolean(field.type)):
            return False
        metadata = self._file.metadata
        place = next(i for i in range(metadata.num_columns) if metadata.schema.column(i).path == name)
        for number in range(metadata.num_row_groups):
            statistics = metadata.row_group(number).column(place).statistics
            if statistics is None or not statistics.has_null_count:
                return any(batch.column(0).null_count for batch in self._batches([name], 1 << 16))
            if statistics.null_count:
                return True
        return False

    def _categories(self, name: str) -> Arrow:
        """All categories of a column, in the order in which they come."""
        found: dict[object, None] = {}
        for batch in self._batches([name], 1 << 16):
            column = batch.column(0)
            for chunk in getattr(column, "chunks", [column]):
                found.update(dict.fromkeys(chunk.dictionary.to_pylist()))
        return list(found)

    def _values(self, column: Arrow, index: Frame, lacking: bool, categories: Sequence[object] | None) -> Frame:
        pandas, types = self._pandas, self._arrow.types
        kind = column.type
        if categories is not None:
            values = pandas.Categorical(column.to_pylist(), categories=categories, ordered=kind.ordered)
            return pandas.Series(values, index=index)
        if types.is_nested(kind):  # numpy's arrays in one column are of one type, which other rows would change
            values = column.to_pylist(maps_as_pydicts="lossy") if types.is_map(kind) else column.to_pylist()
            return pandas.Series(values, index=index, dtype="object")
        if lacking and types.is_integer(kind):
            column = column.cast(self._arrow.float64(), safe=False)
        values = column.to_pandas()
        values = values.astype("object") if lacking and types.is_boolean(kind) else values
        return pandas.Series(values.array, index=index)


def import_arrow(doing: str) -> tuple[Arrow, Arrow]:
    """pyarrow, and what it has for parquet; Unsupported where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise Unsupported(f"{doing} parquet needs pyarrow, which is not installed", "pip install pyarrow") from None
    return pyarrow, pyarrow.parquet


def _indexes(schema: Arrow) -> frozenset[str]:
    """The columns that pandas wrote as its index: numbers of rows are no data."""
    names = {name for name in schema.names if _OF_PANDAS.fullmatch(name)}
    described = schema.pandas_metadata or {}
    return frozenset(names | {name for name in described.get("index_columns", ()) if isinstance(name, str)})


def read_parquet(content: bytes, columns: Sequence[Column], what: str) -> Frame:
    """The frame of a whole parquet file, as a model whose signature declares `columns` takes it."""
    table = ParquetTable(io.BytesIO(content), columns, what)
    if table.values > MOST_VALUES:
        raise Refused(f"{what} has {table.rows} rows", "send it in parts")
    (part,) = table.parts(0)
    return part.frame
