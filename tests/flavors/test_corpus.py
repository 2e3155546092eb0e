"""Model directories that MLflow 1, 2 and 3 wrote are taken as they are, and predict what they predicted then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gitreg
from flavors.asking import plain
from gitreg.errors import Unsupported
from testing.mlflow_corpus import CORPUS, Written, written
from testing.registries import Place, lone

LARGE = ("-", "pytorch", "tensorflow-keras", "tensorflow-module", "keras")
"""What tests/frameworks loads."""

GONE = {("mlflow-1.30.1", "xgboost")}
"""Written in a format that XGBoost itself reads no more."""


@pytest.fixture(scope="module")
def place(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return lone(tmp_path_factory.mktemp("corpus") / "registry")


@pytest.mark.filterwarnings("ignore:.*unpickle estimator", "ignore:this environment", "ignore:.*Unknown file format")
@pytest.mark.parametrize("model", written(*LARGE), ids=str)
def test_it_predicts_what_it_predicted_then(model: Written, place: Place, tmp_path: Path) -> None:
    run = gitreg.commit(model.copy(tmp_path / "model"), registry=place.path)
    if (model.release, model.name) in GONE:
        with pytest.raises(
            Unsupported, match=r"model.xgb was written by xgboost 1\.7\.6, and 3\.2\.0 does not read it"
        ):
            gitreg.load_pyfunc(f"run:{run.id}", registry=place.path)
        return
    found = gitreg.load_pyfunc(f"run:{run.id}", registry=place.path).predict(model.data)
    said = plain(found)
    assert said == (model.wanted if isinstance(said, dict) else pytest.approx(model.wanted, rel=1e-12))
    assert gitreg.load_model(f"run:{run.id}", registry=place.path) is not None


def test_there_is_a_model_of_each_major_release() -> None:
    releases = sorted(path.name for path in CORPUS.glob("mlflow-*"))
    assert [release.split("-")[1].split(".")[0] for release in releases] == ["1", "2", "3"]
    for release in releases:
        told = json.loads((CORPUS / release / "requirements.json").read_text())
        assert release == f"mlflow-{told['mlflow']}"
        for mlmodel in (CORPUS / release).rglob("MLmodel"):
            assert f"mlflow_version: {told['mlflow']}" in mlmodel.read_text()
