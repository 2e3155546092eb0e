"""What every flavor promises: saved and loaded, a model predicts the same, natively and through predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flavors.asking import ask, height, plain, rows
from flavors.models import CASES, LARGE, Case
from flavors.saving import files_of, save_to
from gitreg.flavors import FLAVORS, detect_flavor, get_flavor, load, load_pyfunc
from gitreg.flavors._base import Flavor
from gitreg.format.mlmodel import parse_mlmodel


def asked(model: Any, case: Case, data: Any) -> Any:
    return plain(ask(model, case.how, data, case.params))


def example(case: Case, data: Any) -> dict[str, Any]:
    """The option input_example: three rows, with params where the model takes some."""
    if not case.signed:
        return {}
    return {"input_example": (rows(data, 3), dict(case.params)) if case.params else rows(data, 3)}


def test_every_flavor_of_the_table_has_the_names_of_a_flavor_and_a_model_here() -> None:
    for name in FLAVORS:
        flavor = get_flavor(name)
        assert isinstance(flavor, Flavor)
        assert name == flavor.NAME
        assert name in LARGE or any(case.flavor == name for case in CASES.values())


@pytest.mark.parametrize("name", CASES)
def test_a_model_saved_and_loaded_predicts_the_same_for_100_rows(name: str, home: Path) -> None:
    case = CASES[name]
    model, data = case.make()
    assert case.flavor == detect_flavor(model).NAME
    wanted = asked(model, case, data)
    assert height(data) == 100

    written = save_to(home / "model", model, **example(case, data), **case.options)
    mlmodel = parse_mlmodel((home / "model/MLmodel").read_bytes())
    assert mlmodel == written
    native = load(home / "model", mlmodel, trust=case.trust)
    pyfunc = load_pyfunc(home / "model", mlmodel, trust=case.trust)

    assert asked(native, case, data) == wanted
    assert plain(pyfunc.predict(data, case.params)) == wanted
    assert (mlmodel.signature is not None) is case.signed
    assert mlmodel.signature is None or mlmodel.signature.outputs is not None
    predicts = {"onnx": "InferenceSession"}.get(case.flavor, type(native).__name__)
    assert type(pyfunc.unwrap()).__name__ == predicts


@pytest.mark.parametrize("name", CASES)
def test_saving_again_gives_the_same_bytes(name: str, home: Path) -> None:
    case = CASES[name]
    model, data = case.make()
    for folder in ("one", "two"):
        save_to(home / folder, model, **example(case, data), **case.options)
    assert files_of(home / "one") == files_of(home / "two")


@pytest.mark.parametrize("name", CASES)
def test_the_size_in_mlmodel_is_that_of_all_other_files(name: str, home: Path) -> None:
    case = CASES[name]
    model, data = case.make()
    mlmodel = save_to(home / "model", model, **example(case, data), **case.options)
    files = files_of(home / "model")
    del files["MLmodel"]
    assert mlmodel.model_size_bytes == sum(map(len, files.values()))
