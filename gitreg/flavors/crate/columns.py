"""Columns on their way to R and back: typed, and doubles by their bits.

A column is a kind and a count (int32, little-endian as all here), then its values: int32 for logical, integer and the
codes of a factor (R's NA is the least of them), float64 for double, Date (days) and POSIXct (seconds, UTC), for
character a missing-flag each (int32), the size of all (float64) and the texts, each ended by a NUL. gitreg/r/predict.R
is the other end.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from gitreg.errors import Refused, shown
from gitreg.flavors._base import framework

# Frames and arrays are of modules that are known only at run time.
Data = Any

LOGICAL, INTEGER, DOUBLE, CHARACTER, FACTOR, DATE, POSIXCT, ORDERED = range(1, 9)

_NA_INTEGER = -(1 << 31)
_NA_DOUBLE = 0x7FF00000000007A2  # the NaN that R tells from others: its lower word is 1954
_EXACT = 1 << 53


def write_text(text: str) -> bytes:
    """A text by itself: its size and its bytes. Refused where R has no such text."""
    raw = _encode(text)
    if b"\0" in raw:
        raise Refused(f"{shown(text)} holds a NUL, which no text of R's can", "take it out")
    return struct.pack("<i", len(raw)) + raw


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("a text holds half of a surrogate pair", "decode it with the right encoding") from None


def write_column(values: Data, name: object, *, keep_nan: bool = False) -> bytes:
    """A pandas Series as a column of R's; Refused, naming it, where R has no like for its values.

    What is missing becomes NA; with `keep_nan` a NaN of a plain array stays one. Whole numbers of more than 32 bits
    are doubles, as R has no others.
    """
    pandas = framework("pandas", "pandas")
    dtype = values.dtype
    missing = values.isna().to_numpy()
    if isinstance(dtype, pandas.CategoricalDtype):
        kind = ORDERED if dtype.ordered else FACTOR
        levels = pandas.Series([str(level) for level in dtype.categories], dtype=object)
        return _head(kind, len(values)) + write_column(levels, name) + _integers(values.cat.codes + 1, missing)
    plain = dtype.kind != "O"
    if plain and pandas.api.types.is_bool_dtype(dtype):
        return _head(LOGICAL, len(values)) + _integers(values, missing)
    if pandas.api.types.is_integer_dtype(dtype):
        small = dtype.itemsize < 4 or (dtype.itemsize == 4 and dtype.kind == "i")
        return _whole(values, missing, name, small=small)
    if pandas.api.types.is_float_dtype(dtype):
        return _head(DOUBLE, len(values)) + _doubles(values, missing if not keep_nan else None)
    if pandas.api.types.is_datetime64_any_dtype(dtype):
        return _moments(values, missing)
    if not plain or pandas.api.types.is_string_dtype(dtype):
        return _objects(values, missing, name)
    raise _no_like(name, dtype)


def _head(kind: int, count: int) -> bytes:
    return struct.pack("<ii", kind, count)


def _integers(values: Data, missing: Data) -> bytes:
    numpy = framework("numpy", "numpy")
    found = numpy.full(len(missing), _NA_INTEGER, dtype="<i4")
    found[~missing] = numpy.asarray(values[~missing], dtype="<i4")
    return bytes(found.tobytes())


def _doubles(values: Data, missing: Data | None) -> bytes:
    numpy = framework("numpy", "numpy")
    if missing is None:
        return bytes(numpy.asarray(values, dtype="<f8").tobytes())
    found = numpy.full(len(missing), _NA_DOUBLE, dtype="<u8").view("<f8")
    found[~missing] = numpy.asarray(values[~missing], dtype="<f8")
    return bytes(found.tobytes())


def _whole(values: Data, missing: Data, name: object, *, small: bool) -> bytes:
    if small:
        return _head(INTEGER, len(values)) + _integers(values, missing)
    there = values[~missing]
    wrong = there[(there > _EXACT) | (there < -_EXACT)]
    if len(wrong):
        raise Refused(f"{name}: {wrong.iloc[0]} is more than R's numbers hold exactly", "pass it as text")
    return _head(DOUBLE, len(values)) + _doubles(values, missing)


def _moments(values: Data, missing: Data) -> bytes:
    if values.dt.tz is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    seconds = values.astype("datetime64[us]").astype("int64") / 1e6
    return _head(POSIXCT, len(values)) + _doubles(seconds, missing)


def _objects(values: Data, missing: Data, name: object) -> bytes:
    pandas = framework("pandas", "pandas")
    values = pandas.Series(values.to_numpy(dtype=object), dtype=object)  # arrow's texts are slow one by one
    there = [value for value, gone in zip(values, missing, strict=True) if not gone]
    if all(isinstance(value, str) for value in there) and there:
        return _head(CHARACTER, len(values)) + _texts(values, missing, name)
    if all(type(value).__name__ in ("bool", "bool_") for value in there):  # nothing at all is logical, as R has it
        return _head(LOGICAL, len(values)) + _integers(values, missing)
    if all(type(value) is datetime.date for value in there):
        first = datetime.date(1970, 1, 1)
        days = values.map(lambda day: (day - first).days, na_action="ignore")
        return _head(DATE, len(values)) + _doubles(days, missing)
    found = pandas.Series(there).infer_objects()
    if found.dtype.kind in "iufM":
        return write_column(found.reindex(_places(missing)), name)
    raise _no_like(name, sorted({type(value).__qualname__ for value in there}))


def _places(missing: Data) -> list[int]:
    """For each row the place of its value among those that are there, -1 where it is missing."""
    place, places = 0, []
    for gone in missing:
        places.append(-1 if gone else place)
        place += not gone
    return places


def _texts(values: Iterable[object], missing: Data, name: object) -> bytes:
    texts = ["" if gone else str(value) for value, gone in zip(values, missing, strict=True)]
    raw = _encode("".join(text + "\0" for text in texts))
    if raw.count(b"\0") > len(texts):
        raise Refused(f"{name}: a text holds a NUL, which no text of R's can", "take it out")
    return bytes(missing.astype("<i4").tobytes()) + struct.pack("<d", len(raw)) + raw


def _no_like(name: object, found: object) -> Refused:
    kinds = ", ".join(found) if isinstance(found, list) else found
    return Refused(
        f"{name}: R has no column of {kinds}", "numbers, texts, true and false, categories, dates and times are those"
    )


class Ended(Exception):
    """The other end is gone: there is no more to read."""


def read(source: BinaryIO, count: int) -> bytes:
    """Exactly so many bytes; Ended where there are fewer."""
    found = source.read(count)
    if len(found) < count:
        raise Ended
    return found


def read_integers(source: BinaryIO, count: int) -> tuple[int, ...]:
    """So many int32."""
    return struct.unpack(f"<{count}i", read(source, 4 * count))


def read_text(source: BinaryIO) -> str:
    """What `write_text` would write."""
    (size,) = read_integers(source, 1)
    return read(source, size).decode("utf-8", "replace")


def read_column(source: BinaryIO) -> Data:
    """A column of R's as a pandas Series.

    NA among integers, logicals and texts is None, so that the others stay what they are; among doubles it is a NaN
    with R's own bits. Factors are categories, Date and POSIXct datetime64, without a zone and in UTC.
    """
    numpy, pandas = framework("numpy", "numpy"), framework("pandas", "pandas")
    kind, count = read_integers(source, 2)
    if kind in (FACTOR, ORDERED):
        levels = list(read_column(source))
        codes = numpy.frombuffer(read(source, 4 * count), dtype="<i4")
        codes = numpy.where(codes == _NA_INTEGER, 0, codes) - 1
        return pandas.Series(pandas.Categorical.from_codes(codes, _labels(levels), ordered=kind == ORDERED))
    if kind == CHARACTER:
        return pandas.Series(_read_texts(source, count), dtype=object)
    if kind in (LOGICAL, INTEGER):
        found = numpy.frombuffer(read(source, 4 * count), dtype="<i4")
        missing = found == _NA_INTEGER
        found = found.astype(bool) if kind == LOGICAL else found.astype("int32")
        if missing.any():
            found = found.astype(object)
            found[missing] = None
        return pandas.Series(found)
    numbers = numpy.frombuffer(read(source, 8 * count), dtype="<f8").astype("float64")
    if kind == DOUBLE:
        return pandas.Series(numbers)
    unit, each = ("s", 86400) if kind == DATE else ("us", 1_000_000)
    moments = numpy.full(count, "NaT", dtype=f"datetime64[{unit}]")
    there = numpy.isfinite(numbers)
    whole = numpy.floor(numbers[there]) * each if kind == DATE else numpy.round(numbers[there] * each)
    moments[there] = whole.astype("int64").astype(f"datetime64[{unit}]")
    return pandas.Series(moments)


def _labels(levels: Sequence[object]) -> Data:
    return framework("pandas", "pandas").Index(levels, dtype=object)


def _read_texts(source: BinaryIO, count: int) -> list[str | None]:
    flags = read_integers(source, count)
    (size,) = struct.unpack("<d", read(source, 8))
    texts = read(source, int(size)).decode("utf-8", "replace").split("\0")
    return [None if gone else text for gone, text in zip(flags, texts, strict=False)]
