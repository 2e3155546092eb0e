"""The flavors of large frameworks: the contract of every flavor, and both directions with MLflow.

A class of tests is about one table of models: `--dist loadscope` gives it to one worker.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

import gitreg
from gitreg.flavors import FLAVORS
from gitreg.format.mlmodel import parse_mlmodel
from testing.flavor_contract import FlavorContract, Published, called
from testing.registries import cloned
from testing.warm import Run

HERE = Path(__file__).parent

OF_GITREG = {"SHA256SUMS", "input_example.json", "serving_input_example.json", "registered_model_meta"}


class BothWays(FlavorContract):
    """What is promised of one table besides: MLflow reads what gitreg saved, and gitreg what MLflow saved."""

    @pytest.fixture(scope="class")
    def saved_by_mlflow(self, mlflow_side: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A folder of models that MLflow saved, and `wanted.pickle`."""
        top = tmp_path_factory.mktemp("mlflow")
        mlflow_side(HERE / "mlflow_side.py", "save", self.table, top, cwd=top)
        return top

    def test_mlflow_predicts_the_same(self, published: Published, mlflow_side: Run, tmp_path: Path) -> None:
        names = [name for name, kind in self.kinds.items() if kind.mlflow]
        own = self.elsewhere(published.jobs(names, published.place.path), tmp_path)
        jobs = {}
        for name in names:
            folder = gitreg.pull(called(name), tmp_path / called(name), registry=published.place.path)
            jobs[name] = (str(folder), published.data[name])
        (tmp_path / "jobs").write_bytes(pickle.dumps(jobs))
        mlflow_side(HERE / "mlflow_side.py", "load", self.table, tmp_path / "jobs", cwd=tmp_path)
        assert pickle.loads((tmp_path / "jobs").read_bytes()) == own

    def test_what_mlflow_saved_predicts_the_same(self, saved_by_mlflow: Path, tmp_path: Path) -> None:
        wanted = pickle.loads((saved_by_mlflow / "wanted.pickle").read_bytes())
        place = cloned(tmp_path / "registry")
        jobs = {}
        for name, (data, _, _) in wanted.items():
            run = gitreg.commit(saved_by_mlflow / name, registry=place.path)
            jobs[name] = (str(place.path), f"run:{run.id}", data)
        found = self.elsewhere(jobs, tmp_path)
        assert found == {name: (native, pyfunc) for name, (_, native, pyfunc) in wanted.items()}

    def test_its_keys_and_files_are_those_of_mlflow(
        self, published: Published, saved_by_mlflow: Path, tmp_path: Path
    ) -> None:
        for name in pickle.loads((saved_by_mlflow / "wanted.pickle").read_bytes()):
            ours = gitreg.pull(called(name), tmp_path / called(name), registry=published.place.path)
            theirs = saved_by_mlflow / name
            assert self.kinds[name].flavor in keys(ours)
            assert keys(ours) == keys(theirs), name
            assert files(ours) == files(theirs), name


def keys(folder: Path) -> dict[str, list[str]]:
    """The keys of each flavor's entry in MLmodel; MLflow writes some that say nothing (`code: null`)."""
    entries = parse_mlmodel((folder / "MLmodel").read_bytes()).flavors
    return {name: sorted(key for key in entry if entry[key] is not None) for name, entry in entries.items()}


def files(folder: Path) -> set[str]:
    """The files of a model directory that both write; ids and numbers in names are left out."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {re.sub(r"[0-9a-f]{8}-[-0-9a-f]{20,}|_[0-9a-f]{12}|[0-9]{2,}", "*", name) for name in found - OF_GITREG}


class TestPytorch(BothWays):
    flavor, package, table = "pytorch", "torch", "frameworks.kinds.pytorch_models"


class TestKeras(BothWays):
    flavor, package, table = "keras", "keras", "frameworks.kinds.keras_models"


class TestTensorflow(BothWays):
    flavor, package, table = "tensorflow", "tensorflow", "frameworks.kinds.tensorflow_models"


class TestH2o(BothWays):
    flavor, package, table = "h2o", "h2o", "frameworks.kinds.h2o_models"


class TestSpark(BothWays):
    flavor, package, table = "spark", "pyspark", "frameworks.kinds.spark_models"


def test_every_flavor_of_the_table_is_tested_here_or_with_the_small_ones() -> None:
    from flavors.models import CASES

    here = {kind.flavor for kind in BothWays.__subclasses__()}
    assert {*here, "crate", *(case.flavor for case in CASES.values())} == set(FLAVORS)
