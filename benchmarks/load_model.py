"""Loads a model again and again: load_model.py gitreg|mlflow REGISTRY-OR-FOLDER (mlflow in its own environment)."""

from __future__ import annotations

import gc
import os
import sys
import time

import sklearn.neighbors  # noqa: F401  # both need it: neither pays for it
from measure import serve

if sys.argv[1] == "gitreg":
    import gitreg

    gitreg.use(sys.argv[2])
    load, name = gitreg.load_model, "big@v1.0.0"
else:
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    import mlflow.sklearn

    load, name = mlflow.sklearn.load_model, sys.argv[2]


def answer(question: dict[str, object]) -> dict[str, object]:
    """Load the model once, and let it go."""
    begun = time.perf_counter()
    model = load(name)
    seconds = time.perf_counter() - begun
    assert hasattr(model, "predict")
    del model
    gc.collect()
    return {"seconds": seconds}


serve(answer)
