"""A flavor of gitreg for models of centroids: what it takes to bring a framework of one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitreg.errors import Damaged
from gitreg.flavors import (
    ModelDirectory,
    Options,
    Predict,
    Saved,
    framework,
    has_base,
    inside,
    loaded_version,
    take_options,
)

NAME = "centroids"
DISTRIBUTIONS = ("gitreg-centroids",)

_FILE = "centroids.json"


def detect(model: object) -> bool:
    """By the class's name: asking whether a model is ours must not import the framework."""
    return has_base(model, "centroids", "Centroids")


def save(model: Any, directory: ModelDirectory, **options: object) -> Saved:
    """Write the payload as one stream, and say what MLmodel shall tell of it."""
    take_options(options, (), NAME)
    content = json.dumps(model.centers, sort_keys=True).encode()
    with directory.create(_FILE) as file:
        file.write(content)
    own = {"data": _FILE, "centroids_version": loaded_version("centroids")}
    pyfunc = {"loader_module": __name__, "data": _FILE}
    return Saved({NAME: own, "python_function": pyfunc}, distributions=DISTRIBUTIONS, size=len(content))


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    """The object again. Its bytes are those that were registered; that they are a model is for the flavor to see."""
    centroids = framework("centroids", "gitreg-centroids")
    file = inside(path, options.get("data"), "data")
    try:
        return centroids.Centroids(json.loads(file.read_bytes()))
    except (ValueError, TypeError, AttributeError) as error:
        raise Damaged(f"{file.name} is no model of centroids: {error}") from error


def predictor(native: Any, options: Options) -> Predict:
    """What `predict` of the model does, in gitreg, in `gitreg serve` and in `gitreg predict`."""

    def predict(data: Any, params: Mapping[str, object] | None) -> object:
        points = data.to_numpy() if hasattr(data, "to_numpy") else data
        return native.label(points.tolist() if hasattr(points, "tolist") else points)

    return predict


class _ForMLflow:
    def __init__(self, native: object) -> None:
        self._predict = predictor(native, {})

    def predict(self, data: object, params: Mapping[str, object] | None = None) -> object:
        return self._predict(data, params)


def _load_pyfunc(path: str) -> _ForMLflow:
    """MLflow's door: it imports the `loader_module` and calls this with the path of `data`."""
    file = Path(path)
    return _ForMLflow(load(file.parent, {"data": file.name}, ()))
