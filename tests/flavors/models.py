"""Real fitted models for the contract of the flavors: one row for each kind of model and way to save it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from flavors.frameworks import MODELS, NO_SIGNATURE, xgb_booster, xgb_classifier

MARGIN = {"output_margin": True}
FOREST_TYPES = ("sklearn.tree._tree.Tree",)


@dataclass(frozen=True)
class Case:
    """A fitted model, 100 rows for it, how it is saved and what must be trusted to load it.

    `only_here` tells that MLflow's environment lacks what the model needs; `native` that MLflow's own module of the
    flavor reads it. `how` is the way the native model is asked (asking.py). Without `signed` there is no example.
    """

    flavor: str
    make: Callable[[], tuple[Any, Any]]
    options: Mapping[str, Any] = field(default_factory=dict)
    trust: tuple[str, ...] = ()
    native: bool = False
    only_here: bool = False
    params: Mapping[str, Any] | None = None
    how: str = "predict"
    signed: bool = True


def churn(rows: int = 100) -> pd.DataFrame:
    """Customers with text, whole numbers and fractions."""
    chance = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "plan": chance.choice(["basic", "plus", "pro"], rows),
            "tenure": chance.integers(0, 60, rows),
            "spent": chance.normal(50, 20, rows).round(2),
        }
    )


def decision_tree() -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    return DecisionTreeClassifier(max_depth=4, random_state=0).fit(x, y), x[:100]


def random_forest() -> tuple[Any, Any]:
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return RandomForestClassifier(20, random_state=0).fit(x, y), x[:100]


def logistic() -> tuple[Any, Any]:
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y), x[:100]


def column_pipeline() -> tuple[Any, Any]:
    x = churn()
    columns = ColumnTransformer([("plan", OneHotEncoder(), ["plan"]), ("rest", StandardScaler(), ["tenure", "spent"])])
    y = (x["tenure"] < 20) & (x["plan"] != "pro")
    return make_pipeline(columns, LogisticRegression()).fit(x, y), x


def lambda_pipeline() -> tuple[Any, Any]:
    x, y = load_diabetes(return_X_y=True)
    return make_pipeline(FunctionTransformer(lambda a: np.tanh(a)), LinearRegression()).fit(x, y), x[:100]


def many_outputs() -> tuple[Any, Any]:
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    return DecisionTreeRegressor(max_depth=5).fit(x, np.column_stack([y, -y])), x[:100]


def text_labels() -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True, as_frame=True)
    return DecisionTreeClassifier().fit(x, np.array(["setosa", "versicolor", "virginica"])[y]), x[:100]


def clusters() -> tuple[Any, Any]:
    x, _ = load_iris(return_X_y=True)
    return KMeans(3, n_init=2, random_state=0).fit(x.astype("float32")), x[:100].astype("float32")


def polars_pipeline() -> tuple[Any, Any]:
    model, x = column_pipeline()
    table = pl.from_pandas(x)
    return model.fit(table, (table["tenure"] < 20).to_numpy()), table


def threshold() -> tuple[Any, Any]:
    class Threshold:
        def __init__(self, limit: float) -> None:
            self.limit = limit

        def predict(self, data: Any) -> Any:
            return np.asarray(data["spent"]) > self.limit

    return Threshold(50), churn()


def scaled() -> tuple[Any, Any]:
    class Scaled:
        def predict(self, data: Any, params: Any = None) -> Any:
            return data["spent"] * params["factor"] + params["offset"]

    return Scaled(), churn()


def closure() -> tuple[Any, Any]:
    forest, x = random_forest()
    return lambda data: forest.predict_proba(data)[:, 1], x


def callable_object() -> tuple[Any, Any]:
    class Adder:
        def __call__(self, data: Any) -> Any:
            return data.sum(axis=1)

    return Adder(), np.arange(300.0).reshape(100, 3)


def frames() -> tuple[Any, Any]:
    return (lambda data: data.select((pl.col("tenure") * 2).alias("twice"))), pl.from_pandas(churn())


def records() -> tuple[Any, Any]:
    return (lambda data: [row["plan"].upper() for row in data.to_dict("records")]), churn()[["plan"]]


LARGE = frozenset({"crate", "h2o", "keras", "pytorch", "spark", "tensorflow"})
"""Flavors of large frameworks: tests/frameworks has models of them."""

CASES: dict[str, Case] = {
    "decision tree": Case("sklearn", decision_tree, native=True),
    "forest": Case("sklearn", random_forest, native=True),
    "pipeline over columns": Case("sklearn", column_pipeline, native=True),
    "pipeline with a lambda": Case("sklearn", lambda_pipeline, native=True),
    "two outputs": Case("sklearn", many_outputs, native=True),
    "text labels": Case("sklearn", text_labels, native=True),
    "clusters": Case("sklearn", clusters, native=True),
    "pickle": Case("sklearn", random_forest, {"serialization_format": "pickle"}, native=True),
    "joblib": Case("sklearn", random_forest, {"serialization_format": "joblib"}),
    "skops": Case("sklearn", logistic, {"serialization_format": "skops"}, native=True),
    "skops with trust": Case(
        "sklearn",
        random_forest,
        {"serialization_format": "skops", "skops_trusted_types": FOREST_TYPES},
        trust=FOREST_TYPES,
        native=True,
    ),
    "probabilities": Case(
        "sklearn", random_forest, {"pyfunc_predict_fn": "predict_proba"}, native=True, how="predict_proba"
    ),
    "probabilities by joblib": Case(
        "sklearn",
        random_forest,
        {"pyfunc_predict_fn": "predict_proba", "serialization_format": "joblib"},
        how="predict_proba",
    ),
    "polars pipeline": Case("sklearn", polars_pipeline, only_here=True),
    "object": Case("python_function", threshold),
    "object with params": Case("python_function", scaled, params={"factor": 2.0, "offset": 1}),
    "closure": Case("python_function", closure),
    "callable object": Case("python_function", callable_object),
    "polars function": Case("python_function", frames, only_here=True),
    "function of records": Case("python_function", records),
    **{
        name: Case(flavor, make, options, native=True, how=how, signed=name not in NO_SIGNATURE)
        for name, (flavor, make, options, how) in MODELS.items()
    },
    "xgb margins": Case("xgboost", xgb_booster, params={"output_margin": True}, native=True, how="booster"),
    "xgb margins of classes": Case(
        "xgboost", xgb_classifier, params={"output_margin": True}, native=True, how="keywords"
    ),
}
