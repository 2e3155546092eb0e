"""What kind of data an object is, told without importing what its owner has not imported."""

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import Any

# Arrays and frames are objects of modules that are known only at run time: for the checker they are Any,
# and the functions below say what they are.
Data = Any


def imported(name: str) -> ModuleType | None:
    """The module `name` if something has imported it, else None."""
    return sys.modules.get(name)


def is_array(data: object) -> bool:
    """Whether `data` is a numpy array."""
    numpy = imported("numpy")
    return numpy is not None and isinstance(data, numpy.ndarray)


def is_numpy_scalar(data: object) -> bool:
    """Whether `data` is one number, text or time of numpy."""
    numpy = imported("numpy")
    return numpy is not None and isinstance(data, numpy.generic)


def is_sparse(data: object) -> bool:
    """Whether `data` is a csr or csc matrix of scipy."""
    sparse = imported("scipy.sparse")
    return sparse is not None and isinstance(data, sparse.csr_matrix | sparse.csc_matrix)


def is_frame(data: object) -> bool:
    """Whether `data` is a pandas DataFrame."""
    pandas = imported("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def is_series(data: object) -> bool:
    """Whether `data` is a pandas Series."""
    pandas = imported("pandas")
    return pandas is not None and isinstance(data, pandas.Series)


def is_polars_frame(data: object) -> bool:
    """Whether `data` is a polars DataFrame."""
    polars = imported("polars")
    return polars is not None and isinstance(data, polars.DataFrame)


def is_polars_series(data: object) -> bool:
    """Whether `data` is a polars Series."""
    polars = imported("polars")
    return polars is not None and isinstance(data, polars.Series)


def is_scalar(data: object) -> bool:
    """Whether `data` is one value as numpy.isscalar has it: a number, text, bytes."""
    return isinstance(data, int | float | complex | str | bytes | memoryview) or is_numpy_scalar(data)


def is_missing(value: object) -> bool:
    """Whether `value` is None, NaN, pandas.NA or pandas.NaT."""
    if isinstance(value, float):
        return math.isnan(value)
    if value is None:
        return True
    pandas = imported("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)
