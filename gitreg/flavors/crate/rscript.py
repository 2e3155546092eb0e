"""One Rscript that has a crate loaded and answers over two pipes of its own; it ends with the object that started it.

What R prints goes to stderr, and what it is asked never through its stdin or stdout: neither breaks the other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gitreg.errors import Refused, Unsupported
from gitreg.flavors._base import framework
from gitreg.flavors.crate.columns import Ended, read_column, read_integers, read_text, write_column, write_text

PROGRAM = Path(__file__).resolve().parents[2] / "r" / "predict.R"

_FRAME, _ARRAY = 1, 2
_FAILED, _READY, _VECTOR, _MATRIX, _TABLE = range(5)
_STDERR = 2
_PATIENCE = 5.0  # seconds that R has to end once its pipes are closed
_FORMS = "pass a data frame, records, or an array of numbers or texts"


class RError(Exception):
    """What failed in R, in R's words: the crate's own code, or R itself.

    `kind` tells what it was busy with: damaged, version, package, other and load are of loading; failed and ended of
    predicting.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


@dataclass(frozen=True)
class _Running:
    process: subprocess.Popen[bytes]
    asking: BinaryIO
    answering: BinaryIO


class Rscript:
    """A crate of R's, loaded. Raises RError where R cannot load it, Unsupported where there is no R."""

    def __init__(self, file: Path, packages: Sequence[str] = ()) -> None:
        self._file = file
        self._packages = tuple(packages)
        self._busy = threading.Lock()
        self._running: _Running | None = None
        self._owner = 0
        self._end: weakref.finalize[Any, Any] | None = None
        self.version = ""
        with self._busy:
            self._start()

    def predict(self, data: object, params: Mapping[str, object] | None = None) -> object:
        """What the crate gives for `data`: a frame for a data.frame or a matrix with heads, else an array.

        RError where the crate fails, and where R ended; it is started again at the next call.
        """
        asked = _question(data, params or {})
        with self._busy:
            if self._running is None or self._owner != os.getpid():  # a fork has pipes of its parent's
                self._start()
            return self._exchange(asked)

    def close(self) -> None:
        """End R, if it runs."""
        with self._busy:
            self._stop()

    def _start(self) -> None:
        program = shutil.which("Rscript")
        if program is None:
            raise Unsupported(
                f"{self._file.name} needs R, which is not installed", "apt install r-base-core, or set PATH"
            )
        theirs_in, asking = os.pipe()
        answering, theirs_out = os.pipe()
        command = [program, "--no-save", "--no-restore", str(PROGRAM), str(self._file.resolve()), str(theirs_in)]
        try:
            process = subprocess.Popen(
                [*command, str(theirs_out), ",".join(self._packages)], pass_fds=(theirs_in, theirs_out),
                stdin=subprocess.DEVNULL, stdout=_STDERR, start_new_session=True, cwd=_home(),
            )  # fmt: skip
        except BaseException:
            os.close(asking)
            os.close(answering)
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._running = _Running(process, os.fdopen(asking, "wb"), os.fdopen(answering, "rb"))
        self._owner = os.getpid()
        self._end = weakref.finalize(self, _kill, self._running, self._owner)
        self.version = str(self._exchange(b""))

    def _exchange(self, asked: bytes) -> object:
        assert self._running
        try:
            self._running.asking.write(asked)
            self._running.asking.flush()
            return _answer(self._running.answering)
        except (Ended, BrokenPipeError):
            code = _ending(self._running.process)
            self._stop()
            raise RError("ended", f"Rscript ended while it was busy with {self._file.name} ({_how(code)})") from None
        except RError as error:
            if error.kind != "failed":  # it said why it could not load, and ended
                self._stop()
            raise
        except BaseException:  # half an answer is on its way, which would be taken for the next one's
            self._stop()
            raise

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._running = None


def _kill(running: _Running, owner: int) -> None:
    for pipe in (running.asking, running.answering):
        with contextlib.suppress(OSError):  # what was not sent yet is of no use any more
            pipe.close()
    if owner == os.getpid():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)  # and what the crate's code has started
        running.process.wait()


def _ending(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:  # it closed its pipes, and runs on
        return -signal.SIGKILL


def _home() -> str:
    """Where R starts: not here, where a project's .Rprofile would be run that nobody asked for."""
    home = os.path.expanduser("~")
    return home if os.path.isdir(home) else os.sep


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _question(data: object, params: Mapping[str, object]) -> bytes:
    pandas = framework("pandas", "pandas")
    parts = [_data(pandas, data), struct.pack("<i", len(params))]
    for name, value in params.items():
        values = list(value) if isinstance(value, list | tuple) else [value]
        parts += [write_text(name), write_column(pandas.Series(values).infer_objects(), f"param {name}")]
    return b"".join(parts)


def _data(pandas: Any, data: Any) -> bytes:
    if hasattr(data, "to_dicts"):  # polars
        data = pandas.DataFrame({series.name: series.to_list() for series in data.get_columns()})
    elif isinstance(data, pandas.Series):
        data = data.to_frame()
    elif isinstance(data, Mapping):
        try:
            data = pandas.DataFrame(data if any(map(_is_many, data.values())) else {k: [v] for k, v in data.items()})
        except ValueError as error:
            raise Refused(f"the data is no table: {error}", _FORMS) from None
    elif isinstance(data, list) and data and all(isinstance(row, Mapping) for row in data):
        data = pandas.DataFrame(data)
    if isinstance(data, pandas.DataFrame):
        parts = [struct.pack("<3i", _FRAME, len(data.columns), len(data))]
        for place, name in enumerate(data.columns):
            parts += [write_text(str(name)), write_column(data.iloc[:, place], f"column {name}")]
        return b"".join(parts)
    return _array(pandas, data)


def _is_many(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | bytes)


def _array(pandas: Any, data: Any) -> bytes:
    numpy = framework("numpy", "numpy")
    if hasattr(data, "toarray"):  # a sparse matrix
        data = data.toarray()
    try:
        array = numpy.asarray(data)
    except ValueError:
        raise Refused("the data is uneven: R has arrays only of one size", _FORMS) from None
    if array.ndim == 0 and not isinstance(data, str | int | float):
        raise Refused(f"a {type(data).__qualname__} is no data for a crate", _FORMS)
    flat = pandas.Series(array.flatten(order="F"))
    size = struct.pack(f"<2i{1 + array.ndim}i", _ARRAY, array.ndim, 0, *array.shape)
    return size + write_column(flat, "the data", keep_nan=True)


def _plain(pandas: Any, column: Any) -> Any:
    """A column as an array; the labels of a factor, as an array has no categories."""
    if isinstance(column.dtype, pandas.CategoricalDtype):
        column = column.astype(object)
        column = column.where(column.notna(), None)
    return column.to_numpy()


def _answer(source: BinaryIO) -> object:
    pandas = framework("pandas", "pandas")
    (kind,) = read_integers(source, 1)
    if kind == _FAILED:
        raise RError(read_text(source), read_text(source))
    if kind == _READY:
        return read_text(source)
    if kind == _VECTOR:
        return _plain(pandas, read_column(source))
    if kind == _MATRIX:
        rows, columns, heads = read_integers(source, 3)
        names = [read_text(source) for _ in range(heads)]
        array = _plain(pandas, read_column(source)).reshape((rows, columns), order="F")
        return pandas.DataFrame(array, columns=names) if names else array
    columns, rows = read_integers(source, 2)
    found = [(read_text(source), read_column(source)) for _ in range(columns)]
    frame = pandas.concat([column for _, column in found], axis=1) if found else pandas.DataFrame(index=range(rows))
    frame.columns = [name for name, _ in found]
    return frame
