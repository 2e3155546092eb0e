"""Saves models of XGBoost, LightGBM and ONNX with MLflow; `python mlflow_save_frameworks.py FOLDER`.

What MLflow predicts with each through pyfunc goes to `wanted.pickle`: {name: (data, predictions)}.
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
from asking import plain, rows  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402

from frameworks import MODELS, NO_SIGNATURE  # noqa: E402

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

top = Path(sys.argv[1])
wanted = {}
for name, (flavor, make, options, _) in MODELS.items():
    model, data = make()
    signature = None if name in NO_SIGNATURE else infer_signature(rows(data, 3))
    module = importlib.import_module(f"mlflow.{flavor}")
    module.save_model(model, top / name, signature=signature, pip_requirements=[flavor], **options)
    wanted[name] = (data, plain(mlflow.pyfunc.load_model(top / name).predict(data)))
(top / "wanted.pickle").write_bytes(pickle.dumps(wanted))
