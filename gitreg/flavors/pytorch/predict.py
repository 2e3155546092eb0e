"""Asking a PyTorch module: one tensor in, one tensor out, as MLflow's python_function has it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from gitreg.errors import Refused
from gitreg.flavors._base import Predict, framework
from gitreg.flavors._frames import imported, is_array, is_frame, is_polars_frame
from gitreg.flavors.pytorch.write import evaluating


def predictor_of(native: object, device: object) -> Predict:
    """How the module is asked: on `device`, or where it lies if that is None. It is in eval mode while it predicts."""
    torch: Any = framework("torch", "torch")
    module: Any = native
    if device is not None:
        module.to(device)
    # A loaded module is in eval mode and stays so; one that is being trained is so only while it is asked.
    asked = evaluating if any(part.training for part in module.modules()) else nullcontext

    def predict(data: object, params: Mapping[str, object] | None) -> object:
        given = dict(params or {})
        if "device" in given:
            raise Refused("device is no param: it is decided where the model is loaded", "model.unwrap().to(device)")
        values = _tensor(torch, data)
        lies = next(itertools.chain(module.parameters(), module.buffers()), values).device
        with torch.no_grad(), asked(module):
            output = module(values.to(lies), **given)
        if not isinstance(output, torch.Tensor):
            message = f"the model gives a {type(output).__qualname__}, and predict takes one tensor"
            raise Refused(message, "load the native model and call it")
        return _plain(torch, output, data)

    return predict


def _tensor(torch: Any, data: Any) -> Any:
    if is_frame(data):
        values = data.to_numpy(dtype="float32")
    elif is_polars_frame(data):
        values = data.to_numpy().astype("float32")
    elif is_array(data):
        values = data
    elif isinstance(data, torch.Tensor):
        return data
    else:
        raise Refused(f"PyTorch models take a frame or an array, not a {type(data).__qualname__}", "numpy.array(data)")
    if not values.flags.writeable or any(step < 0 for step in values.strides) or not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("=")).copy()
    try:
        return torch.from_numpy(values)
    except TypeError as error:
        raise Refused(f"PyTorch has no tensors of {values.dtype}", "convert the data to numbers") from error


def _plain(torch: Any, output: Any, data: Any) -> object:
    if output.dtype == torch.bfloat16:  # numpy has no such type, and float32 holds each of its values
        output = output.float()
    values = output.cpu().numpy()
    pandas = imported("pandas")
    if pandas is None or not is_frame(data):
        return values
    return pandas.DataFrame(values, index=data.index)
