"""Logs and loads a model of one flavor, as often as it is asked to: flavor_side.py gitreg|mlflow FLAVOR.

Both environments read the tables of the tests: the same model on both sides. What it needs is imported, and its JVM
started, before the first question.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
import time
import warnings
from contextlib import AbstractContextManager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measure import serve

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
side, flavor = sys.argv[1:]

# Flavor -> the tests' table and the name in it, and what the model is said to require.
TABLES = {
    "xgboost": ("flavors.frameworks", "xgb classifier", ("scikit-learn", "xgboost-cpu")),
    "lightgbm": ("flavors.frameworks", "lgb booster", ("lightgbm",)),
    "onnx": ("flavors.frameworks", "onnx", ("onnx", "onnxruntime")),
    "pytorch": ("frameworks.kinds.pytorch_models", "module", ("cloudpickle", "torch")),
    "keras": ("frameworks.kinds.keras_models", "sequential", ("keras", "tensorflow-cpu")),
    "tensorflow": ("frameworks.kinds.tensorflow_models", "module", ("keras", "tensorflow-cpu")),
    "h2o": ("frameworks.kinds.h2o_models", "glm", ("h2o",)),
    "spark": ("frameworks.kinds.spark_models", "forest without a pipeline", ("pyspark",)),
}


def make() -> tuple[Any, Any, dict[str, Any], tuple[str, ...]]:
    """The model, 100 rows for it, the options that both sides take, what it requires."""
    if flavor == "sklearn":
        from sklearn.datasets import load_iris
        from sklearn.tree import DecisionTreeClassifier

        x, y = load_iris(return_X_y=True, as_frame=True)
        tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(x, y)
        return tree, x[:100], {"serialization_format": "cloudpickle"}, ("cloudpickle", "scikit-learn")
    table, name, needs = TABLES[flavor]
    found = importlib.import_module(table).MODELS[name]
    makes, options = found[1:3] if isinstance(found, tuple) else (found.make, found.options)
    return (*makes(), dict(options), needs)


class Gitreg:
    """A registry without an origin, in the folder `registry`."""

    def __init__(self) -> None:
        import gitreg

        self.gitreg = gitreg
        gitreg.use("registry")

    def signature(self, data: Any) -> object:
        return self.gitreg.infer_signature(data)

    def run(self) -> AbstractContextManager[object]:
        return self.gitreg.start_run()

    def log(self, **options: object) -> None:
        self.gitreg.log_model(model, flavor=flavor, register_as=flavor, **options)

    def load(self) -> object:
        return self.gitreg.load_model(f"{flavor}@v1.0.0")

    def load_pyfunc(self) -> Any:
        return self.gitreg.load_pyfunc(f"{flavor}@v1.0.0")


class MLflow:
    """Its default store: SQLite, and artifacts in a folder."""

    def __init__(self) -> None:
        os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"  # of the session in which it finds requirements
        import mlflow.pyfunc

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        mlflow.set_tracking_uri(f"sqlite:///{Path.cwd()}/mlflow.db")
        self.mlflow = mlflow
        self.module = importlib.import_module(f"mlflow.{flavor}")

    def signature(self, data: Any) -> object:
        return self.mlflow.models.infer_signature(data)

    def run(self) -> AbstractContextManager[object]:
        return self.mlflow.start_run()

    def log(self, **options: object) -> None:
        name = {"artifact_path": "model"} if flavor == "spark" else {"name": "model"}
        self.module.log_model(model, registered_model_name=flavor, **name, **options)

    def load(self) -> object:
        return self.module.load_model(f"models:/{flavor}/1")

    def load_pyfunc(self) -> Any:
        return self.mlflow.pyfunc.load_model(f"models:/{flavor}/1")


def answer(question: dict[str, Any]) -> dict[str, object]:
    """Do what the question's `do` says: log, load, load_pyfunc; or predict, which is not timed."""
    if question["do"] == "predict":
        return {"predictions": flat(tool.load_pyfunc().predict(data))}
    begun = time.perf_counter()
    if question["do"] == "log":
        log(question["given"])
        return {"seconds": time.perf_counter() - begun}
    loaded = tool.load() if question["do"] == "load" else tool.load_pyfunc()
    seconds = time.perf_counter() - begun
    assert loaded is not None
    del loaded
    gc.collect()
    return {"seconds": seconds}


def log(given: bool) -> None:
    """One run with the model, registered."""
    requirements = {"pip_requirements": [f"{need}=={version(need)}" for need in needs]} if given else {}
    with tool.run():
        tool.log(**example, **options, **requirements)


def flat(predictions: Any) -> list[float]:
    """The numbers of predictions, in whatever they come."""
    import numpy as np

    lists = plain(predictions)
    parts = lists.values() if isinstance(lists, dict) else [lists]
    return [float(number) for part in parts for number in np.asarray(part, dtype="float64").reshape(-1)]


from flavors.asking import plain, rows  # noqa: E402  # found in the folder that is added above

warnings.simplefilter("ignore")
tool = Gitreg() if side == "gitreg" else MLflow()
with redirect_stdout(sys.stderr):  # answers alone go to standard output
    model, data, options, needs = make()
# mlflow.keras fails with an example (mlflow/mlflow#16183): there both are told the signature instead.
example = {"signature": tool.signature(data)} if flavor == "keras" else {"input_example": rows(data, 3)}
serve(answer)
