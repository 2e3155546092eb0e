"""Signatures and examples are those of MLflow, by a table that was recorded from it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from flavors import example_data
from gitreg.errors import Refused
from gitreg.flavors.enforcing import enforce_inputs
from gitreg.flavors.saving.examples import format_example
from gitreg.flavors.saving.infer import infer_signature
from gitreg.format.signature import format_signature, parse_signature
from testing.warm import Run

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "mlflow_examples.json").read_text("utf-8"))


@pytest.mark.parametrize("name", example_data.INPUTS)
def test_inputs_have_the_signature_that_mlflow_infers(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signature = infer_signature(example_data.INPUTS[name]())
    assert format_signature(signature) == RECORDED["inputs"][name]


@pytest.mark.parametrize("name", example_data.PARAMS)
def test_params_have_the_signature_that_mlflow_infers(name: str) -> None:
    recorded = RECORDED["params"][name]
    if recorded == "refused":
        with pytest.raises(Refused, match=r"^the param a "):
            infer_signature([1], params=example_data.PARAMS[name]())
    else:
        assert format_signature(infer_signature([1], params=example_data.PARAMS[name]())) == recorded


@pytest.mark.parametrize("name", example_data.EXAMPLES)
def test_examples_are_the_files_that_mlflow_writes(name: str) -> None:
    recorded = RECORDED["examples"][name]
    if recorded == "refused":
        with pytest.raises(Refused):
            format_example(example_data.EXAMPLES[name]())
    else:
        example = format_example(example_data.EXAMPLES[name]())
        assert {"info": example.info, "example": example.text, "serving": example.serving_text} == recorded


# MLflow takes any dtype from arrays inside a frame, though not from arrays as such.
STRICTER = {"frame of arrays of another dtype"}


@pytest.mark.parametrize("name", example_data.ENFORCED)
def test_data_is_enforced_as_mlflow_does(name: str) -> None:
    schema, make = example_data.ENFORCED[name]
    inputs = parse_signature({"inputs": json.dumps(schema)}).inputs
    assert inputs is not None
    recorded = RECORDED["enforced"][name]
    if recorded == "refused" or name in STRICTER:
        with pytest.raises(Refused):
            enforce_inputs(make(), inputs)
    else:
        assert example_data.described(enforce_inputs(make(), inputs)) == recorded


def test_the_recorded_table_is_what_mlflow_says_today(mlflow_python: Run) -> None:
    assert json.loads(mlflow_python(HERE / "mlflow_examples.py")) == RECORDED
