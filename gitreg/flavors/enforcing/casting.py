"""One column of pandas, cast to the type that a signature declares where nothing is lost by it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from numbers import Integral, Real

from gitreg.errors import Unsupported
from gitreg.flavors._base import Missing, framework
from gitreg.flavors._frames import Data, is_missing

_NUMPY: Mapping[str, str] = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "str",
    "binary": "bytes",
    "datetime": "datetime64[ns]",
}


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


_FITS: Mapping[str, Callable[[object], bool]] = {
    "boolean": lambda value: type(value).__name__ in ("bool", "bool_"),
    "integer": _is_whole,
    "long": _is_whole,
    "float": _is_real,
    "double": _is_real,
    "string": lambda value: isinstance(value, str),
    "binary": lambda value: isinstance(value, bytes | bytearray),
    "datetime": lambda value: isinstance(value, date),
}


def pandas() -> Data:
    """pandas, which tables are given to models in. Raises `Unsupported` where it is not installed."""
    try:
        return framework("pandas", "pandas")
    except Missing as error:
        raise Unsupported("a model with a table for input needs pandas, which is not installed", error.hint) from error


def numpy_name(kind: str) -> str:
    """numpy's name of the type `kind`."""
    return _NUMPY[kind]


def cast_series(values: Data, kind: str) -> Data | None:
    """`values` as a column of type `kind`, or None where that would change them.

    Besides what MLflow accepts, categories of text are text, and ISO 8601 texts are times.
    """
    pd = pandas()
    if str(values.dtype) == "object" and kind not in ("binary", "string"):
        values = values.infer_objects()
    dtype = values.dtype
    is_object = str(dtype) == "object"
    is_text = isinstance(dtype, pd.StringDtype)
    if kind in ("string", "binary") and (is_object or is_text):
        return values
    if kind == "string" and isinstance(dtype, pd.CategoricalDtype):
        return values if all(isinstance(name, str) for name in dtype.categories) else None
    if kind == "binary" and dtype.kind == "S":
        return values
    if kind == "boolean" and is_object:
        return values
    with contextlib.suppress(ValueError, TypeError):
        if kind == "datetime" and (is_object or dtype.kind == "M"):
            return values.astype("datetime64[ns]")
        if kind == "datetime" and is_text:
            return pd.to_datetime(values, format="ISO8601").astype("datetime64[ns]")
        if kind == "double" and is_object:
            return pd.to_numeric(values, errors="raise")
        return _widened(values, _NUMPY[kind])
    return None


def _widened(values: Data, target: str) -> Data | None:
    dtype = values.dtype
    wanted = framework("numpy", "numpy").dtype(target)
    if dtype.kind == wanted.kind:
        fits = dtype.itemsize <= wanted.itemsize
    elif dtype.kind == "u" and wanted.kind == "i":
        fits = dtype.itemsize < wanted.itemsize
    elif dtype.kind in "iu" and dtype.itemsize <= 4 and target == "float64":
        fits = True
    elif dtype == "int64" and target in ("float32", "float64"):
        # A column of zeros and ones is taken for fractions: a table read from a file often has such.
        fits = bool(values.isin((0, 1)).all())
    else:
        fits = False
    return values.astype(wanted) if fits else None


def first_wrong(values: Iterable[object], kind: str) -> tuple[int, object] | None:
    """Position and value of the first of `values` that is no `kind`, else of the first at all; None for no values."""
    fits = _FITS[kind]
    first: tuple[int, object] | None = None
    for position, value in enumerate(values):
        if first is None:
            first = (position, value)
        if is_missing(value):
            if kind in ("integer", "long"):
                return position, value
        elif not fits(value):
            whole = kind in ("integer", "long") and isinstance(value, float) and value.is_integer()
            if not whole:
                return position, value
    return first
