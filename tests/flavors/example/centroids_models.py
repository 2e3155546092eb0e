"""Models of the example's framework."""

from __future__ import annotations

from typing import Any

import centroids  # type: ignore[import-not-found]  # installed with the example, into an environment of its own
import numpy as np
import pandas as pd

from frameworks.kinds._kind import Kind


def points() -> Any:
    """100 points around three corners, some coordinates missing."""
    chance = np.random.default_rng(1)
    corners = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    return corners[np.arange(100) % 3] + chance.normal(size=(100, 2))


def of_array() -> tuple[Any, Any]:
    data = points()
    return centroids.fit(data.tolist(), ["abc"[row % 3] for row in range(100)]), data


def of_frame() -> tuple[Any, Any]:
    model, data = of_array()
    data[::9, 1] = np.nan
    return model, pd.DataFrame(data, columns=["x", "y"])


def ask(model: Any, data: Any) -> Any:
    return model.label(np.asarray(data).tolist())


MODELS = {
    "array": Kind("centroids", of_array, ask, ask_pyfunc=list),
    "frame": Kind("centroids", of_frame, ask, ask_pyfunc=list),
}
