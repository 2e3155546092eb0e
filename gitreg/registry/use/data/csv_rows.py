"""CSV as it comes: pieces of whole rows, in memory that does not grow with the file."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from gitreg.errors import Damaged
from gitreg.flavors._rows import WrongRow

LONGEST_ROW = 1 << 28
"""Characters. What is longer is no row but the rest of a file, behind a quote that is never closed."""

_EVEN = "every row has as many values as there are columns"
_BLANK = " \t\r\n"
_NO_CSV = (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True)
class Piece:
    """Whole rows as they are written, without blank lines; `first` is the number of the first one in the file."""

    text: str
    first: int
    rows: int
    last: bool


class Rows:
    """The rows of a CSV, below its row of heads. Errors call it `what`.

    Damaged where it is no CSV, WrongRow where a row has more or fewer values than there are heads.
    """

    def __init__(self, stream: TextIO, what: str) -> None:
        csv.field_size_limit(LONGEST_ROW)  # by default 128 KiB, less than an image in base64
        self.what = what
        self._taken: list[str] = []
        self._row = -1
        self._stream = stream
        self._reader = csv.reader(self._lines(), skipinitialspace=True)
        self.heads: list[str] = next(self._rows(), [])
        self.head_text = "".join(self._taken)
        self._taken.clear()

    def _lines(self) -> Iterator[str]:
        length = 0
        while line := self._stream.readline(LONGEST_ROW):
            length = length + len(line) if self._taken else len(line)
            if length >= LONGEST_ROW:
                raise Damaged(f"{self.what}, row {max(self._row, 0)}: it never ends", "close its quotes")
            self._taken.append(line)
            yield line

    def _rows(self) -> Iterator[list[str]]:
        """Row by row; the lines of the last one are those in `_taken`."""
        try:
            for row in self._reader:
                if len(row) <= 1 and len(self._taken) == 1 and not self._taken[0].strip(_BLANK):
                    self._taken.clear()
                    continue
                self._row += 1
                yield row
        except UnicodeDecodeError as error:
            at = f"at row {self._row} or after it" if self._row >= 0 else "in its first lines"
            raise Damaged(f"{self.what} is no UTF-8: {error.reason} {at}", "write it in UTF-8") from None
        except _NO_CSV as error:
            raise Damaged(f"{self.what} is no CSV: {str(error).strip()}") from None

    def pieces(self, most_rows: int, most_text: int) -> Iterator[Piece]:
        """All rows, in pieces of at most `most_rows` and of about `most_text` characters; 0 is no bound."""
        width, lines, length, first, number = len(self.heads), list[str](), 0, 0, 0
        ready: Piece | None = None  # handed out when it is known whether it is the last
        for row in self._rows():
            if len(row) != width:
                raise WrongRow(f"{self.what}, ", number, f": {len(row)} of {width} values", _EVEN)
            if ready is not None:
                yield ready
                ready = None
            number += 1
            if self._taken[-1][-1] == "\r":  # pandas takes an empty field behind it for none
                self._taken[-1] = self._taken[-1][:-1] + "\n"
            lines += self._taken
            if most_text:
                length += sum(map(len, self._taken))
            self._taken.clear()
            if number - first == most_rows or (most_text and length >= most_text):
                ready = Piece("".join(lines), first, number - first, False)
                lines, length, first = [], 0, number
        if lines:
            yield Piece("".join(lines), first, number - first, True)
        elif ready is not None:
            yield Piece(ready.text, ready.first, ready.rows, True)
