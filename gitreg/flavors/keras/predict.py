"""How Keras models are asked: as MLflow's pyfunc of the two flavors does, without the progress bar."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from gitreg.errors import Refused, warn
from gitreg.flavors._base import Predict, framework
from gitreg.flavors._frames import Data, is_array, is_frame


def asks_keras(model: object) -> Callable[[object], object]:
    """The model's `predict`, which prints nothing."""
    call = cast(Any, model).predict
    quiet = {"verbose": 0} if "verbose" in inspect.signature(call).parameters else {}
    return lambda data: call(data, **quiet)


def predicts(call: Callable[[object], object], finish: Callable[[object], object]) -> Predict:
    """Frames are given to `call` as arrays and come back as frames; other predictions are what `finish` makes of them.

    There are no params.
    """

    def predict(data: object, params: Mapping[str, object] | None = None) -> object:
        ignore_params(params)
        if is_frame(data):
            frame = cast(Data, data)
            return framework("pandas", "pandas").DataFrame(finish(call(frame.to_numpy())), index=frame.index)
        if not (is_array(data) or isinstance(data, list | tuple | dict)):
            raise Refused(f"a {type(data).__qualname__} is nothing a Keras model takes", "pass a numpy array")
        return finish(call(data))

    return predict


def ignore_params(params: Mapping[str, object] | None) -> None:
    """Warn that the params a caller gave are for nothing."""
    if params:
        warn(f"params that the model's predict does not take are ignored: {', '.join(params)}")


def as_arrays(predictions: object) -> object:
    """Tensors as numpy arrays; several outputs of one shape as one array, as MLflow has them, others each by itself."""
    numpy = framework("numpy", "numpy")
    if isinstance(predictions, Mapping):
        return {name: as_arrays(value) for name, value in predictions.items()}
    if isinstance(predictions, list | tuple):
        each = [as_arrays(value) for value in predictions]
        shapes = {getattr(value, "shape", None) for value in each}
        return numpy.array(each) if len(shapes) == 1 and None not in shapes else each
    if isinstance(predictions, numpy.ndarray):
        return predictions
    return framework("keras", "keras").ops.convert_to_numpy(predictions)
