"""Batch predictions by a worker: the data comes and the predictions go over the connection, piece by piece.

The worker reads files by itself; pipes are the asking program's, so it asks for what comes through them. What it says
before its reply has the key `then`: read, wrote, begin, moved, end.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from gitreg.errors import Refused
from gitreg.flavors.pyfunc import PyFunc
from gitreg.registry.progress import Moved, Progress, silent
from gitreg.registry.use.data.sources import STDIN, Source

if TYPE_CHECKING:
    from gitreg.registry.environments.apart import Worker
    from gitreg.registry.environments.frames import Talk
    from gitreg.registry.use.data.predictions import Kind

_PIECE = 1 << 20


def predict_apart(
    worker: Worker,
    source: Source,
    out: BinaryIO,
    form: Kind,
    *,
    params: Mapping[str, object] | None = None,
    chunk_rows: int | None = None,
    progress: Progress = silent,
) -> int:
    """As `gitreg.registry.use.batches.predict_batches`, by the worker."""
    piped: list[BinaryIO] = []
    try:
        json.dumps(params)
    except (TypeError, ValueError):
        raise Refused(
            "the params hold what JSON has no word for", "texts, numbers, booleans and lists of them"
        ) from None

    with contextlib.ExitStack() as bars:
        moved: list[Moved] = []

        def heard(said: Mapping[str, Any], content: bytes) -> bytes | None:
            what = said["then"]
            if what == "read":
                if not piped:
                    piped.append(source.open(lambda count: None))
                    source.forget()  # the worker keeps what it reads twice
                return cast(io.BufferedReader, piped[0]).read1(said["most"])
            if what == "wrote":
                out.write(content)
                out.flush()
            elif what == "begin":
                moved.append(bars.enter_context(progress(said["what"], said["total"])))
            elif what == "moved":
                moved[-1](said["count"])
            elif what == "end":
                bars.close()
                moved.clear()
            return None

        name = source.name if os.path.isfile(source.name) else STDIN
        asked: dict[str, object] = {"op": "predict", "name": name, "what": source.what, "form": form}
        asked |= {"params": params, "chunk_rows": chunk_rows}
        return int(worker.ask(asked, heard=heard)[0]["rows"])


def predict_over(model: PyFunc, facts: Mapping[str, Any], talk: Talk) -> int:
    """The worker's side; the number of rows."""
    from gitreg.registry.use.batches import predict_batches

    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Asked(talk), _PIECE))
    how: dict[str, Any] = {name: facts[name] for name in ("params", "chunk_rows")}
    with Source(facts["name"]) as source:
        source.what = facts["what"]
        if facts["form"] != "parquet":
            out = io.BufferedWriter(_Told(talk), _PIECE)
            rows = predict_batches(model, source, cast(BinaryIO, out), facts["form"], progress=_bars(talk), **how)
            out.flush()
            return rows
        with tempfile.NamedTemporaryFile() as kept:  # its writer goes back where a column needs a wider type
            rows = predict_batches(model, source, cast(BinaryIO, kept), "parquet", progress=_bars(talk), **how)
            kept.flush()
            kept.seek(0)
            while piece := kept.read(_PIECE):
                talk.tell({"then": "wrote"}, piece)
            return rows


def _bars(talk: Talk) -> Progress:
    @contextlib.contextmanager
    def bar(what: str, total: int, /) -> Iterator[Moved]:
        talk.tell({"then": "begin", "what": what, "total": total})
        try:
            yield lambda count: talk.tell({"then": "moved", "count": count})
        finally:
            talk.tell({"then": "end"})

    return bar


class _Asked(io.RawIOBase):
    """The stdin of the program that asks."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._talk.ask({"then": "read", "most": len(buffer)})
        buffer[: len(piece)] = piece
        return len(piece)


class _Told(io.RawIOBase):
    """A file that the program that asks writes."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        self._talk.tell({"then": "wrote"}, piece)
        return len(piece)
