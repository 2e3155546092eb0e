"""/invocations: every form of data that MLflow's servers take, and what is wrong with the rest, over HTTP."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gitreg.flavors import load_pyfunc
from gitreg.format.mlmodel import parse_mlmodel
from serve.running import JSON, Running, serving

PARQUET = "application/vnd.apache.parquet"
NAMES = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
ROWS = [[5.1, 3.5, 1.4, 0.2], [5.9, 3.0, 5.1, 1.8]]
WANTED = [0, 2]
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": NAMES, "data": ROWS}},
        {"dataframe_split": {"columns": NAMES[::-1], "index": [7, 8], "data": [row[::-1] for row in ROWS]}},
        {"dataframe_records": RECORDS},
        {"dataframe_records": [{**row, "more": "x"} for row in RECORDS]},
        {"instances": RECORDS},
        {"inputs": RECORDS},
        {"inputs": {name: [row[name] for row in RECORDS] for name in NAMES}},
        {"inputs": ROWS},
        {"dataframe_records": RECORDS, "params": None, "unknown": 1},
    ],
)
def test_each_form_of_json(iris: Running, body: Any) -> None:
    told = iris.predict(body)
    assert told.predictions == WANTED
    assert told.headers["content-type"] == JSON
    assert told.headers["x-gitreg-version"] == "iris"


def test_csv_and_parquet(iris: Running) -> None:
    frame = pd.DataFrame(ROWS, columns=NAMES)
    for content_type in ("text/csv", "text/csv; charset=utf-8", "Text/CSV;charset=UTF-8"):
        assert iris.predict(frame.to_csv(index=False).encode(), content_type).predictions == WANTED
    for content_type in (PARQUET, "application/x-parquet"):
        told = iris.predict(parquet(frame), content_type)
        assert (told.predictions, told.headers["content-type"]) == (WANTED, JSON)


def test_one_answer_after_another_on_one_connection(iris: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", iris.port, timeout=30)
    for _ in range(3):
        connection.request("POST", "/invocations", json.dumps({"dataframe_records": RECORDS}), {"Content-Type": JSON})
        assert json.loads(connection.getresponse().read()) == {"predictions": WANTED}
        connection.request("POST", "/invocations", b"{", {"Content-Type": JSON})
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:1]) == (400, b"{")
    connection.close()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"dataframe_records": [RECORDS[0], {**RECORDS[1], NAMES[1]: "wide"}]},
         "column sepal width (cm), row 1: 'wide' is no double"),
        ({"dataframe_split": {"columns": NAMES[1:], "data": [row[1:] for row in ROWS]}},
         "the data lacks the column sepal length (cm)"),
        ({"dataframe_split": {"columns": NAMES, "data": [ROWS[0], ROWS[1][1:]]}}, "row 1: 3 of 4 values"),
        ({"dataframe_split": {"columns": NAMES, "data": ROWS, "rows": 2}}, "dataframe_split has rows"),
        ({"dataframe_split": 5}, "dataframe_split holds no table"),
        ({"dataframe_records": {}}, "dataframe_records is no list of objects"),
        ({"dataframe_records": RECORDS, "inputs": ROWS}, "more than one of dataframe_split, dataframe_records"),
        ({"rows": ROWS}, "none of dataframe_split, dataframe_records, instances, inputs (it has: rows)"),
        ({"dataframe_records": RECORDS, "params": [1]}, "params is no object"),
        (ROWS, "the data is no JSON object"),
        (b"", "the data is no JSON"),
        (b'{"inputs": [1, }', "the data is no JSON"),
        (b"\xff\xfe{}", "the data is no JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(iris: Running, body: Any, message: str) -> None:
    told = iris.predict(body)
    assert (told.status, told.headers["content-type"], set(told.json)) == (400, JSON, {"error_code", "message"})
    assert told.json["error_code"] == "BAD_REQUEST"
    assert message in told.json["message"]


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("text/csv", b"a,b\n1,2\n", "the data lacks the columns sepal length (cm)"),
        ("text/csv", ",".join(NAMES).encode() + b"\n1,2,3,4\n1,2,x,4\n", "column petal length (cm), row 1: 'x'"),
        ("text/csv", b"", "the data is no CSV"),
        (PARQUET, b"PAR1 and then nonsense PAR1", "the data is no parquet"),
    ],
)
def test_what_is_wrong_in_csv_and_parquet_is_named(iris: Running, content_type: str, body: bytes, message: str) -> None:
    told = iris.predict(body, content_type)
    assert (told.status, told.json["error_code"]) == (400, "BAD_REQUEST")
    assert message in told.json["message"]


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1",
     "application/json; format=pandas-split", "*/*", ";"],
)  # fmt: skip
def test_other_content_types(iris: Running, content_type: str) -> None:
    told = iris.predict(json.dumps({"inputs": ROWS}).encode(), content_type)
    assert (told.status, told.headers["content-type"], told.json["error_code"]) == (415, JSON, "BAD_REQUEST")


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
def test_json_with_its_charset(iris: Running, content_type: str) -> None:
    assert iris.predict(json.dumps({"inputs": ROWS}).encode(), content_type).predictions == WANTED


def test_a_body_over_the_limit_is_not_read(iris: Running) -> None:
    told = iris.predict(b" " * (1 << 20) + b"{}")
    assert (told.status, told.json["message"]) == (
        413, "the body is larger than 1MiB; gitreg serve --max-body allows more"
    )  # fmt: skip
    assert told.headers["connection"] == "close"
    assert iris.predict(b" " * ((1 << 20) - 2) + b"{}").status == 400


def chunks(size: int) -> Iterator[bytes]:
    yield from [b" " * 65536] * (size // 65536)


def test_a_chunked_body_over_the_limit(iris: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", iris.port, timeout=30)
    connection.request("POST", "/invocations", chunks(3 << 20), {"Content-Type": JSON}, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error_code"]) == (413, "BAD_REQUEST")
    connection.close()
    told = iris.ask("/invocations", json.dumps({"inputs": ROWS}).encode(), headers={"Expect": "100-continue"})
    assert told.predictions == WANTED


def test_a_client_that_goes_away_hurts_nobody(iris: Running) -> None:
    with socket.create_connection(("127.0.0.1", iris.port)) as cut:
        cut.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
    assert iris.predict({"inputs": ROWS}).predictions == WANTED
    with socket.create_connection(("127.0.0.1", iris.port), timeout=30) as garbage:
        garbage.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert garbage.recv(100).startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in iris.said()


def test_the_input_example_is_a_request(iris: Running, directories: Path) -> None:
    folder = directories / "iris"
    body = (folder / "serving_input_example.json").read_bytes()
    assert iris.predict(body).predictions == [0, 0, 0]


def test_types_and_params(directories: Path, tmp_path: Path) -> None:
    row = dict(code="007", visits=12.0, small=3, share=1, half=0.5, ok=True, since="2026-03-02T10:00:00", note=None)
    raw = base64.encodebytes(b"\x00" * 60).decode()
    with serving(tmp_path) as serve:
        typed = serve("--model-dir", directories / "typed")
        found = typed.predict({"dataframe_records": [{**row, "raw": raw}], "params": {"times": 3}}).predictions
        assert found["params"] == {"times": "int 3", "names": ["str 'a'"]}
        seen = {name: dtype for name, (dtype, _) in found["data"].items()}
        assert (seen["visits"], seen["small"], seen["share"], seen["half"]) == ("int64", "int32", "float64", "float32")
        assert found["data"]["raw"][1] == [f"bytes {bytes(60)!r}"]
        wrong = {"visits": 1.5, "small": 1 << 40, "share": "x", "ok": 1, "since": "nope", "raw": "!!", "code": 5}
        for name, value in wrong.items():
            told = typed.predict({"dataframe_records": [{**row, "raw": raw, name: value}]})
            assert told.status == 400
            assert f"column {name}, row 0: " in told.json["message"]
        told = typed.predict({"dataframe_records": [{**row, "raw": raw}], "params": {"times": "often"}})
        assert (told.status, "the param times is 'often'" in told.json["message"]) == (400, True)


def test_a_failure_of_the_model_says_nothing_of_its_insides(directories: Path, tmp_path: Path) -> None:
    with serving(tmp_path) as serve:
        obeying = serve("--model-dir", directories / "obeying")
        told = obeying.predict({"dataframe_records": [{"order": "raise", "value": 1}]})
        assert (told.status, told.json) == (
            500, {"error_code": "INTERNAL_ERROR", "message": "the model failed to predict: ValueError"}
        )  # fmt: skip
        assert "ValueError: a secret of the model" in obeying.said()
        assert obeying.predict({"dataframe_records": [{"order": "echo", "value": 2}]}).predictions == [{"value": 2.0}]


def test_an_answer_is_what_gitreg_predicts(iris: Running, directories: Path, flowers: pd.DataFrame) -> None:
    folder = directories / "iris"
    model = load_pyfunc(folder, parse_mlmodel((folder / "MLmodel").read_bytes()))
    wanted = model.predict(flowers)
    assert iris.predict({"dataframe_split": flowers.to_dict(orient="split")}).predictions == list(wanted)  # type: ignore[call-overload]
