"""Each flavor's way: saved, committed, published, pulled elsewhere, and asked in a program that never trained."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import gitreg
from flavors.models import CASES, LARGE
from flavors.test_contract import asked, example
from gitreg.errors import Damaged
from gitreg.flavors import FLAVORS
from gitreg.format.pointer import parse_pointer
from gitreg.stores.cache import object_path
from testing.gitcli import git
from testing.registries import Place, cloned

SMALL = [flavor for flavor in FLAVORS if flavor not in LARGE]
NAMES = {flavor: next(name for name, case in CASES.items() if case.flavor == flavor) for flavor in SMALL}
"""Flavor -> the case that travels."""

ELSEWHERE = """
import pickle, sys
sys.path.insert(0, sys.argv[2])
import gitreg
from flavors.asking import ask, plain
jobs = pickle.loads(open(sys.argv[1], "rb").read())
gitreg.use(jobs["registry"])
for model, job in jobs["models"].items():
    job["pyfunc"] = plain(gitreg.load_pyfunc(f"{model}@latest").predict(job["data"]))
    job["native"] = plain(ask(gitreg.load_model(f"{model}@latest"), job["how"], job["data"]))
open(sys.argv[1], "wb").write(pickle.dumps(jobs))
"""

WITHOUT = """
import importlib.abc, json, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"sklearn", "xgboost", "lightgbm", "onnx", "onnxruntime", "cloudpickle"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import gitreg
from gitreg.cli._group import Gitreg
gitreg.use(sys.argv[1])
said = {}
for model in sys.argv[3:]:
    version = gitreg.resolve(model)
    folder = gitreg.pull(version, f"{sys.argv[2]}/{model}")
    for command in (["ls", model], ["show", str(version)], ["diff", f"{model}@1", f"{model}@1"], ["log", model]):
        code = Gitreg().main(["-R", sys.argv[1], *command])
        assert code == 0, command
    try:
        gitreg.load_model(version)
    except gitreg.Unsupported as error:
        said[model] = [list(version.flavors), error.message, error.hint]
print("\\n" + json.dumps(said))
"""


@dataclass(frozen=True)
class Travelled:
    """The registry that published a version of each flavor, data and predictions by the model's name."""

    place: Place
    data: dict[str, Any]
    wanted: dict[str, Any]


def called(flavor: str) -> str:
    """The registered model of a flavor."""
    return flavor.replace("_", "-")


@pytest.fixture(scope="module")
def travelled(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Travelled:
    top = tmp_path_factory.mktemp("journey")
    place = cloned(top / "registry")
    data, wanted = {}, {}
    for flavor, name in NAMES.items():
        case = CASES[name]
        model, rows = case.make()
        folder = gitreg.save_model(model, top / flavor, **example(case, rows), **case.options)
        gitreg.commit(folder, register_as=called(flavor), registry=place.path)
        data[called(flavor)], wanted[called(flavor)] = rows, asked(model, case, rows)
    return Travelled(place, data, wanted)


def test_another_program_elsewhere_predicts_the_same(travelled: Travelled, tmp_path: Path) -> None:
    other = travelled.place.clone(tmp_path / "other")
    hows = {called(flavor): CASES[name].how for flavor, name in NAMES.items()}
    models = {name: {"data": data, "how": hows[name]} for name, data in travelled.data.items()}
    (tmp_path / "jobs").write_bytes(pickle.dumps({"registry": str(other.path), "models": models}))
    command = [sys.executable, "-c", ELSEWHERE, tmp_path / "jobs", Path(__file__).parents[1]]
    subprocess.run(command, check=True, cwd=tmp_path)
    found = pickle.loads((tmp_path / "jobs").read_bytes())["models"]
    assert {name: job["pyfunc"] for name, job in found.items()} == travelled.wanted
    assert {name: job["native"] for name, job in found.items()} == travelled.wanted


def test_without_any_framework_all_but_loading_works(travelled: Travelled, tmp_path: Path) -> None:
    other = travelled.place.clone(tmp_path / "other")
    command = [sys.executable, "-c", WITHOUT, str(other.path), str(tmp_path), *travelled.data]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    said = json.loads(done.stdout.splitlines()[-1])
    assert {model: tuple(flavors) for model, (flavors, _, _) in said.items()} == {
        called(flavor): tuple(sorted({flavor, "python_function"})) for flavor in SMALL
    }
    needed = {model: message.rpartition(" needs ")[2] for model, (_, message, _) in said.items()}
    assert needed == {
        "xgboost": "xgboost, which is not installed",
        "lightgbm": "lightgbm, which is not installed",
        "onnx": "onnx, which is not installed",
        "sklearn": "scikit-learn, which is not installed",
        "python-function": "cloudpickle, which is not installed",
    }
    for model, (_, _, hint) in said.items():
        pinned = (tmp_path / model / "requirements.txt").read_text().split()
        assert hint.startswith("pip install ") and hint.removeprefix("pip install ") in pinned


@pytest.mark.parametrize("flavor", SMALL)
def test_a_payload_that_was_changed_is_refused_by_its_name(flavor: str, travelled: Travelled, tmp_path: Path) -> None:
    other = travelled.place.clone(tmp_path / "other")
    names = git(other.path, "ls-tree", "-r", "--name-only", f"{called(flavor)}@1").splitlines()
    pointers = [name for name in names if name.endswith(".dvc") and "example" not in name]
    assert pointers
    for name in pointers:
        pointer = parse_pointer(git(other.path, "show", f"{called(flavor)}@1:{name}") + "\n")
        with changed(object_path(travelled.place.payloads, pointer.md5)):
            for read in (gitreg.load_model, gitreg.load_pyfunc):
                with pytest.raises(Damaged, match=re.escape(pointer.path)):
                    read(called(flavor), registry=other.path)


@contextlib.contextmanager
def changed(file: Path) -> Iterator[None]:
    """Another byte at the end of a file, for as long as it lasts."""
    before = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        yield
    finally:
        file.write_bytes(before)


def test_tensors_outside_the_graph_are_a_payload_of_their_own(travelled: Travelled, tmp_path: Path) -> None:
    place = travelled.place
    model, data = CASES["onnx"].make()
    logged = gitreg.log_model(model, input_example=data[:2], registry=place.path)
    names = git(place.path, "ls-tree", "-r", "--name-only", f"run/{logged.run_id}").splitlines()
    assert {"model/model.onnx.dvc", "model/model.onnx.data.dvc"} <= set(names)
    assert gitreg.load_pyfunc(logged, registry=place.path).predict(data)["y"].shape == (100, 1)  # type: ignore[index, call-overload]
    folder = gitreg.pull(logged, tmp_path / "pulled", registry=place.path)
    assert (folder / "model.onnx.data").read_bytes() == model.graph.initializer[0].raw_data
