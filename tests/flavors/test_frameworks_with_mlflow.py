"""gitreg reads the models of XGBoost, LightGBM and ONNX that MLflow saved, in a process that trained none of them."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from flavors.asking import ask, plain
from flavors.frameworks import MODELS
from gitreg.flavors import load, load_pyfunc
from gitreg.format.mlmodel import parse_mlmodel
from testing.warm import Run

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def saved_by_mlflow(mlflow_python: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models that MLflow saved, and `wanted.pickle`."""
    top = tmp_path_factory.mktemp("mlflow")
    mlflow_python(HERE / "mlflow_save_frameworks.py", top, cwd=top)
    return top


@pytest.mark.parametrize("name", MODELS)
def test_gitreg_predicts_what_mlflow_predicts(name: str, saved_by_mlflow: Path) -> None:
    flavor, _, _, how = MODELS[name]
    data, wanted = pickle.loads((saved_by_mlflow / "wanted.pickle").read_bytes())[name]
    mlmodel = parse_mlmodel((saved_by_mlflow / name / "MLmodel").read_bytes())
    assert mlmodel.flavor_names == tuple(sorted((flavor, "python_function")))
    assert plain(load_pyfunc(saved_by_mlflow / name, mlmodel).predict(data)) == wanted
    assert plain(ask(load(saved_by_mlflow / name, mlmodel), how, data)) == wanted
    assert "mlflow" not in sys.modules
