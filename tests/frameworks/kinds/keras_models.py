"""Keras 3 models, as the keras flavor saves them; MLflow's module is mlflow.keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from frameworks.kinds._kind import Kind


def rows(dtype: str = "float32", width: int = 4) -> Any:
    """100 rows; fractions have missing values among them. The models put zeros there: NaN is not equal to itself."""
    chance = np.random.default_rng(7)
    data = chance.normal(0, 3, (100, width)).astype(dtype)
    if data.dtype.kind == "f":
        data[::9, 1] = np.nan
    return data


def sequential() -> tuple[Any, Any]:
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, activation="relu", name="wide"), keras.layers.Dense(1, name="out")]
    model = keras.Sequential([keras.Input((4,), name="x"), *layers], name="churn")
    model.compile("adam", "mse")
    data = np.nan_to_num(rows())
    model.fit(data, data.sum(axis=1), epochs=1, verbose=0)
    return model, data


TYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")


def every_type() -> tuple[Any, Any]:
    """A model with an input of each dtype that Keras takes as it is."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = {f"of_{dtype}": keras.Input((2,), dtype=dtype, name=f"of_{dtype}") for dtype in TYPES}
    numbers = [keras.ops.nan_to_num(keras.ops.cast(x, "float32")) for x in inputs.values()]
    y = keras.layers.Dense(2, name="out")(keras.layers.Concatenate(name="all")(numbers))
    return keras.Model(inputs, y, name="every"), {name: rows(x.dtype, 2) for name, x in inputs.items()}


def integers() -> tuple[Any, Any]:
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((3,), dtype="int32", name="words")
    y = keras.layers.Flatten(name="flat")(keras.layers.Embedding(10, 2, name="meaning")(x))
    model = keras.Model(x, keras.layers.Dense(1, activation="sigmoid", name="out")(y), name="words")
    return model, np.random.default_rng(7).integers(0, 10, (100, 3)).astype("int32")


def several_outputs() -> tuple[Any, Any]:
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((4,), name="x")
    ends = [keras.layers.Dense(2, name="left")(x), keras.layers.Dense(2, name="right")(x)]
    return keras.Model(x, ends, name="several"), np.nan_to_num(rows())


def lookup() -> tuple[Any, Any]:
    """A model with an asset: the numbers it knows lie in a file of the archive."""
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((1,), dtype="int64", name="plan")
    known = keras.layers.IntegerLookup(vocabulary=[10, 20, 30], output_mode="one_hot", name="plans")(x)
    model = keras.Model(x, keras.layers.Dense(1, name="out")(known), name="lookup")
    return model, np.random.default_rng(7).choice([10, 20, 30, 40], (100, 1))


def ask(native: Any, data: Any) -> Any:
    """The native model's own predictions; of a model that was exported by the method it has instead of predict."""
    import keras

    found = native.predict(data, verbose=0) if hasattr(native, "predict") else native.serve(data)
    return listed(keras.tree.map_structure(keras.ops.convert_to_numpy, found))


def listed(found: Any) -> Any:
    """Arrays as lists, in whatever they come."""
    if isinstance(found, dict):
        return {name: listed(part) for name, part in found.items()}
    return [listed(part) for part in found] if isinstance(found, list | tuple) else found.tolist()


MODELS: dict[str, Kind] = {
    "sequential": Kind("keras", sequential, ask),
    "exported": Kind("keras", sequential, ask, {"save_exported_model": True}),
    "integers": Kind("keras", integers, ask),
    "several outputs": Kind("keras", several_outputs, ask),
    "assets": Kind("keras", lookup, ask),
    "no signature": Kind("keras", sequential, ask, signed=False),
    "every dtype": Kind("keras", every_type, ask),
}
