"""Plain MLflow, without gitreg, loads what DVC got out of a registry and predicts what gitreg predicts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gitreg
from testing.warm import Run

if TYPE_CHECKING:
    from interop.conftest import Shared

PREDICT = Path(__file__).parents[1] / "flavors" / "mlflow_predict.py"
VERSIONS = {"churn@v1.0.0": "predict", "churn@v1.0.1": "predict", "area@v1.0.0": None}
SIGNATURE = """
import json, sys
import mlflow
info = mlflow.models.get_model_info(sys.argv[1])
json.dump([info.signature.to_dict(), info.run_id, sorted(info.flavors)], sys.stdout)
"""


@pytest.fixture(scope="module")
def fetched(shared: Shared, dvc: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each of VERSIONS, brought by DVC."""
    top = tmp_path_factory.mktemp("fetched")
    for version in VERSIONS:
        dvc("get", shared.origin, "model", "--rev", version, "-o", top / version, cwd=top)
    return top


@pytest.fixture(scope="module")
def predicted(fetched: Path, shared: Shared, mlflow_python: Run) -> dict[str, dict[str, Any]]:
    """What MLflow predicts with each, as pyfunc and natively."""
    jobs = [
        (str(fetched / version), shared.data, None, native, str(fetched / f"{version}.pickle"))
        for version, native in VERSIONS.items()
    ]
    (fetched / "jobs").write_bytes(pickle.dumps(jobs))
    mlflow_python(PREDICT, fetched / "jobs")
    return {version: pickle.loads((fetched / f"{version}.pickle").read_bytes()) for version in VERSIONS}


@pytest.mark.parametrize(("version", "native"), VERSIONS.items())
def test_mlflow_predicts_what_gitreg_predicts(
    version: str, native: str | None, shared: Shared, predicted: dict[str, dict[str, Any]]
) -> None:
    wanted = shared.wanted[version]
    assert gitreg.load_pyfunc(version, registry=shared.clone).predict(shared.data).tolist() == wanted
    assert predicted[version]["pyfunc"].tolist() == wanted
    assert ("sklearn" in predicted[version]) is (native is not None)
    if native:
        assert predicted[version]["sklearn"].tolist() == wanted


def test_the_versions_answer_differently(shared: Shared) -> None:
    assert shared.wanted["churn@v1.0.0"] != shared.wanted["churn@v1.0.1"]


def test_mlflow_reads_signature_run_and_flavors(fetched: Path, mlflow_python: Run) -> None:
    signature, run_id, flavors = json.loads(mlflow_python("-c", SIGNATURE, fetched / "churn@v1.0.1"))
    names = [column["name"] for column in json.loads(signature["inputs"])]
    assert names == ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
    assert (run_id, flavors) == ("depth-8", ["python_function", "sklearn"])


def test_mlflow_enforces_the_signature_too(fetched: Path, shared: Shared, mlflow_python: Run) -> None:
    program = (
        "import sys, pandas, mlflow\n"
        "try: mlflow.pyfunc.load_model(sys.argv[1]).predict(pandas.DataFrame({'a': [1]}))\n"
        "except mlflow.exceptions.MlflowException as error: print(error)\n"
    )
    assert "sepal length (cm)" in mlflow_python("-c", program, fetched / "churn@v1.0.0")


def test_a_directory_of_mlflow_becomes_a_version_and_loads_alike(
    shared: Shared, mlflow_python: Run, tmp_path: Path
) -> None:
    program = (
        "import sys, pickle, mlflow.sklearn\n"
        "from mlflow.models import infer_signature\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "x = pickle.loads(open(sys.argv[1], 'rb').read())\n"
        "fitted = DecisionTreeClassifier(max_depth=3, random_state=0).fit(x, x['petal width (cm)'] > 1)\n"
        "mlflow.sklearn.save_model(fitted, sys.argv[2], signature=infer_signature(x, fitted.predict(x)),\n"
        "                          serialization_format='cloudpickle', pip_requirements=['scikit-learn'])\n"
    )
    (tmp_path / "data").write_bytes(pickle.dumps(shared.data))
    mlflow_python("-c", program, tmp_path / "data", tmp_path / "made", cwd=tmp_path)
    gitreg.init(tmp_path / "registry")
    gitreg.commit(tmp_path / "made", register_as="wide", registry=tmp_path / "registry")
    version = gitreg.resolve("wide", registry=tmp_path / "registry")
    assert str(version) == "wide@v1.0.0"
    pulled = gitreg.pull(version, tmp_path / "pulled", registry=tmp_path / "registry")
    for path in (path for path in (tmp_path / "made").rglob("*") if path.is_file()):
        assert (pulled / path.relative_to(tmp_path / "made")).read_bytes() == path.read_bytes()
    wanted = (shared.data["petal width (cm)"] > 1).tolist()
    assert gitreg.load_pyfunc(version, registry=tmp_path / "registry").predict(shared.data).tolist() == wanted
