"""MLflow reads what gitreg saves, and gitreg reads what MLflow saves: real MLflow, in an environment without gitreg."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flavors.asking import plain
from flavors.models import CASES, decision_tree
from flavors.saving import save_to
from flavors.test_contract import asked, example
from gitreg.errors import Unsupported
from gitreg.flavors import load, load_pyfunc
from gitreg.format.mlmodel import parse_mlmodel
from testing.warm import Run

HERE = Path(__file__).parent
TOP = HERE.parents[1]


@pytest.fixture(scope="module")
def predicted(mlflow_python: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, dict[str, Any]]]:
    """What each case predicts here, and what MLflow says it predicts."""
    top = tmp_path_factory.mktemp("models")
    jobs, wanted = [], {}
    for name, case in CASES.items():
        if case.only_here:
            continue
        model, data = case.make()
        wanted[name] = asked(model, case, data)
        save_to(top / name, model, **example(case, data), **case.options)
        native = f"{case.flavor}:{case.how}" if case.native else None
        params = dict(case.params) if case.params else None
        jobs.append((str(top / name), data, params, native, str(top / f"{name}.pickle")))
    (top / "jobs").write_bytes(pickle.dumps(jobs))
    mlflow_python(HERE / "mlflow_predict.py", top / "jobs", cwd=top)
    return {name: (value, pickle.loads((top / f"{name}.pickle").read_bytes())) for name, value in wanted.items()}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.only_here])
def test_mlflow_predicts_the_same_from_what_gitreg_saved(
    name: str, predicted: dict[str, tuple[Any, dict[str, Any]]]
) -> None:
    wanted, found = predicted[name]
    assert plain(found["pyfunc"]) == wanted
    assert (CASES[name].flavor in found) is CASES[name].native
    if CASES[name].native:
        assert plain(found[CASES[name].flavor]) == wanted


@pytest.fixture(scope="module")
def saved_by_mlflow(mlflow_python: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models that MLflow saved, and `wanted.pickle`."""
    top = tmp_path_factory.mktemp("mlflow")
    mlflow_python(HERE / "mlflow_save.py", top, cwd=top)
    return top


@pytest.mark.parametrize("name", ["cloudpickle", "pickle", "skops", "probabilities", "logged"])
def test_gitreg_predicts_the_same_from_what_mlflow_saved(name: str, saved_by_mlflow: Path) -> None:
    data, wanted = pickle.loads((saved_by_mlflow / "wanted.pickle").read_bytes())
    mlmodel = parse_mlmodel((saved_by_mlflow / name / "MLmodel").read_bytes())
    pyfunc = load_pyfunc(saved_by_mlflow / name, mlmodel)
    native = load(saved_by_mlflow / name, mlmodel)
    method = "predict_proba" if name == "probabilities" else "predict"
    assert np.array_equal(pyfunc.predict(data), wanted[name])
    assert np.array_equal(getattr(native, method)(data), wanted[name])
    assert "mlflow" not in sys.modules


@pytest.mark.parametrize("name", ["python model", "function"])
def test_a_model_of_mlflows_own_needs_mlflow(name: str, saved_by_mlflow: Path) -> None:
    mlmodel = parse_mlmodel((saved_by_mlflow / name / "MLmodel").read_bytes())
    with pytest.raises(Unsupported) as caught:
        load_pyfunc(saved_by_mlflow / name, mlmodel, name="churn@v1.0.0")
    assert caught.value.message == "churn@v1.0.0 needs mlflow, which is not installed"
    assert caught.value.hint == "pip install mlflow==3.17.2"


PREDICT = """
import pickle, sys, warnings
from pathlib import Path
from gitreg.flavors import load, load_pyfunc
from gitreg.format.mlmodel import parse_mlmodel
warnings.simplefilter("ignore")
top = Path(sys.argv[1])
data, wanted = pickle.loads((top / "wanted.pickle").read_bytes())
for name in ("python model", "function"):
    mlmodel = parse_mlmodel((top / name / "MLmodel").read_bytes())
    model = load_pyfunc(top / name, mlmodel)
    assert list(model.predict(data)) == wanted[name]
    assert type(load(top / name, mlmodel)).__name__ in ("Doubled", "_FunctionPythonModel")
assert list(load_pyfunc(top / "python model", parse_mlmodel((top / "python model/MLmodel").read_bytes())).predict(
    data, {"factor": 4})) == list(data.sum(axis=1) * 4 + 1)
print("same")
"""


def test_a_model_of_mlflows_own_is_loaded_where_mlflow_is(mlflow_python: Run, saved_by_mlflow: Path) -> None:
    assert mlflow_python("-c", PREDICT, saved_by_mlflow, PYTHONPATH=str(TOP)) == "same\n"


SAVE = """
import sys, warnings
from pathlib import Path
import mlflow.pyfunc, pandas as pd
from gitreg.flavors import load_pyfunc, save
from gitreg.flavors._base import PlainDirectory
warnings.simplefilter("ignore")

class Plus(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["a"] + 1

data = pd.DataFrame({"a": [1, 2]})
folder = Path(sys.argv[1])
folder.mkdir()
mlmodel = save(Plus(), PlainDirectory(folder), artifact_path="m", run_id="r", created="2026-11-22 13:00:00",
     model_uuid="0" * 32, input_example=data)
print(list(mlflow.pyfunc.load_model(str(folder)).predict(data)), list(load_pyfunc(folder, mlmodel).predict(data)))
print((folder / "requirements.txt").read_text())
"""


def test_a_python_model_of_mlflow_is_saved_as_mlflow_saves_it(mlflow_python: Run, home: Path) -> None:
    said = mlflow_python("-c", SAVE, home / "model", PYTHONPATH=str(TOP))
    assert said.splitlines()[0] == "[2, 3] [2, 3]"
    assert "mlflow==3.17.2" in said


def test_mlflow_uses_the_code_that_came_with_a_model(
    mlflow_python: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "lib/rules").mkdir(parents=True)
    (home / "lib/rules/__init__.py").write_text(
        "class Rule:\n    def predict(self, data):\n        return data[:, 0] * 3\n"
    )
    monkeypatch.syspath_prepend(home / "lib")
    import rules  # type: ignore[import-not-found]

    _, data = decision_tree()
    save_to(home / "model", rules.Rule(), input_example=data[:3], code_paths=[home / "lib/rules"])
    jobs = [(str(home / "model"), data, None, None, str(home / "outcome"))]
    (home / "jobs").write_bytes(pickle.dumps(jobs))
    mlflow_python(HERE / "mlflow_predict.py", home / "jobs")
    assert pickle.loads((home / "outcome").read_bytes())["pyfunc"].tolist() == (data[:, 0] * 3).tolist()
