"""One registry with an origin that is a folder, filled by gitreg; other tools read it and write nothing there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import gitreg


@dataclass(frozen=True)
class Shared:
    """The origin, the clone that logged, the rows to predict, and what the models answer to them."""

    origin: Path
    clone: Path
    data: Any
    wanted: dict[str, list[float]]
    logged: str  # a run that was pushed and not registered


# As in a script: pickled by value, since another tool could not import this module.
SCRIPT = """
def petal_area(frame):
    return frame["petal length (cm)"] * frame["petal width (cm)"]
"""


@pytest.fixture(scope="session")
def shared(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """churn v1.0.0 and v1.0.1 (scikit-learn), area v1.0.0 (python_function), and a run `candidate` at the origin."""
    top = tmp_path_factory.mktemp("interop")
    origin, clone = top / "models.git", top / "models"
    gitreg.init(clone, origin=origin)
    x, y = load_iris(return_X_y=True, as_frame=True)
    wanted: dict[str, list[float]] = {}
    for number, depth in enumerate((1, 8)):
        fitted = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(x, y)
        score = round(float(fitted.score(x, y)), 3)
        with gitreg.start_run(run_id=f"depth-{depth}", registry=clone):
            gitreg.log_params({"max_depth": depth, "criterion": "gini"})
            gitreg.log_metric("accuracy", score)
            for step in range(3):
                gitreg.log_metric("loss", 1 / (depth + step), step=step)
            gitreg.log_model(fitted, input_example=x[:3], register_as="churn")
        wanted[f"churn@v1.0.{number}"] = fitted.predict(x).tolist()
    script: dict[str, Any] = {"__name__": "__main__"}
    exec(SCRIPT, script)
    area = script["petal_area"]
    gitreg.log_model(area, input_example=x[:3], pip_requirements=["pandas"], register_as="area", registry=clone)
    wanted["area@v1.0.0"] = area(x).tolist()
    with gitreg.start_run(run_id="candidate", registry=clone):
        gitreg.log_model(DecisionTreeClassifier(max_depth=2).fit(x, y), input_example=x[:3])
    gitreg.push("run:candidate", registry=clone)
    return Shared(origin, clone, pd.DataFrame(x), wanted, "candidate")
