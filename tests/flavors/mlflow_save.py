"""Saves models with MLflow, and what they predict; `python mlflow_save.py FOLDER`."""

from __future__ import annotations

import logging
import pickle
import sys
import warnings
from pathlib import Path

import mlflow
import mlflow.pyfunc
import mlflow.sklearn
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

top = Path(sys.argv[1])
x, y = load_iris(return_X_y=True, as_frame=True)
forest = RandomForestClassifier(10, random_state=0).fit(x, y)
line = LogisticRegression(max_iter=500).fit(x, y)
data = x[:100]


class Doubled(mlflow.pyfunc.PythonModel):
    """MLflow's own kind of model, with a context and params."""

    def load_context(self, context):
        self.base = 1

    def predict(self, context, model_input, params=None):
        return (model_input.sum(axis=1) * (params or {}).get("factor", 2) + self.base).to_numpy()


def function(model_input):
    return model_input.sum(axis=1).to_numpy()


given = {"pip_requirements": ["scikit-learn"], "input_example": x[:3]}
for how in ("cloudpickle", "pickle"):
    mlflow.sklearn.save_model(forest, top / how, serialization_format=how, **given)
mlflow.sklearn.save_model(line, top / "skops", serialization_format="skops", **given)
mlflow.sklearn.save_model(
    forest, top / "probabilities", serialization_format="pickle", pyfunc_predict_fn="predict_proba", **given
)
mlflow.pyfunc.save_model(
    top / "python model", python_model=Doubled(), pip_requirements=[], input_example=(x[:3], {"factor": 3})
)
mlflow.pyfunc.save_model(top / "function", python_model=function, pip_requirements=[], input_example=x[:3])

mlflow.set_tracking_uri(f"sqlite:///{top}/mlflow.db")
with mlflow.start_run():
    info = mlflow.sklearn.log_model(forest, name="model", serialization_format="cloudpickle", **given)
    mlflow.artifacts.download_artifacts(info.model_uri, dst_path=str(top / "logged"))

wanted = {
    path.name: mlflow.pyfunc.load_model(path).predict(data) for path in top.iterdir() if (path / "MLmodel").is_file()
}
(top / "wanted.pickle").write_bytes(
    pickle.dumps((data, {name: pd.Series(list(v)).to_list() for name, v in wanted.items()}))
)
