"""Modules of TensorFlow, and Keras models as MLflow's tensorflow flavor has them; MLflow has mlflow.tensorflow."""

from __future__ import annotations

from typing import Any

from frameworks.kinds import keras_models
from frameworks.kinds._kind import Kind
from frameworks.kinds.keras_models import rows


def module(dtype: str = "float32") -> Any:
    """A tf.Module with a variable that takes `dtype`."""

    def make() -> tuple[Any, Any]:
        import tensorflow as tf

        class Line(tf.Module):
            def __init__(self) -> None:
                self.weights = tf.Variable(tf.ones((4, 2)) * [[1.0], [2.0], [3.0], [4.0]], name="weights")

            @tf.function(input_signature=[tf.TensorSpec((None, 4), dtype)])
            def __call__(self, x: Any) -> Any:
                x = tf.cast(x, tf.float32)
                return tf.linalg.matmul(tf.where(tf.math.is_nan(x), 0.0, x), self.weights)

        return Line(), rows(dtype)

    return make


def named_outputs() -> tuple[Any, Any]:
    import tensorflow as tf

    class Parts(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])
        def __call__(self, x: Any) -> Any:
            return {"sum": tf.reduce_sum(x, axis=1), "most": tf.reduce_max(x, axis=1)}

    return Parts(), keras_models.sequential()[1]


def ask(native: Any, data: Any) -> Any:
    """The native model's own predictions: Keras' predict, or the module called."""
    import tensorflow as tf

    if hasattr(native, "predict"):
        return keras_models.ask(native, data)
    found = native(tf.convert_to_tensor(data))
    return keras_models.listed(tf.nest.map_structure(lambda tensor: tensor.numpy(), found))


_TYPES = ("float16", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")

MODELS: dict[str, Kind] = {
    "module": Kind("tensorflow", module(), ask),
    "named outputs": Kind("tensorflow", named_outputs, ask, signed=False),
    "keras model": Kind("tensorflow", keras_models.sequential, ask),
    "keras model in hdf5": Kind(
        "tensorflow", keras_models.integers, ask, {"keras_model_kwargs": {"save_format": "h5"}}
    ),
    "keras model with named inputs": Kind("tensorflow", keras_models.every_type, ask),
    **{f"takes {dtype}": Kind("tensorflow", module(dtype), ask) for dtype in _TYPES},
}
