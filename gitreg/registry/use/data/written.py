"""Predictions written as they come: CSV, JSON or parquet, the same as if all were written at once."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from gitreg.errors import NotFound, Refused
from gitreg.registry.use.data.parquet import import_arrow
from gitreg.registry.use.data.predictions import Kind, Predictions, format_json, format_rows
from gitreg.registry.use.data.sources import is_gzipped
from gitreg.stores.scratch import scratch

AT_ONCE = "predict with --chunk-rows 0: all rows at once"


class Writer(Protocol):
    """Takes predictions in order; `only` where these are all."""

    def write(self, predictions: Predictions, *, only: bool) -> None: ...

    def end(self) -> None: ...


def writer_of(kind: Kind, out: BinaryIO) -> Writer:
    """Writes to `out`. Refused where later predictions have another form than the first ones."""
    if kind == "parquet":
        return ParquetWriter(out)
    return CsvWriter(out) if kind == "csv" else JsonWriter(out)


def check_target(target: Path) -> None:
    """Refuse, before anything is computed, what no file can be written to."""
    if target.is_dir():
        raise Refused(f"{target} is a folder", f"name a file in it: {target / 'predictions.csv'}")
    if not target.parent.is_dir():
        raise NotFound(f"no folder {target.parent}", f"mkdir -p {target.parent}")


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file that becomes `target` when it is left without an error; else nothing of it stays."""
    if target.exists() and not target.is_file():  # a pipe or a device
        with target.open("wb") as out:
            yield cast(BinaryIO, out)
        return
    with scratch(target.absolute().parent, f".{target.name}.") as folder:
        partial = folder / target.name
        with partial.open("w+b") as plain:
            if is_gzipped(target.name):
                with gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as out:
                    yield cast(BinaryIO, out)
            else:
                yield cast(BinaryIO, plain)
            plain.flush()
            os.fsync(plain.fileno())
        partial.replace(target)


class CsvWriter:
    """CSV: the heads are those of the first predictions."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._heads: list[str] | None = None

    def write(self, predictions: Predictions, *, only: bool) -> None:
        heads, rows = predictions.table()
        if self._heads is None:
            self._heads = heads
            self._out.write(format_rows([heads]).encode())
        if heads != self._heads:
            raise _other_columns(self._heads, heads)
        self._out.write(format_rows(rows).encode())
        self._out.flush()

    def end(self) -> None:
        pass


class JsonWriter:
    """`{"predictions": [...]}` on one line."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._before = '{"predictions": ['

    def write(self, predictions: Predictions, *, only: bool) -> None:
        plain = predictions.plain
        if only:
            self._before = ""
            self._out.write(f"{format_json({'predictions': plain})}\n".encode())
        elif isinstance(plain, list):
            self._out.write((self._before + format_json(plain)[1:-1]).encode())
            self._before = ", "
        else:
            raise Refused("the predictions are columns, which JSON has one after the other", f"{AT_ONCE}, or as CSV")
        self._out.flush()

    def end(self) -> None:
        if self._before:
            self._out.write(b"]}\n")


class ParquetWriter:
    """Parquet, in columns of one type from the first row to the last.

    Where later rows need a wider type, what was written so far is written again in that.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._arrow, self._parquet = import_arrow("writing")
        self._out = out
        self._writer: Any = None
        self._schema: Any = None

    def write(self, predictions: Predictions, *, only: bool) -> None:
        try:
            table = self._table(predictions)
            if self._writer is None:
                self._begin(table.schema)
            elif table.schema != self._schema:
                if table.schema.names != self._schema.names:
                    raise _other_columns(self._schema.names, table.schema.names)
                self._widen(self._arrow.unify_schemas([self._schema, table.schema], promote_options="permissive"))
            self._writer.write_table(table.cast(self._schema))
        except self._arrow.ArrowException as error:
            said = " ".join(str(error).split())[:200]
            raise Refused(
                f"the predictions of one column have no type in common: {said}", "write CSV or JSON"
            ) from None

    def end(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _begin(self, schema: Any) -> None:
        self._schema = schema
        self._writer = self._parquet.ParquetWriter(self._out, schema)

    def _widen(self, schema: Any) -> None:
        if schema == self._schema:
            return
        self._writer.close()
        with tempfile.TemporaryFile(dir=Path(self._out.name).parent) as before:
            self._out.seek(0)
            shutil.copyfileobj(self._out, before)
            self._out.seek(0)
            self._out.truncate()
            self._begin(schema)
            for batch in self._parquet.ParquetFile(before).iter_batches():
                self._writer.write_table(self._arrow.Table.from_batches([batch]).cast(schema))

    def _table(self, predictions: Predictions) -> Any:
        given: Any = predictions.given
        if hasattr(given, "to_arrow") and hasattr(given, "to_dicts"):  # polars
            return given.to_arrow()
        if hasattr(given, "to_dict") and hasattr(given, "columns"):  # pandas
            table = self._arrow.Table.from_pandas(given, preserve_index=False).replace_schema_metadata(None)
            return table.rename_columns([str(name) for name in given.columns])
        heads, rows = predictions.table()
        if isinstance(given, dict):
            columns: list[Any] = [value if hasattr(value, "tolist") else [*value] for value in given.values()]
        elif hasattr(given, "ndim") and given.ndim == 1 and hasattr(given, "tolist"):
            columns = [given]
        elif hasattr(given, "ndim") and given.ndim == 2 and hasattr(given, "tolist"):
            columns = list(given.T)
        else:
            columns = [list(values) for values in zip(*rows, strict=True)]
        return self._arrow.table([self._arrow.array(values, from_pandas=True) for values in columns], names=heads)


def _other_columns(before: Sequence[str], now: Sequence[str]) -> Refused:
    return Refused(
        f"the columns of the predictions are not those of the rows before: {', '.join(now)}, not {', '.join(before)}",
        AT_ONCE,
    )
