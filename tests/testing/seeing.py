"""Models that tell what they are given, and predictions by them from bytes to bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitreg.flavors.pyfunc import PyFunc
from gitreg.format.mlmodel import MLModel
from gitreg.format.schema import Signature
from gitreg.registry.use.batches import predict_batches
from gitreg.registry.use.data.predictions import Kind
from gitreg.registry.use.data.sources import Source


def model_of(call: Callable[[Any], object], signature: Signature | None = None) -> PyFunc:
    """A model that predicts as `call` does."""
    return PyFunc(None, MLModel({}, signature=signature), Path("model"), lambda data, params: call(data), name="seer")


def tell(data: Any) -> list[str]:
    """What a model sees: for each row its number, and of each value the column, its dtype, the type and the value."""
    columns = [(name, str(data[name].dtype), data[name].tolist()) for name in data.columns]
    return [
        repr([number, *((name, dtype, type(values[row]).__name__, values[row]) for name, dtype, values in columns)])
        for row, number in enumerate(data.index)
    ]


def predicted(model: PyFunc, path: Path, chunk_rows: int | None = 0, form: Kind = "csv") -> bytes:
    """What is written for the data in a file."""
    out = io.BytesIO()
    with Source(path) as source:
        predict_batches(model, source, out, form, chunk_rows=chunk_rows)
    return out.getvalue()
