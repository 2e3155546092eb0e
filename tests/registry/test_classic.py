"""A model directory of 2020, as MLflow 1 wrote it, is taken as it is: tests/corpus/classic-2020."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import gitreg
from gitreg.format.environment import model_requirements
from gitreg.format.mlmodel import parse_mlmodel
from gitreg.format.pointer import parse_pointer
from testing.commandline import gitreg as typed
from testing.gitcli import git
from testing.registries import Place
from testing.warm import Run

TOP = Path(__file__).parents[2]
CORPUS = TOP / "tests" / "corpus"
CLASSIC = CORPUS / "classic-2020"
RUN = "29eddffdb8e24874a95ed75a8a7c17e2"
OF_2020 = {
    "MLmodel": "1e35b7137f25e6348b08c0ce1a849a6af27e4a6630dd8396eed7010e1fd46303",
    "conda.yaml": "b12752b8d22c6ba6babc23550105c8424d5bdd95efbdb09ead395814b60c4281",
}
ASKED = np.array([[5.0, 3.4, 1.5, 0.2], [6.9, 3.1, 5.4, 2.1]])


def payload() -> bytes:
    """What the directory's pointer points to."""
    md5 = parse_pointer((CLASSIC / "model.pkl.dvc").read_text(), "model.pkl.dvc").md5
    return (CORPUS / "payloads" / "files" / "md5" / md5[:2] / md5[2:]).read_bytes()


@pytest.fixture
def classic(tmp_path: Path) -> Path:
    """The directory with its payload in place, as DVC leaves it without the pointer."""
    folder = tmp_path / "classic"
    folder.mkdir()
    for name in ("MLmodel", "conda.yaml"):
        shutil.copy(CLASSIC / name, folder)
    (folder / "model.pkl").write_bytes(payload())
    return folder


def test_the_directory_is_of_2020_and_its_pointer_fits_the_payload() -> None:
    assert {path.name for path in CLASSIC.iterdir()} == {"MLmodel", "conda.yaml", "model.pkl.dvc"}
    for name, known in OF_2020.items():
        assert hashlib.sha256((CLASSIC / name).read_bytes()).hexdigest() == known
    pointer = parse_pointer((CLASSIC / "model.pkl.dvc").read_text(), "model.pkl.dvc")
    content = payload()
    assert (pointer.path, pointer.size, pointer.md5) == ("model.pkl", len(content), hashlib.md5(content).hexdigest())
    assert len(content) < 5000
    assert isinstance(cloudpickle.loads(content), DecisionTreeClassifier)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the corpus and the DVC settings of this one, and nothing in DVC's cache."""
    folder = tmp_path / "checkout"
    for name in (".dvc/config", "tests/corpus/classic-2020", "tests/corpus/payloads", ".gitattributes", ".gitignore"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (TOP / name).is_dir() else shutil.copy)(TOP / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "corpus")
    return folder


def test_dvc_brings_the_payload(checkout: Path, dvc: Run, tmp_path: Path) -> None:
    dvc("get", checkout, "tests/corpus/classic-2020", "-o", tmp_path / "got", cwd=tmp_path)
    assert {path.name for path in (tmp_path / "got").iterdir()} == {"MLmodel", "conda.yaml", "model.pkl"}
    dvc("pull", "tests/corpus/classic-2020/model.pkl.dvc", cwd=checkout)
    for folder in (tmp_path / "got", checkout / "tests/corpus/classic-2020"):
        assert (folder / "model.pkl").read_bytes() == payload()


def test_it_is_committed_as_it_is_and_keeps_its_run_id(place: Place, classic: Path, tmp_path: Path) -> None:
    run = gitreg.commit(classic, register_as="churn")
    assert (run.id, run.status, [model.path for model in run.models]) == (RUN, "finished", ["model"])
    version = gitreg.resolve("churn")
    assert (str(version), version.number, version.run_id, version.signature) == ("churn@v0.1.0", 1, RUN, "none")
    assert version.flavors == ("python_function", "sklearn")
    for name in ("MLmodel", "conda.yaml"):
        assert git(place.path, "rev-parse", f"churn@1:model/{name}") == git(place.path, "hash-object", classic / name)
    assert git(place.path, "show", "churn@1:model/model.pkl.dvc") + "\n" == (CLASSIC / "model.pkl.dvc").read_text()
    pulled = gitreg.pull("churn", tmp_path / "pulled")
    sums = (pulled / "SHA256SUMS").read_bytes()
    assert version.digest == f"sha256:{hashlib.sha256(sums).hexdigest()}"
    (pulled / "SHA256SUMS").unlink()
    assert {p.name: p.read_bytes() for p in pulled.iterdir()} == {p.name: p.read_bytes() for p in classic.iterdir()}


def test_the_same_directory_again_is_no_new_run_and_no_new_version(place: Place, classic: Path) -> None:
    first = gitreg.commit(classic, register_as="churn")
    tags = place.tags()
    assert gitreg.commit(classic, register_as="churn") == first
    assert place.tags() == tags == ["churn@1", "churn@v0.1.0", f"run/{RUN}"]


def test_it_loads_natively_and_as_pyfunc_and_predicts(place: Place, classic: Path) -> None:
    gitreg.commit(classic, register_as="churn")
    wanted = DecisionTreeClassifier(max_depth=2, random_state=0).fit(*load_iris(return_X_y=True)).predict(ASKED)
    native = gitreg.load_model("churn")
    assert isinstance(native, DecisionTreeClassifier)
    assert native.predict(ASKED).tolist() == wanted.tolist() == [0, 2]
    pyfunc = gitreg.load_pyfunc("churn@v0.1.0")
    assert pyfunc.predict(ASKED).tolist() == wanted.tolist()
    assert (pyfunc.signature, pyfunc.metadata.run_id) == (None, RUN)
    assert gitreg.load_pyfunc(f"runs:/{RUN}/model").predict(ASKED).tolist() == wanted.tolist()


def test_the_command_line_takes_shows_compares_and_predicts(place: Place, classic: Path) -> None:
    where = ("-R", place.path)
    said = typed("commit", classic, "--as", "churn", *where)
    assert said.code == 0, said.err
    assert said.out == f"run:{RUN}/model, 2.0 KiB\nregistered as churn@v0.1.0\n"
    shown = typed("show", "churn@1", *where)
    assert shown.code == 0, shown.err
    for fact in ("churn@v0.1.0", RUN, "sklearn", "cloudpickle==1.2.2", "model.pkl"):
        assert fact in shown.out
    same = typed("diff", "churn@v0.1.0", "churn@1", "--exit-code", *where)
    assert (same.code, same.out) == (0, "churn@v0.1.0 and churn@v0.1.0 do not differ\n")
    csv = "a,b,c,d\n" + "".join(",".join(map(str, row)) + "\n" for row in ASKED)
    predicted = typed("predict", "churn", "-i", "-", *where, input=csv.encode())
    assert predicted.code == 0, predicted.err
    assert predicted.out == "prediction\n0\n2\n"


def test_what_it_needs_is_read_in_spite_of_its_spelling() -> None:
    found = model_requirements(None, (CLASSIC / "conda.yaml").read_text())
    assert "cloudpickle==1.2.2" in found.lines
    (warning,) = (text for text in found.warnings if "cloudpickle" in text)
    assert warning.endswith("cloudpickle=1.2.2 is not valid for pip and is read as cloudpickle==1.2.2")
    assert {"mlflow", "scikit-learn==0.21.3"} <= set(found.lines)


def test_its_mlmodel_is_understood() -> None:
    mlmodel = parse_mlmodel((CLASSIC / "MLmodel").read_bytes(), "MLmodel")
    assert (mlmodel.run_id, mlmodel.signature, mlmodel.mlflow_version) == (RUN, None, None)
    assert mlmodel.utc_time_created == "2020-02-28 13:26:18.918830"
    assert mlmodel.pyfunc is not None
    assert (mlmodel.pyfunc.loader_module, mlmodel.pyfunc.path) == ("mlflow.sklearn", "model.pkl")
