"""Logs small models to MLflow, as often as it is asked to: log_mlflow.py sqlite|file. Runs in MLflow's environment."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from pathlib import Path

from measure import serve

# Since 3.7 MLflow refuses a file store that is not asked for by name.
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"

import mlflow
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

warnings.simplefilter("ignore")
logging.getLogger("mlflow").setLevel(logging.ERROR)
logging.getLogger("alembic").setLevel(logging.ERROR)
folder = Path("mlflow-" + sys.argv[1]).absolute()
folder.mkdir()
os.chdir(folder)
mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db" if sys.argv[1] == "sqlite" else f"file://{folder}/mlruns")

X, y = load_iris(return_X_y=True, as_frame=True)
model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, y)
REQUIREMENTS = ["cloudpickle==3.1.2", "scikit-learn==1.9.1"]


def log(question: dict[str, object]) -> dict[str, object]:
    """One run with one model."""
    options = {"pip_requirements": REQUIREMENTS} if question["given"] else {}
    example = {"input_example": X[:3]} if question["example"] else {}
    begun = time.perf_counter()
    with mlflow.start_run():
        mlflow.log_params({"max_depth": 4, "criterion": "gini"})
        mlflow.log_metrics({"accuracy": 0.93, "loss": 0.2})
        mlflow.sklearn.log_model(
            model, name="model", registered_model_name="iris", serialization_format="cloudpickle", **options, **example
        )
    return {"seconds": time.perf_counter() - begun}


serve(log)
