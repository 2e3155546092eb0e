"""Loads models with MLflow alone and stores what they predict; run with an interpreter that has no gitreg.

`python mlflow_predict.py JOBS`: JOBS is a pickle of [(folder, data, params, native, outcome), ...]. Of each model the
predictions through pyfunc go to `outcome`, and natively where `native` is `flavor:how` (asking.py) or the name of a
method of an estimator of scikit-learn.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import pickle
import sys
import warnings
from pathlib import Path

assert importlib.util.find_spec("gitreg") is None

import mlflow.pyfunc  # noqa: E402
from asking import ask  # noqa: E402

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

for folder, data, params, native, outcome in pickle.loads(Path(sys.argv[1]).read_bytes()):
    found = {"pyfunc": mlflow.pyfunc.load_model(folder).predict(data, params)}
    if native:
        flavor, how = native.split(":") if ":" in native else ("sklearn", native)
        found[flavor] = ask(importlib.import_module(f"mlflow.{flavor}").load_model(folder), how, data, params)
    Path(outcome).write_bytes(pickle.dumps(found))
