"""What a column of a CSV holds, told from all its rows, so that each part of it is read as the whole would be.

A text has no types of its own. A column is int64 where every value is a whole number that fits, uint64 where it needs
that, bool where every value is true or false, float64 where every value is a number or missing, else text. Booleans
with missing values are objects. Two parts of a column are told apart as one would be: what each holds is added up.
"""

from __future__ import annotations

import enum
import io
from collections.abc import Mapping, Sequence
from typing import Any

from gitreg.errors import Damaged, GitregError
from gitreg.registry.use.data.csv_rows import Piece

# Frames and columns are of modules that are known only at run time.
Frame = Any

MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]
TRUTHS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}

_IN_NUMBERS = frozenset("0123456789+-.eEinfatyINFATY \t\x0b\x0c")
_ENDS_OF_TRUTHS = ("rue", "RUE", "alse", "ALSE")


class Holds(enum.IntFlag):
    """What was seen in a column; an empty one is of no rows."""

    MISSING = enum.auto()
    WHOLE = enum.auto()
    NEGATIVE = enum.auto()
    BEYOND = enum.auto()  # whole, and above what int64 holds
    FRACTION = enum.auto()
    TRUTH = enum.auto()
    TEXT = enum.auto()


_NUMBER = Holds.WHOLE | Holds.BEYOND | Holds.FRACTION


def dtype_of(seen: Holds) -> str:
    """The dtype that a column of these values has."""
    if seen & Holds.TEXT or (seen & Holds.TRUTH and seen & _NUMBER):
        return "str"
    if seen & Holds.TRUTH:
        return "object" if seen & Holds.MISSING else "bool"
    if seen & (Holds.FRACTION | Holds.MISSING) or (seen & Holds.BEYOND and seen & Holds.NEGATIVE):
        return "float64"
    return "uint64" if seen & Holds.BEYOND else "int64"


def read_frame(
    pandas: Frame, piece: Piece, labels: Sequence[str], dtypes: Mapping[str, str], texts: frozenset[str] = frozenset(),
    only: Sequence[str] | None = None, what: str = "the data",
) -> Frame:  # fmt: skip
    """The frame of a piece: columns of `dtypes` as these say, the others as pandas finds them.

    In the columns `texts` nothing but an empty field is missing. Raises ValueError or OverflowError where a column is
    not of its dtype, Damaged where the text is no CSV.
    """
    import numpy

    # A head of our own, as pandas drops a byte order mark that the first row may begin with.
    text = ",".join(map(str, range(len(labels)))) + "\n" + piece.text
    na_values = {label: [""] if label in texts else MISSING for label in (labels if only is None else only)}
    try:
        with numpy.errstate(invalid="ignore"):  # it tries to make whole numbers of NaN before it refuses them
            return pandas.read_csv(
                io.StringIO(text), names=list(labels), header=0, index_col=False, usecols=only, dtype=dict(dtypes),
                keep_default_na=False, na_values=na_values, skipinitialspace=True, skip_blank_lines=False,
                low_memory=False,
            )  # fmt: skip
    except pandas.errors.ParserError as error:
        if "EOF inside string" in str(error):
            row = piece.first + piece.rows - 1
            raise Damaged(f"{what} is no CSV: the quotes of row {row} are never closed", "close them") from None
        raise Damaged(f"{what} is no CSV: {str(error).strip()}") from None


def look(pandas: Frame, piece: Piece, labels: Sequence[str], frame: Frame) -> dict[str, Holds]:
    """What the columns of `frame`, which pandas found in `piece`, hold."""
    return {label: _look(pandas, piece, labels, frame[label]) for label in frame.columns}


def _look(pandas: Frame, piece: Piece, labels: Sequence[str], values: Frame) -> Holds:
    kind = values.dtype.kind
    if kind == "i":
        return Holds.WHOLE | Holds.NEGATIVE if bool((values < 0).any()) else Holds.WHOLE
    if kind == "u":
        return Holds.WHOLE | Holds.BEYOND
    if kind == "b":
        return Holds.TRUTH
    if kind == "f":
        return Holds.MISSING if bool(values.isna().all()) else Holds.FRACTION
    missing = Holds.MISSING if bool(values.isna().any()) else Holds(0)
    there = values[values.notna()]
    if len(there) and all(isinstance(value, bool) for value in there):
        return Holds.TRUTH | missing
    # Numbers of different widths may have been too much for pandas, which then leaves them, and what is missing beside
    # them, as they are written.
    if any(isinstance(value, str) and value not in MISSING and not _IN_NUMBERS.issuperset(value) for value in there):
        return Holds.TEXT | missing
    try:
        read_frame(pandas, piece, labels, {values.name: "float64"}, only=[values.name])
    except GitregError:
        raise
    except (ValueError, OverflowError):
        return Holds.TEXT | missing
    return Holds.FRACTION


def read_typed(
    pandas: Frame, piece: Piece, labels: Sequence[str], dtypes: Mapping[str, str], texts: frozenset[str],
    only: Sequence[str] | None, what: str,
) -> Frame:  # fmt: skip
    """As `read_frame`, with "object" for booleans some of which are missing; numbers are never made of booleans."""
    truths = [label for label, dtype in dtypes.items() if dtype == "object" and label not in texts]
    plain = {label: "str" if label in truths else dtype for label, dtype in dtypes.items()}
    frame = read_frame(pandas, piece, labels, plain, texts, only, what)
    for label in truths:
        frame[label] = frame[label].map(TRUTHS).astype("object")
    if any(end in piece.text for end in _ENDS_OF_TRUTHS):
        _refuse_truths(pandas, piece, labels, frame)
    return frame


def _refuse_truths(pandas: Frame, piece: Piece, labels: Sequence[str], frame: Frame) -> None:
    """Raise ValueError where pandas took true and false for 1 and 0."""
    suspects = [
        label
        for label in frame.columns
        if frame[label].dtype.kind in "iuf" and bool((frame[label].isna() | frame[label].isin((0, 1))).all())
    ]
    if suspects:
        found = read_frame(pandas, piece, labels, {}, only=suspects)
        for label in suspects:
            if found[label].dtype.kind not in "iuf":
                raise ValueError(f"{label} holds booleans")
