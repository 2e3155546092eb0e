"""python_function models that read files of their own: load_context, artifacts and params, here and in MLflow."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import gitreg
from flavors.saving import save_to
from gitreg.errors import Damaged, Refused
from gitreg.flavors import load, load_pyfunc
from gitreg.format.mlmodel import parse_mlmodel
from testing.registries import cloned
from testing.warm import Run

HERE = Path(__file__).parent
TOP = HERE.parents[1]
DATA = pd.DataFrame({"spent": [10.0, None, 70.5], "plan": ["pro", "basic", "pro"]})


def looks_up() -> Any:
    """A model that reads its file when it is loaded, and is asked without the context."""

    class LooksUp:
        def load_context(self, context: Any) -> None:
            self.prices = json.loads(Path(context.artifacts["prices"]).read_text())

        def predict(self, model_input: Any, params: Any = None) -> Any:
            return [self.prices[plan] * (params or {"factor": 1})["factor"] for plan in model_input["plan"]]

    return LooksUp()


def reads_later() -> Any:
    """A model that opens a folder whenever it is asked."""

    class ReadsLater:
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            folder = Path(context.artifacts["tables"])
            found = {name: float((folder / "deep" / name).read_text()) for name in ("pro", "basic")}
            return [found[plan] for plan in model_input["plan"]]

    return ReadsLater()


@pytest.fixture
def prices(home: Path) -> Path:
    (home / "prices.json").write_text('{"pro": 20, "basic": 5}')
    return home / "prices.json"


@pytest.fixture
def tables(home: Path) -> Path:
    (home / "tables/deep").mkdir(parents=True)
    for name, price in (("pro", "20.5"), ("basic", "5.5")):
        (home / "tables/deep" / name).write_text(price)
    return home / "tables"


def test_a_model_finds_the_files_that_it_came_with(prices: Path, home: Path) -> None:
    model = looks_up()
    mlmodel = save_to(home / "model", model, artifacts={"prices": prices}, input_example=(DATA, {"factor": 2}))
    assert not hasattr(model, "prices")  # the model itself is not loaded
    prices.unlink()
    assert mlmodel.signature is not None and mlmodel.signature.outputs is not None
    assert mlmodel.flavors["python_function"]["artifacts"] == {
        "prices": {"path": "artifacts/prices.json", "uri": str(prices)}
    }
    found = load_pyfunc(home / "model", parse_mlmodel((home / "model/MLmodel").read_bytes()))
    assert found.predict(DATA) == [40, 10, 40]
    assert found.predict(DATA, {"factor": 3}) == [60, 15, 60]
    assert load(home / "model", mlmodel).prices == {"pro": 20, "basic": 5}  # type: ignore[attr-defined]  # whatever class


def test_mlflow_gives_them_the_same_files(prices: Path, tables: Path, mlflow_python: Run, home: Path) -> None:
    save_to(home / "one", looks_up(), artifacts={"prices": str(prices)}, input_example=(DATA, {"factor": 2}))
    save_to(home / "two", reads_later(), artifacts={"tables": tables})
    jobs = [
        (str(home / "one"), DATA, {"factor": 3}, None, str(home / "one.pickle")),
        (str(home / "two"), DATA, None, None, str(home / "two.pickle")),
    ]
    (home / "jobs").write_bytes(pickle.dumps(jobs))
    mlflow_python(HERE / "mlflow_predict.py", home / "jobs")
    found = [pickle.loads((home / f"{name}.pickle").read_bytes())["pyfunc"] for name in ("one", "two")]
    assert found == [[60, 15, 60], [20.5, 5.5, 20.5]]


def test_the_files_travel_with_a_version(tables: Path, tmp_path: Path) -> None:
    place = cloned(tmp_path / "registry")
    large = tables / "deep/large"
    large.write_bytes(b"x" * (2 << 20))
    gitreg.log_model(reads_later(), artifacts={"tables": tables}, register_as="it", registry=place.path)
    other = place.clone(tmp_path / "other")
    folder = gitreg.pull("it", tmp_path / "pulled", registry=other.path)
    assert (folder / "artifacts/tables/deep/large").read_bytes() == large.read_bytes()
    assert gitreg.load_pyfunc("it", registry=other.path).predict(DATA) == [20.5, 5.5, 20.5]


def test_a_context_without_files_is_a_context(home: Path) -> None:
    class Alone:
        def predict(self, context: Any, model_input: Any) -> Any:
            return [len(context.artifacts)] * len(model_input)

    mlmodel = save_to(home / "model", Alone())
    assert load_pyfunc(home / "model", mlmodel).predict(DATA) == [0, 0, 0]


@pytest.mark.parametrize(
    ("artifacts", "message"),
    [
        ({"prices": "nowhere.json"}, "the artifact prices is not there: nowhere.json"),
        (["prices.json"], "artifacts is no mapping of names to paths"),
        ({"a": "prices.json", "b": "tables/prices.json"}, "two artifacts are files called prices.json"),
    ],
)
def test_files_that_cannot_travel_are_refused(
    artifacts: Any, message: str, prices: Path, tables: Path, home: Path
) -> None:
    (tables / "prices.json").write_text("{}")
    with pytest.raises(Refused, match=message):
        save_to(home / "model", looks_up(), artifacts=artifacts)


def test_files_that_nobody_would_read_are_refused(prices: Path, home: Path) -> None:
    with pytest.raises(Refused, match="has no load_context, and its predict takes no context") as caught:
        save_to(home / "model", lambda data: data, artifacts={"prices": prices})
    assert caught.value.hint == "give it a method load_context(self, context)"


@pytest.mark.parametrize("path", ["../prices.json", "/etc/passwd", None, "artifacts/gone.json"])
def test_a_model_gets_no_file_outside_of_its_folder(path: Any, prices: Path, home: Path) -> None:
    mlmodel = save_to(home / "model", looks_up(), artifacts={"prices": prices})
    mlmodel.flavors["python_function"]["artifacts"]["prices"]["path"] = path  # type: ignore[index]  # a mapping
    for read in (load, load_pyfunc):
        with pytest.raises(Damaged):
            read(home / "model", mlmodel)


OF_MLFLOW = """
import sys, warnings
from pathlib import Path
import mlflow.pyfunc, pandas as pd
from gitreg.flavors import load_pyfunc, save
from gitreg.flavors._base import PlainDirectory
warnings.simplefilter("ignore")

class Plus(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.plus = int(Path(context.artifacts["plus"]).read_text())

    def predict(self, context, model_input, params=None):
        return model_input["a"] + self.plus

data = pd.DataFrame({"a": [1, 2]})
Path("plus").write_text("5")
folder = Path("model")
folder.mkdir()
mlmodel = save(Plus(), PlainDirectory(folder), artifact_path="m", run_id="r", created="2026-11-22 13:00:00",
     model_uuid="0" * 32, artifacts={"plus": "plus"}, input_example=data)
assert mlmodel.signature.outputs
Path("plus").unlink()
print(list(mlflow.pyfunc.load_model(str(folder)).predict(data)), list(load_pyfunc(folder, mlmodel).predict(data)))
"""


def test_a_model_of_mlflows_own_kind_has_its_files_too(mlflow_python: Run, home: Path) -> None:
    assert mlflow_python("-c", OF_MLFLOW, cwd=home, PYTHONPATH=str(TOP)) == "[6, 7] [6, 7]\n"
