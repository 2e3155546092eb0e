"""Models of H2O, with data of every type that it takes. Also read in MLflow's environment, which has no gitreg."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd

from frameworks.kinds._kind import Kind


@functools.cache
def h2o_of_the_tests() -> Any:
    """The one H2O of this process, on a port of its own: not the one that another process may have started."""
    import h2o
    from h2o.backend import H2OLocalServer

    if h2o.connection() is None:
        server = H2OLocalServer.start(port="38321+", nthreads=2, max_mem_size=1 << 30, verbose=False)
        h2o.connect(server=server, verbose=False)
        h2o.no_progress()
    return h2o


prepare = h2o_of_the_tests
"""What MLflow needs before it loads a model."""


def rows() -> pd.DataFrame:
    """Every type H2O takes, and each but whole numbers and truth with values missing."""
    at = np.arange(100)
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "double": chance.normal(size=100),
            "float": chance.normal(size=100).astype("float32"),
            "long": chance.integers(0, 9, 100),
            "integer": chance.integers(0, 9, 100).astype("int32"),
            "boolean": at % 3 == 0,
            "text": [f"plan {number % 4}" for number in at],
            "digits": [str(number % 3) for number in at],
            "quoted": [("low", "high, or so", 'the "rest"')[number % 3] for number in at],
            "time": pd.Timestamp("2026-01-02 03:04:05") + pd.to_timedelta(at, unit="h"),
        }
    )
    for place, name in enumerate(("double", "float", "text", "quoted", "time")):
        frame.loc[place * 7 + 5 : place * 7 + 8, name] = None
    return frame


def _target(frame: pd.DataFrame) -> pd.Series:
    return frame["long"] + frame["double"].fillna(0) + (frame["text"].astype(str) == "plan 1") * 3


def gbm() -> tuple[Any, Any]:
    h2o = h2o_of_the_tests()
    from h2o.estimators import H2OGradientBoostingEstimator

    frame = rows()
    labelled = frame.assign(y=np.where(_target(frame) > 4, "yes", "no"))
    model = H2OGradientBoostingEstimator(ntrees=4, max_depth=3, min_rows=2, seed=1, model_id="gbm_of_the_tests")
    model.train(y="y", training_frame=h2o.H2OFrame(labelled))
    return model, frame


def categories() -> tuple[Any, Any]:
    """MLflow's signatures take no column of pandas' categories."""
    h2o = h2o_of_the_tests()
    from h2o.estimators import H2OGradientBoostingEstimator

    frame = rows().astype({"text": "category", "digits": "category"})
    labelled = h2o.H2OFrame(frame.assign(y=_target(frame)))
    model = H2OGradientBoostingEstimator(ntrees=2, max_depth=3, min_rows=2, seed=1, model_id="categories_of_the_tests")
    model.train(y="y", training_frame=labelled)
    return model, frame


def glm() -> tuple[Any, Any]:
    h2o = h2o_of_the_tests()
    from h2o.estimators import H2OGeneralizedLinearEstimator

    frame = rows()
    model = H2OGeneralizedLinearEstimator(family="gaussian", seed=1, model_id="glm_of_the_tests")
    model.train(y="y", training_frame=h2o.H2OFrame(frame.assign(y=_target(frame))))
    return model, frame


def classes() -> tuple[Any, Any]:
    h2o = h2o_of_the_tests()
    from h2o.estimators import H2ORandomForestEstimator

    frame = rows()
    labelled = frame.assign(y=[("red", "green", "blue")[number % 3] for number in range(100)])
    model = H2ORandomForestEstimator(ntrees=3, max_depth=4, seed=1, model_id="forest_of_the_tests")
    model.train(y="y", training_frame=h2o.H2OFrame(labelled))
    return model, frame


def ensemble() -> tuple[Any, Any]:
    """Two models in one."""
    h2o = h2o_of_the_tests()
    from h2o.estimators import H2OGeneralizedLinearEstimator, H2OGradientBoostingEstimator, H2OStackedEnsembleEstimator

    frame = rows()
    labelled = h2o.H2OFrame(frame.assign(y=_target(frame)))
    kept = {"nfolds": 2, "fold_assignment": "Modulo", "keep_cross_validation_predictions": True, "seed": 1}
    parts = [
        H2OGradientBoostingEstimator(ntrees=2, max_depth=2, min_rows=2, **kept),
        H2OGeneralizedLinearEstimator(**kept),
    ]
    for part in parts:
        part.train(y="y", training_frame=labelled)
    model = H2OStackedEnsembleEstimator(base_models=parts, seed=1, model_id="ensemble_of_the_tests")
    model.train(y="y", training_frame=labelled)
    return model, frame


def ask(native: Any, data: Any) -> Any:
    import h2o

    return native.predict(h2o.H2OFrame(data)).as_data_frame().to_dict("list")


MODELS: dict[str, Kind] = {
    "gbm": Kind("h2o", gbm, ask),
    "gbm of categories": Kind("h2o", categories, ask, signed=False),
    "glm": Kind("h2o", glm, ask),
    "forest of three classes": Kind("h2o", classes, ask),
    "stacked ensemble": Kind("h2o", ensemble, ask),
}
