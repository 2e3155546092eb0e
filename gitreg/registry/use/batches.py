"""Predictions for data of any length: read in parts, predicted, written, in memory that does not grow with the data.

Every part is typed as if all data were read at once, so its rows get the predictions that they would get then. It
knows nothing of Git or DVC, so it runs in a model's own environment too.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.flavors._rows import WrongRow
from gitreg.flavors.pyfunc import PyFunc
from gitreg.format.schema import AnyType, Column, Signature
from gitreg.registry.progress import Moved, Progress, silent
from gitreg.registry.use.data.columns import columns_of
from gitreg.registry.use.data.csv_rows import Rows
from gitreg.registry.use.data.csv_table import Table, no_rows
from gitreg.registry.use.data.files import data_of, parse_json
from gitreg.registry.use.data.parquet import ParquetTable
from gitreg.registry.use.data.predictions import Kind, predictions_of
from gitreg.registry.use.data.sources import Source
from gitreg.registry.use.data.written import AT_ONCE, writer_of

MOST_ROWS = 50_000
MOST_BYTES = 8 << 20
"""How many rows are predicted at a time, and about how many bytes of them, where nothing else is asked for."""

_LONGEST = 300


@dataclass(frozen=True)
class Batch:
    """Rows that are predicted together: `rows` of them from the row `first`; `only` where these are all.

    `objects` are columns of booleans that stay objects, as values are missing in other rows.
    """

    data: object
    first: int = 0
    rows: int = 0
    only: bool = True
    params: Mapping[str, object] | None = None
    objects: frozenset[object] = field(default=frozenset())


def predict_batches(
    model: PyFunc,
    source: Source,
    out: BinaryIO,
    form: Kind | None = None,
    *,
    params: Mapping[str, object] | None = None,
    chunk_rows: int | None = None,
    progress: Progress = silent,
) -> int:
    """Write the model's predictions for `source` to `out` in order; the number of rows, 0 where it is one answer.

    `chunk_rows` is how many rows are predicted at a time; by default as many as are good, with 0 all. JSON is read at
    once. Raises as `PyFunc.predict` and `parse_data` do, Unsupported where the model's own code fails, and Refused
    where the predictions for some of the rows are not one to a row.
    """
    kind = source.kind
    writer = writer_of(form or kind, out)
    names = _output_names(model.signature)
    count = 0
    with contextlib.closing(_batches(source, kind, model.signature, chunk_rows, progress)) as batches:
        for batch in batches:
            given = {**(batch.params or {}), **(params or {})} or None
            found = predictions_of(_predict(model, batch, given), names)
            if not batch.only and found.rows != batch.rows:
                gave = "no row each" if found.rows is None else f"{found.rows:,} rows"
                raise Refused(f"{_name(model)} gives {gave} for {batch.rows:,} rows of the data", AT_ONCE)
            writer.write(found, only=batch.only)
            count += batch.rows
            del batch, found  # before the next ones are read
    writer.end()
    return count


def _predict(model: PyFunc, batch: Batch, params: Mapping[str, object] | None) -> object:
    try:
        data, given = model.prepare(batch.data, params)
    except WrongRow as error:
        raise error.below(batch.first) from None
    for name in batch.objects:
        table: Any = data
        if name in table:
            table[name] = table[name].astype("object")
    try:
        return model.call(data, given)
    except GitregError:
        raise
    except Exception as error:  # the model's own code, whatever it raises
        said = " ".join(f"{type(error).__name__}: {error}".removesuffix(": ").split())
        said = said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"
        rows = "" if batch.only else f" rows {batch.first} to {batch.first + batch.rows - 1}"
        message = f"{_name(model)} failed to predict{rows}: {said}"
        raise Unsupported(message, "gitreg predict -v shows where in the model's code") from error


def _name(model: PyFunc) -> str:
    return str(model.version or model.name or model.path)


def _output_names(signature: Signature | None) -> list[str]:
    outputs = (signature.outputs if signature else None) or ()
    return [str(entry.name) for entry in outputs if isinstance(entry.name, str)]


def _batches(
    source: Source, kind: Kind, signature: Signature | None, chunk_rows: int | None, progress: Progress
) -> Generator[Batch, None, None]:
    columns = columns_of(signature.inputs if signature else None)
    if any(isinstance(column.type, AnyType) for column in columns):
        chunk_rows = 0  # what such a column becomes takes all its values to tell
    if kind == "csv":
        yield from _of_csv(source, columns, chunk_rows, progress)
    elif kind == "parquet":
        yield from _of_parquet(source, columns, chunk_rows, progress)
    else:
        with source.open(lambda _: None) as stream:
            read = data_of(parse_json(stream.read(), source.what), signature, source.what)
        yield Batch(read.data, params=read.params)


def _of_csv(
    source: Source, columns: tuple[Column, ...], chunk_rows: int | None, progress: Progress
) -> Generator[Batch, None, None]:
    bounds = (MOST_ROWS, MOST_BYTES) if chunk_rows is None else (chunk_rows, 0)
    try:
        with _Bar(progress, source.size) as bar:
            rows = Rows(_text(source.open(bar.moved)), source.what)
            table = Table(rows, columns)
            bar.show("reading" if table.unknown else "predicting")
            pieces = rows.pieces(*bounds)
            first = next(pieces, None)
            if first is None:
                raise no_rows(source.what)
            if first.last:
                yield Batch(table.frame(first), 0, first.rows)
                return
            pieces = itertools.chain([first], pieces)
            seen = table.look(pieces) if table.unknown else {}
            if table.unknown:
                bar.show("predicting")
                pieces = Rows(_text(source.open(bar.moved)), source.what).pieces(*bounds)
            source.forget()
            objects = table.objects(seen)
            for piece in pieces:
                try:
                    frame = table.frame(piece, seen)
                except WrongRow as error:
                    raise error.below(piece.first) from None
                batch = Batch(frame, piece.first, piece.rows, False, None, objects)
                del frame, piece
                yield batch
                del batch
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Damaged(f"{source.what} is no whole gzip file: {error}") from None


class _Bar(contextlib.ExitStack):
    """What is read of a file, shown as one thing after the other."""

    def __init__(self, progress: Progress, size: int) -> None:
        super().__init__()
        self._progress = progress
        self._size = size
        self._early = 0
        self._moved: Moved | None = None

    def show(self, what: str) -> None:
        """Begin to show it as `what`."""
        self.close()
        self._moved = self.enter_context(self._progress(what, self._size))
        self._moved(self._early)
        self._early = 0

    def moved(self, count: int) -> None:
        """So many bytes more were read."""
        if self._moved is None:
            self._early += count
        else:
            self._moved(count)


def _text(stream: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _of_parquet(
    source: Source, columns: tuple[Column, ...], chunk_rows: int | None, progress: Progress
) -> Generator[Batch, None, None]:
    with source.seekable() as stream:
        table = ParquetTable(stream, columns, source.what)
        most = min(MOST_ROWS, table.rows_of(MOST_BYTES)) if chunk_rows is None else chunk_rows
        objects = table.objects()
        with progress("predicting", source.size) as moved:
            for part in table.parts(most):
                only = part.last and part.first == 0
                yield Batch(part.frame, part.first, part.rows, only, None, objects)
                moved(source.size * part.rows // table.rows)
