"""How modules and signatures of TensorFlow are asked: as MLflow's pyfunc of the tensorflow flavor does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from gitreg.errors import Refused
from gitreg.flavors._base import Predict, framework, has_base
from gitreg.flavors._frames import Data, is_array, is_frame
from gitreg.flavors.keras.predict import ignore_params


def is_signature(native: object) -> bool:
    """Whether `native` is a function of a SavedModel, which takes tensors by name."""
    return has_base(native, "tensorflow.python.eager.polymorphic_function.concrete_function", "ConcreteFunction")


def asks_module(native: object) -> Predict:
    """The module called with the data as one tensor; tensors come back as arrays."""

    def predict(data: object, params: Mapping[str, object] | None = None) -> object:
        ignore_params(params)
        if not (is_array(data) or isinstance(data, list)):
            what = f"a {type(data).__qualname__} is nothing a TensorFlow module takes"
            raise Refused(what, "pass a numpy array, or load the native model and call what it has")
        if not callable(native):
            hint = "a __call__ with @tf.function; or load the native model and call what it has"
            raise Refused("the module was saved without a function to call, so it has no predict", hint)
        return _plain(native(framework("tensorflow", "tensorflow").convert_to_tensor(data)))

    return predict


def asks_signature(native: object) -> Predict:
    """The function called with the columns of a frame, or the arrays of a dict, by name.

    Of a frame the predictions are a frame, of a dict a dict; outputs of one value to a row are flat.
    """
    call = cast(Callable[..., Mapping[str, Any]], native)
    declared = getattr(native, "structured_input_signature", None)
    types = {name: spec.dtype for name, spec in declared[1].items()} if declared else {}

    def predict(data: object, params: Mapping[str, object] | None = None) -> object:
        ignore_params(params)
        tf = framework("tensorflow", "tensorflow")
        if is_frame(data):
            given = _columns(cast(Data, data))
        elif isinstance(data, dict):
            given = data
        else:
            raise Refused(f"a {type(data).__qualname__} has no names", "pass a frame, or a dict of arrays")
        if types and set(given) != set(types):
            names = f"the data has {', '.join(map(str, given))}"
            raise Refused(f"{names}, the function takes {', '.join(types)}")
        tensors = {name: tf.constant(value, types.get(name)) for name, value in given.items()}
        found = {name: _flat(value.numpy()) for name, value in call(**tensors).items()}
        return framework("pandas", "pandas").DataFrame.from_dict(found) if is_frame(data) else found

    return predict


def _columns(frame: Data) -> dict[str, Any]:
    """The columns of a frame as arrays; columns of one name are one array."""
    numpy = framework("numpy", "numpy")
    columns = {name: frame[name] for name in frame}
    return {name: c.to_numpy() if is_frame(c) else numpy.array(c.to_list()) for name, c in columns.items()}


def _flat(array: Any) -> object:
    """An array of one value to a row as a vector, another one as lists."""
    one = array.ndim != 1 and all(len(row) == 1 for row in array)
    return array.ravel() if one else array.tolist()


def _plain(result: object) -> object:
    """Tensors as numpy arrays, in whatever they come."""
    if isinstance(result, Mapping):
        return {name: _plain(value) for name, value in result.items()}
    if isinstance(result, list | tuple):
        return [_plain(value) for value in result]
    return cast(Any, result).numpy() if hasattr(result, "numpy") else result
