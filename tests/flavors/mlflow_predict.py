"""Loads models with MLflow alone and stores what they predict; run with an interpreter that has no gitreg.

`python mlflow_predict.py JOBS`: JOBS is a pickle of [(folder, data, params, native, outcome), ...]; of each model the
predictions through pyfunc, and through mlflow.sklearn where `native` is the name of a method, go to `outcome`.
"""

from __future__ import annotations

import importlib.util
import logging
import pickle
import sys
import warnings
from pathlib import Path

assert importlib.util.find_spec("gitreg") is None

import mlflow.pyfunc  # noqa: E402
import mlflow.sklearn  # noqa: E402

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

for folder, data, params, native, outcome in pickle.loads(Path(sys.argv[1]).read_bytes()):
    found = {"pyfunc": mlflow.pyfunc.load_model(folder).predict(data, params)}
    if native:
        found["sklearn"] = getattr(mlflow.sklearn.load_model(folder), native)(data)
    Path(outcome).write_bytes(pickle.dumps(found))
