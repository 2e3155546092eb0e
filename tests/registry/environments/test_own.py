"""A model of an old scikit-learn predicts in the environment built for it, while another one is installed here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sklearn

import gitreg as library
from gitreg.flavors.saving.requirements import installed_version
from gitreg.registry.environments.own import own_worker
from gitreg.registry.place import open_registry
from gitreg.serve.loading import How, fetch_model, load_served
from testing.commandline import Said, gitreg, program
from testing.environments import Trained
from testing.registries import Place, cloned

OLD = "1.5.2"


@pytest.fixture
def place(tmp_path: Path, trained: Trained, from_wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A registry with the model old; the environment that it was trained in is the one it asks for."""
    monkeypatch.setenv("GITREG_CACHE", str(trained.cache))
    found = cloned(tmp_path / "reg")
    library.use(found.path)
    library.commit(trained.folder, register_as="old")
    (tmp_path / "in.csv").write_text("a\n1.0\n3.0\n")
    monkeypatch.chdir(tmp_path)
    return found


def predicted(*args: str | Path, input: bytes = b"") -> Said:
    said = gitreg("-R", "reg", "predict", "old", *args, input=input)
    assert said.code == 0, said
    return said


CSV = f"prediction,sklearn\n10.0,{OLD}\n30.0,{OLD}\n"


def test_the_environment_is_the_one_it_was_trained_in(place: Place, trained: Trained) -> None:
    said = gitreg("-R", "reg", "env", "create", "old", "--manager", "uv", "--json")
    assert said.code == 0, said
    made = json.loads(said.out)["created"]
    lines = {line.partition("==")[0]: line for line in made["requirements"]}
    assert lines["scikit-learn"] == f"scikit-learn=={OLD}"
    assert Path(made["python"]).exists()


def test_it_predicts_there_and_not_here(place: Place, tmp_path: Path) -> None:
    assert sklearn.__version__ != OLD
    assert predicted("-i", "in.csv", "--env", "uv").out == CSV
    assert predicted("-i", "-", "--env", "uv", input=b"a\n1.0\n3.0\n").out == CSV
    data = json.dumps({"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}).encode()
    said = predicted("-i", "-", "--env", "uv", "-o", "out.json", input=data)
    assert said.out == "predictions of old@v1.0.0 are in out.json\n"
    assert json.loads(Path("out.json").read_text()) == {"predictions": [{"prediction": 10.0, "sklearn": OLD}]}
    here = program("-R", "reg", "predict", "old", "-i", "in.csv")
    assert f"scikit-learn {OLD} wanted, {installed_version('scikit-learn')} here" in here.err
    assert here.code != 0 or OLD not in here.out
    assert here.err.count("warning: this environment is not the one of") == 1


def test_rows_come_in_chunks_and_in_order(place: Place) -> None:
    rows = [1.0, 2.0, 3.0] * 500
    Path("long.csv").write_text("a\n" + "".join(f"{row}\n" for row in rows))
    said = predicted("-i", "long.csv", "--env", "uv", "--chunk-rows", "7")
    assert said.out.splitlines()[1:] == [f"{row * 10},{OLD}" for row in rows]


def test_wrong_data_is_named_as_it_is_here(place: Place) -> None:
    Path("wrong.csv").write_text("a\n1.0\nx\n")
    there = gitreg("-R", "reg", "predict", "old", "-i", "wrong.csv", "--env", "uv", "-o", "out.csv")
    assert (there.code, there.err.splitlines()[0]) == (128, "error: column a, row 1: 'x' is no double")
    assert not Path("out.csv").exists()
    assert gitreg("-R", "reg", "predict", "old", "-i", "gone.csv", "--env", "uv").err.startswith(
        "error: no file gone.csv"
    )
    no = gitreg("-R", "reg", "predict", "old", "-i", "in.csv", "--env", "conda")
    assert "none of conda, mamba, micromamba is installed" in no.err


def test_a_worker_answers_as_a_server_does(place: Place) -> None:
    with own_worker("old", "uv") as (worker, version):
        assert version == library.resolve("old")
        found = worker.answer("application/json", b'{"inputs": {"a": [2.0]}}')
    assert json.loads(found.body) == {"predictions": [{"prediction": 20.0, "sklearn": OLD}]}


def test_a_predictor_of_the_server_answers_from_there(place: Place) -> None:
    served = fetch_model(open_registry(place.path), "old")
    predictor = load_served(served, How("uv"))
    try:
        assert predictor.version == library.resolve("old")
        found = predictor.answer("text/csv", b"a\n1.0\n")
        assert (found.status, json.loads(found.body)["predictions"][0]["sklearn"]) == (200, OLD)
        assert predictor.answer("application/json", b'{"inputs": {"b": [2.0]}}').status == 400
    finally:
        predictor.close()
    assert predictor.answer("text/csv", b"a\n1.0\n").status == 500
