"""The answers are those of MLflow's scoring server to the same requests, and MLflow's client works against it."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import gitreg
from gitreg.flavors import load_pyfunc
from gitreg.flavors.pyfunc import PyFunc
from gitreg.format.mlmodel import parse_mlmodel
from gitreg.format.schema import Param, Signature
from gitreg.registry.use.answering import JSON, PARQUET, answer
from serve.models import script
from serve.running import Serve
from testing.signatures import columns
from testing.warm import Run

HERE = Path(__file__).parent
ROW: dict[str, Any] = dict(
    code="007", visits=12, small=3, share=1.5, half=0.25, ok=True, since="2026-03-02T10:00:00", raw="AAEC", note="a",
    extra=None,
)  # fmt: skip
OTHER = {**ROW, "share": 2, "half": 1, "note": "hi", "extra": 3.5}
UNREAD = {name: value for name, value in ROW.items() if name != "raw"}

Job = tuple[str, str, str | bytes | dict[str, Any] | list[Any]]


def split(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"dataframe_split": {"columns": list(rows[0]), "data": [list(row.values()) for row in rows], **more}}


def parquet() -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"b": [1, 2], "a": [1.5, 2]}).to_parquet(buffer)
    return buffer.getvalue()


NUMBERS = [{"a": 1.5, "b": 2}, {"a": 2, "b": 3}]
BARE: Sequence[Any] = (
    [[1.5, 2], [3, 4]], [1.5, 2], {"a": [1.5, 2], "b": [1, 2]}, [{"a": 1.5, "b": 2}, {"a": 2, "b": 3}], 5, "x",
    ["x", "y"], None, [[[1, 2]], [[3, 4]]], True, [1, [2]], [[1, 2], [3]], [None], {"a": {"b": 1}}, {"a": ["x", "y"]},
)  # fmt: skip
SAME: list[Job] = [
    *(("typed", JSON, body) for rows in ([ROW], [ROW, OTHER]) for body in (
        {"dataframe_records": rows}, split(*rows), split(*rows, index=[5 + n for n in range(len(rows))]),
        {"dataframe_records": rows, "params": {"times": 5, "names": ["x", "y"], "other": 1}},
        {"dataframe_records": [{**row, "more": 1} for row in rows]},
    )),
    *(("typed", JSON, {"dataframe_records": [{**ROW, name: value}]}) for name, value in (
        ("visits", 12.0), ("visits", "x"), ("visits", None), ("visits", 1 << 70), ("share", "x"), ("share", None),
        ("share", 3), ("since", "nope"), ("since", "2026-03-02"), ("raw", 5), ("note", None), ("extra", 0.5),
    )),
    *(("typed", JSON, {"dataframe_records": [ROW], "params": params}) for params in (
        {"times": "x"}, {"times": None}, {"names": "x"}, [1], None, {},
    )),
    ("typed", JSON, {"dataframe_records": [{k: v for k, v in ROW.items() if k != "share"}]}),
    *(("numbers", JSON, {form: NUMBERS}) for form in ("dataframe_records", "instances", "inputs")),
    ("numbers", JSON, {"inputs": {"a": [1.5, 2], "b": [1, 2]}}),
    ("numbers", JSON, {"inputs": {"a": 1.5, "b": 2}}),
    ("numbers", JSON, '{"dataframe_records": [{"a": NaN, "b": 2}, {"a": Infinity, "b": 3}]}'),
    ("numbers", JSON, '{"dataframe_records": [{"a": 1, "a": 3, "b": 2}]}'),
    ("numbers", JSON, {"dataframe_records": NUMBERS, "unknown": 1}),
    ("numbers", JSON, {"dataframe_records": NUMBERS, "instances": NUMBERS}),
    ("numbers", JSON, {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}),
    *(("numbers", "text/csv", body) for body in (
        "b,a\n1,2\n3,4.5\n", "b,a\n1,\n3,4.5\n", "b,a\n1,x\n", "b\n1\n", "",
    )),
    *(("numbers", PARQUET, body) for body in (parquet(), b"PAR1nonsense")),
    ("plain", PARQUET, parquet()),
    *(("plain", "text/csv", body) for body in ("b,a\n1,2\n3,4.5\n", "a,b\n1,x\n,y\n")),
    *(("plain", JSON, {form: body}) for form in ("inputs", "instances") for body in BARE
      if not (form == "instances" and isinstance(body, dict) and "b" not in body)),
    *(("tensor", JSON, {"inputs": body}) for body in ([[1, 2], [3, 4.5]], [1, 2], [["a", "b"]], [[1, 2], [3]])),
    *(("tensors", JSON, {"inputs": body}) for body in (
        {"x": [[1, 2], [3, 4]], "y": [1, 2]}, {"x": [[1, 2]]}, {"x": [[1, 2, 3]], "y": [1]},
    )),
    ("tensors", JSON, {"instances": [{"x": [1, 2], "y": 1}, {"x": [3, 4], "y": 2}]}),
    *(("answering", JSON, {"inputs": [name]}) for name in script()["ANSWERS"]),
    *(("numbers", f"application/json; {parameter}", {"dataframe_records": NUMBERS}) for parameter in (
        "charset=utf-8", "charset=UTF-8", "charset=latin-1", "format=pandas-split",
    )),
    ("plain", JSON, {"prompt": "x", "temperature": 1}),
    *(("plain", JSON, body) for body in ("", "[]", "{}", "5", "null", "{", "\xff\xfe", {"rows": 1})),
]  # fmt: skip
"""Requests with one answer: that of MLflow."""

STRICTER: list[Job] = [
    *(("typed", JSON, {"dataframe_records": [{**ROW, name: value}]}) for name, value in (
        ("visits", 1.5), ("small", 1 << 40), ("share", "1.5"), ("share", True), ("ok", "x"), ("ok", 1), ("since", 5),
        ("raw", "!!"), ("code", 5),
    )),
    ("numbers", "text/csv", "b,a\n"),
]  # fmt: skip
"""Where MLflow would change a value without a word: cut 1.5 to 1 and 1 << 40 to 0, take any text for true."""


def sent(jobs: Sequence[Job], directories: Path) -> list[tuple[str, str, str]]:
    """The jobs as tests/serve/mlflow_answers.py takes them: bytes as latin-1."""
    found = []
    for model, content_type, body in jobs:
        raw = body if isinstance(body, str | bytes) else json.dumps(body)
        text = raw if isinstance(raw, str) else raw.decode("latin-1")
        found.append((str(directories / model), content_type, text))
    return found


@pytest.fixture(scope="module")
def models(directories: Path) -> dict[str, PyFunc]:
    return {
        str(folder): load_pyfunc(folder, parse_mlmodel((folder / "MLmodel").read_bytes()))
        for folder in directories.iterdir()
    }


def ours(models: dict[str, PyFunc], folder: str, content_type: str, body: str) -> tuple[int, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # params that a model does not have
        found = answer(models[folder], content_type, body.encode("latin-1"))
    return found.status, found.body.decode()


def test_answers_are_mlflows(directories: Path, models: dict[str, PyFunc], mlflow_python: Run, tmp_path: Path) -> None:
    jobs = sent([*SAME, *STRICTER], directories)
    (tmp_path / "jobs").write_text(json.dumps(jobs))
    theirs = json.loads(mlflow_python(HERE / "mlflow_answers.py", tmp_path / "jobs"))
    different = []
    for number, (job, (status, text)) in enumerate(zip(jobs, theirs, strict=True)):
        found, said = ours(models, *job)
        if number >= len(SAME):
            assert (status, found) == (200, 400), job
        elif found != status or (found == 200 and repr(json.loads(said)) != repr(json.loads(text))):
            different.append((job, status, text[:400], found, said[:400]))
    assert different == []


def test_its_client(serve: Serve, mlflow_python: Run, tmp_path: Path) -> None:
    def scaled(data: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        return data["a"] * (params or {})["times"] + data["b"]

    scaled.__module__ = "__main__"
    signature = Signature(columns(a="double", b="long"), None, (Param("times", "long", 1),))
    gitreg.save_model(
        scaled, tmp_path / "scaled", flavor="python_function", signature=signature, pip_requirements=["pandas"]
    )
    server = serve("--model-dir", tmp_path / "scaled")
    (tmp_path / "rows").write_text(json.dumps(NUMBERS))
    heard = json.loads(mlflow_python(HERE / "mlflow_asks.py", server.port, tmp_path / "rows"))
    refused = heard.pop("refused")
    assert heard == {
        "version": gitreg.__version__,
        "frame": {"0": [3.5, 5.0]},
        "array": {"0": [3.5, 5.0]},
        "params": {"0": [5.0, 7.0]},
    }
    assert refused.startswith("Invocation failed (error code 400, response: ")
    assert "the data lacks the column a" in refused


SERVING_INPUT = """
import json, sys
from mlflow.models import convert_input_example_to_serving_input
import pandas as pd
print(convert_input_example_to_serving_input(pd.DataFrame(json.loads(sys.argv[1]))))
"""


def test_its_payloads(directories: Path, models: dict[str, PyFunc], mlflow_python: Run, flowers: pd.DataFrame) -> None:
    payload = mlflow_python("-c", SERVING_INPUT, json.dumps(flowers[:3].to_dict(orient="list")))
    assert ours(models, str(directories / "iris"), JSON, payload) == (200, '{"predictions": [0, 0, 0]}')
