"""Arrays for models whose signature declares tensors: dtype and shape must be exactly those declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from gitreg.errors import Refused
from gitreg.flavors._base import framework
from gitreg.flavors._frames import Data, is_array, is_frame, is_polars_frame, is_scalar, is_series, is_sparse
from gitreg.flavors._rows import WrongRow
from gitreg.format.schema import Tensor

_PLAIN = {"U": "str", "S": "bytes"}


def enforce_tensors(data: object, tensors: tuple[Tensor, ...]) -> object:
    """`data` as an array, or a dict of arrays by name. Raises `Refused`, naming the tensor."""
    if is_polars_frame(data):
        table = cast(Data, data)
        named = {name: table.get_column(name).to_numpy() for name in table.columns}
        data = table.to_numpy() if tensors[0].name is None else named
    if is_series(data):
        data = cast(Data, data).to_frame()
    if tensors[0].name is None:
        return _enforce_unnamed(data, tensors[0])
    if is_array(data) and len(tensors) == 1:
        data = {tensors[0].name: data}
    if not isinstance(data, dict) and not is_frame(data):
        raise Refused(f"a {type(data).__qualname__} has no named tensors", "pass a dict of arrays, or a frame")
    given = cast(Mapping[str, Data], data)
    if missing := [str(tensor.name) for tensor in tensors if tensor.name not in given]:
        raise Refused(f"the data lacks {', '.join(missing)}", f"it has: {', '.join(map(str, given))}")
    found = {}
    for tensor in tensors:
        value = given[str(tensor.name)]
        if is_frame(data):
            found[tensor.name] = _from_column(value, tensor)
        elif is_array(value):
            found[tensor.name] = _checked(value, tensor)
        else:
            raise Refused(f"{tensor.name} is a {type(value).__qualname__}, not an array")
    return found


def _enforce_unnamed(data: object, tensor: Tensor) -> Data:
    if is_array(data) or is_sparse(data):
        return _checked(cast(Data, data), tensor)
    if not is_frame(data):
        raise Refused(f"a {type(data).__qualname__} is no array", f"pass a numpy array of {tensor.dtype}")
    frame = cast(Data, data)
    if frame.empty:
        raise Refused("the data has no rows")
    width = len(frame.columns)
    if width == 1:
        return _from_column(frame[frame.columns[0]], tensor)
    if tensor.shape != (-1, width):
        raise Refused(f"the data has {width} columns, the model takes an array of shape {tensor.shape}")
    return _checked(frame.to_numpy(), tensor)


def _checked(array: Data, tensor: Tensor) -> Data:
    name = f"{tensor.name}: " if tensor.name else ""
    dtype = array.data.dtype if is_sparse(array) else array.dtype
    shape, wanted = tuple(array.shape), tensor.shape
    if wanted == (-1,) and tensor.dtype == "object":
        return array
    if dtype.kind == "O" and len(shape) == 1 and -1 in wanted[1:]:
        return array  # rows of different lengths
    if len(shape) != len(wanted) or any(w not in (-1, s) for s, w in zip(shape, wanted, strict=True)):
        raise Refused(f"{name}the array has the shape {shape}, the model takes {wanted}")
    plain = _PLAIN.get(dtype.char, dtype.name)
    if plain != tensor.dtype or not dtype.isnative:
        message = f"{name}the array holds {dtype}, the model takes {tensor.dtype}"
        raise Refused(message, f"data.astype('{tensor.dtype}')")
    return array


def _from_column(series: Data, tensor: Tensor) -> Data:
    """The tensor that one column of a frame holds: scalars, lists or arrays, one to a row."""
    numpy = framework("numpy", "numpy")
    name = str(series.name)
    if tensor.shape[:1] != (-1,) or -1 in tensor.shape[1:]:
        raise Refused(f"column {name} cannot be an array of shape {tensor.shape}", "pass a numpy array")
    if not len(series):
        raise Refused("the data has no rows")
    first = series.iloc[0]
    try:
        if is_scalar(first):
            if tensor.shape not in ((-1,), (-1, 1)):
                raise Refused(f"column {name} holds single values, the model takes an array of shape {tensor.shape}")
            return _checked(numpy.array(series, dtype=tensor.dtype).reshape(tensor.shape), tensor)
        rows = numpy.vstack(series.tolist())
        array = rows.reshape(tensor.shape)
        if isinstance(first, list):
            array = array.astype(tensor.dtype)
    except (ValueError, TypeError) as error:
        raise Refused(f"column {name} is no array of shape {tensor.shape} and {tensor.dtype}: {error}") from error
    if len(array) != len(series):
        row = next((i for i, value in enumerate(series) if numpy.size(value) != numpy.prod(tensor.shape[1:])), 0)
        size = numpy.size(series.iloc[row])
        raise WrongRow(f"column {name}, ", row, f": {size} values do not have the shape {tensor.shape[1:]}")
    return _checked(array, tensor)
