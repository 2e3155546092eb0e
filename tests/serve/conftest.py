"""Small models, and servers of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import gitreg
from gitreg.format.schema import Column, Param, Signature, Tensor
from serve.models import script
from serve.running import Running, Serve, serving
from testing.signatures import columns


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with serving(tmp_path) as started:
        yield started


SIGNATURES: dict[str, Signature | None] = {
    "plain": None,
    "typed": Signature(
        columns(code="string", visits="long", small="integer", share="double", half="float", ok="boolean",
                since="datetime", raw="binary", note="string?", extra="double?"),
        columns(told="string"),
        (Param("times", "long", 1), Param("names", "string", ["a"], (-1,))),
    ),
    # No datetime: JSON Schema cannot say what is one without a zone.
    "described": Signature(
        columns(code="string", visits="long", small="integer", share="double", ok="boolean", raw="binary",
                note="string?", tags="array<string>", who="object{age: long, name: string?}"),
        None,
        (Param("times", "long", 1), Param("names", "string", ["a"], (-1,))),
    ),
    "numbers": Signature(columns(a="double", b="long")),
    "unnamed": Signature((Column(None, "double"), Column(None, "long"))),
    "tensor": Signature((Tensor(None, "float64", (-1, 2)),)),
    "tensors": Signature((Tensor("x", "float32", (-1, 2)), Tensor("y", "int64", (-1,)))),
}  # fmt: skip


@pytest.fixture(scope="session")
def directories(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of model directories: those of SIGNATURES, which tell what they are given; `answering`, and `iris`."""
    top = tmp_path_factory.mktemp("directories")
    code = script()
    for name, signature in SIGNATURES.items():
        save(code["telling"], top / name, signature=signature)
    save(code["answering"], top / "answering")
    save(code["obeying"], top / "obeying", signature=Signature(columns(order="string", value="double")))
    x, y = load_iris(return_X_y=True, as_frame=True)
    gitreg.save_model(
        DecisionTreeClassifier(random_state=0).fit(x, y), top / "iris", flavor="sklearn", input_example=x[:3]
    )
    return top


def save(model: object, folder: Path, **options: Any) -> None:
    gitreg.save_model(model, folder, flavor="python_function", pip_requirements=["pandas"], **options)


@pytest.fixture(scope="module")
def iris(directories: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of a small scikit-learn model, for all tests of a module."""
    with serving(tmp_path_factory.mktemp("iris")) as started:
        yield started("--model-dir", directories / "iris", "--max-body", "1MiB")


@pytest.fixture(scope="session")
def flowers() -> pd.DataFrame:
    return load_iris(return_X_y=True, as_frame=True)[0]
