"""Flavors of other distributions: the example of docs/, installed with pip, and those that are broken."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from flavors.models import decision_tree
from flavors.saving import save_to
from gitreg.errors import Unsupported
from gitreg.flavors import _installed, detect_flavor, get_flavor, load, load_pyfunc
from gitreg.format.mlmodel import MLModel
from testing.warm import Run

TOP = Path(__file__).parents[2]
EXAMPLE = TOP / "docs/example-flavor"
CONTRACT = TOP / "tests/flavors/example"
PROVEN = "4 passed"  # each test of the contract


@pytest.fixture(scope="session")
def with_example(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that has gitreg, and into which pip has installed the example."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    sites = subprocess.run([python, "-c", show], check=True, capture_output=True, text=True).stdout.strip()
    # gitreg and what it needs, as they are here, in place of the package index.
    Path(sites, "here.pth").write_text(f"{sysconfig.get_path('purelib')}\n{TOP}\n")
    command = [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation", str(EXAMPLE)]
    subprocess.run(command, check=True)
    return python


def test_the_example_keeps_the_contract_of_flavors(with_example: Path, tmp_path: Path) -> None:
    command = [with_example, "-m", "pytest", "-q", "-c", TOP / "pyproject.toml", "-p", "no:cacheprovider", "-m", ""]
    done = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'own'}", CONTRACT / "centroids_contract.py"],
        capture_output=True,
        text=True,
        cwd=TOP,
        env={**os.environ, "PYTHONPATH": str(CONTRACT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert PROVEN in done.stdout


FOR_MLFLOW = """
import sys
sys.path.insert(0, sys.argv[1])
import gitreg
from centroids_models import of_frame
model, data = of_frame()
gitreg.save_model(model, sys.argv[2], input_example=data[:3])
data.to_pickle(sys.argv[3])
print(model.label(data.to_numpy().tolist()))
"""


def test_mlflow_predicts_with_it_where_the_flavor_is(with_example: Path, mlflow_python: Run, home: Path) -> None:
    command = [with_example, "-c", FOR_MLFLOW, CONTRACT, home / "model", home / "data.pickle"]
    path = str(TOP / "tests")
    environment = {**os.environ, "PYTHONPATH": path}
    wanted = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    code = (
        "import pandas, sys, mlflow.pyfunc; "
        "print(mlflow.pyfunc.load_model(sys.argv[1]).predict(pandas.read_pickle(sys.argv[2])))"
    )
    said = mlflow_python("-c", code, home / "model", home / "data.pickle", PYTHONPATH=f"{TOP}:{EXAMPLE}")
    assert said == wanted


class Odd:
    """A model of a framework that nobody brings a flavor for."""

    def predict(self, data: object) -> object:
        return data


@pytest.fixture
def entry_points(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """What is installed, for one test."""
    found: list[EntryPoint] = []
    monkeypatch.setattr(_installed, "entry_points", lambda group: found)
    _installed.installed.cache_clear()
    yield found
    _installed.installed.cache_clear()


def test_a_broken_flavor_is_a_warning_and_spoils_nothing(
    entry_points: list[EntryPoint], recwarn: pytest.WarningsRecorder, home: Path
) -> None:
    entry_points.append(EntryPoint("odd", "no_such_module_at_all", _installed.GROUP))
    assert detect_flavor(decision_tree()[0]).NAME == "sklearn"
    assert "the flavor odd of no_such_module_at_all cannot be imported" in str(recwarn[0].message)
    with pytest.raises(Unsupported, match="the flavor odd of no_such_module_at_all cannot be imported") as caught:
        get_flavor("odd")
    assert caught.value.hint.startswith("pip install --upgrade no_such_module_at_all")


def test_a_module_that_is_no_flavor_is_told(entry_points: list[EntryPoint]) -> None:
    entry_points.append(EntryPoint("json", "json", _installed.GROUP))
    with pytest.raises(Unsupported, match="has not the names of a flavor"):
        get_flavor("json")


def test_no_installed_flavor_takes_the_place_of_gitregs_own(
    entry_points: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_points.append(EntryPoint("sklearn", "json", _installed.GROUP))
    assert get_flavor("sklearn").NAME == "sklearn"


def test_a_model_of_a_flavor_that_is_not_installed_says_so(home: Path) -> None:
    mlmodel = save_to(home / "model", Odd())
    foreign = MLModel(flavors={"odd": {"data": "model.pkl"}}, artifact_path="model")
    with pytest.raises(Unsupported, match="gitreg has none of the flavors of model: odd"):
        load(home / "model", foreign)
    with pytest.raises(Unsupported, match="model has no python_function"):
        load_pyfunc(home / "model", foreign)
    assert load_pyfunc(home / "model", mlmodel).predict([1]) == [1]


def test_it_is_told_what_flavors_there_are() -> None:
    with pytest.raises(Unsupported, match="gitreg has no flavor odd") as caught:
        get_flavor("odd")
    assert "python_function" in caught.value.hint
