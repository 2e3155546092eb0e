"""MLmodel: what a loader would stumble over, and paths that leave the directory."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gitreg.checks import run
from gitreg.checks._base import Proposal
from testing.plumbed import FLAVORS, ModelFiles
from testing.proposals import contents, proposal, texts


def said(found: Proposal) -> list[tuple[str, bool]]:
    (result,) = run(found, only=["mlmodel"]).results
    return [(problem.text, problem.blocks) for problem in result.problems]


def of(flavor: str, **settings: object) -> Proposal:
    """A model whose flavor has these settings."""
    flavors = {**FLAVORS, flavor: {**FLAVORS.get(flavor, {}), **settings}}
    text = "flavors: " + json.dumps(
        {name: {k: v for k, v in e.items() if v is not None} for name, e in flavors.items()}
    )
    return proposal(texts(contents(), MLmodel=text.encode()))


def test_a_model_without_mlmodel_or_with_one_that_does_not_parse() -> None:
    assert said(proposal(texts(contents(), MLmodel=None))) == [("churn@v1.3.0 has no MLmodel", True)]
    assert said(proposal(texts(contents(), MLmodel=b"flavors: [")))[0][1]
    assert said(proposal(texts(contents(), MLmodel=b"flavors: {}")))[0][0].endswith("names no flavor")


@pytest.mark.parametrize(
    ("flavor", "settings", "text"),
    [
        ("python_function", {"loader_module": None}, "python_function: it names no loader_module"),
        ("sklearn", {"pickled_model": None}, "sklearn: it names no pickled_model"),
        ("tensorflow", {}, "tensorflow: it names no data or saved_model_dir"),
        ("sklearn", {"pickled_model": "/etc/passwd"}, "'/etc/passwd', which leaves the model directory"),
        ("sklearn", {"pickled_model": "../../x.pkl"}, "which leaves the model directory"),
        ("sklearn", {"pickled_model": "C:x.pkl"}, "which leaves the model directory"),
        ("sklearn", {"pickled_model": "other.pkl"}, "pickled_model is other.pkl, which is not in the model directory"),
        ("sklearn", {"code": "lib"}, "code is lib, which is not in the model directory"),
        ("odd", {"weights": "/mnt/weights"}, "odd: weights is '/mnt/weights', which leaves the model directory"),
        ("python_function", {"env": {"conda": "../conda.yaml"}}, "which leaves the model directory"),
    ],
)
def test_what_cannot_be_loaded_blocks(flavor: str, settings: dict[str, object], text: str) -> None:
    found = said(of(flavor, **settings))
    assert len(found) >= 1 and found[0][1]
    assert text in found[0][0]


def test_what_is_there_may_be_named() -> None:
    assert said(of("sklearn", pickled_model="./model.pkl", data=None)) == []
    held = contents(files=ModelFiles(texts={"code/lib.py": "x = 1\n"}))
    model = b'flavors: {python_function: {loader_module: x, code: code, data: model.pkl, python_version: "3.11"}}'
    assert said(proposal(texts(held, MLmodel=model))) == []


def test_a_missing_environment_and_a_missing_python_function_are_remarks() -> None:
    assert said(of("python_function", env={"conda": "conda.yaml"})) == [
        ("MLmodel: python_function: env: conda.yaml is not there", False)
    ]
    native = b"flavors: {sklearn: {pickled_model: model.pkl}}"
    assert [blocks for _, blocks in said(proposal(texts(contents(), MLmodel=native)))] == [False]


def test_nothing_is_looked_at_where_there_is_no_version() -> None:
    (result,) = run(replace(proposal(), candidate=None), only=["mlmodel"]).results
    assert result.state == "skipped"
