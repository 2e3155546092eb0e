"""Bodies that nobody means well with: each gets an answer of 4xx as JSON, and the server lives on."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from serve.running import JSON, Running, Serve, serving

PARQUET = "application/vnd.apache.parquet"


@pytest.fixture(scope="module")
def typed(directories: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of a model that takes anything its signature allows."""
    with serving(tmp_path_factory.mktemp("hostile")) as serve:
        server = serve("--model-dir", directories / "typed", "--max-body", "1MiB")
        yield server
        assert server.ask("/ping").status == 200
        assert server.process.poll() is None
        assert "Traceback" not in server.said()


def deep(opening: str, closing: str, times: int) -> bytes:
    return ('{"inputs": ' + opening * times + "1" + closing * times + "}").encode()


BODIES = {
    "deep lists": deep("[", "]", 100_000),
    "lists that recursion just bears": deep("[", "]", 900),
    "lists deeper than arrays": deep("[", "]", 70),
    "deep objects": deep('{"a":', "}", 50_000),
    "objects that recursion just bears": deep('{"a":', "}", 900),
    "never closed": b'{"inputs": ' + b"[" * 500_000,
    "a huge integer": b'{"dataframe_records": [{"visits": ' + b"9" * 5000 + b"}]}",
    "a large integer": b'{"dataframe_records": [{"visits": ' + b"9" * 4000 + b"}]}",
    "a large integer as a double": b'{"dataframe_records": [{"share": ' + b"9" * 4000 + b"}]}",
    "a huge exponent": b'{"dataframe_records": [{"visits": 1e999999999}]}',
    "NaN everywhere": b'{"dataframe_records": [{"code": NaN, "visits": NaN, "ok": -Infinity, "raw": NaN}]}',
    "duplicate keys": b'{"inputs": 1, "inputs": [[]], "params": {}, "params": null}',
    "invalid UTF-8": b'{"dataframe_records": [{"code": "\xff\xfe"}]}',
    "lone surrogates": b'{"dataframe_records": [{"code": "\\ud800"}]}',
    "UTF-16": '{"inputs": [1]}'.encode("utf-16"),
    "NUL": b"\x00" * 1000,
    "many keys": json.dumps({"inputs": {f"k{n}": [n] for n in range(20_000)}}).encode(),
    "a split of strings": b'{"dataframe_split": {"columns": "code", "data": "rows"}}',
    "columns of lists": b'{"dataframe_split": {"columns": [["a"], {}], "data": [[1, 2]]}}',
    "columns twice": b'{"dataframe_split": {"columns": ["code", "code"], "data": [[1, 2]]}}',
    "an index of objects": b'{"dataframe_split": {"columns": ["code"], "index": [{}], "data": [["x"]]}}',
    "rows of many kinds": b'{"dataframe_records": [{"code": 1}, {"code": {}}, {"code": [null]}, {}]}',
    "params of params": b'{"dataframe_records": [{}], "params": {"times": {"times": [1]}}}',
}
CSVS = {
    "many columns": b",".join(b"c%d" % n for n in range(100_000)) + b"\n",
    "only commas": b"," * 200_000,
    "an open quote": b'code,visits\n"' + b"x" * 200_000,
    "only newlines": b"\n" * 200_000,
    "NUL": b"code\x00,visits\n\x00,1\n",
    "invalid UTF-8": b"code\n\xff\xfe\n",
    "a long number": b"visits\n" + b"9" * 100_000 + b"\n",
    "unlike rows": b"code,visits\na\nb,1,2\n",
    "a carriage": b"code,visits\r\r\r1,2\r",
}


def bomb() -> bytes:
    """A small file of very many rows."""
    buffer = io.BytesIO()
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 12_000_000, pa.int8()), pa.array(["x"]))
    pq.write_table(pa.table({f"c{n}": column for n in range(10)}), buffer, compression="zstd")
    return buffer.getvalue()


def files() -> dict[str, bytes]:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"code": ["x"], "visits": [1]}), buffer)
    whole = buffer.getvalue()
    lying = bytearray(whole)
    lying[-8:-4] = (1 << 30).to_bytes(4, "little")
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 255
    return {
        "cut": whole[:-20], "half": whole[: len(whole) // 2], "no head": whole[8:], "a footer that lies": bytes(lying),
        "a changed byte": bytes(changed), "only the mark": b"PAR1" * 4, "a bomb": bomb(),
    }  # fmt: skip


def refused(server: Running, body: bytes, content_type: str) -> None:
    told = server.predict(body, content_type)
    assert 400 <= told.status < 500, told
    assert told.headers["content-type"] == JSON
    assert set(told.json) == {"error_code", "message"}
    assert len(told.body) < 4000


@pytest.mark.parametrize("name", BODIES)
def test_json(name: str, typed: Running) -> None:
    refused(typed, BODIES[name], JSON)


ROW = {"code": "007", "visits": 12, "small": 3, "share": 1.5, "half": 0.25, "ok": True, "since": "2026-03-02T10:00:00",
       "raw": "AAEC", "note": "a"}  # fmt: skip
OTHERS: list[object] = [{}, [], {"a": 1}, [1], "?", True, 5]


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a right one"])
@pytest.mark.parametrize("name", ROW)
def test_a_value_of_another_type(name: str, beside: bool, typed: Running) -> None:
    assert typed.predict({"dataframe_records": [ROW, ROW]}).status == 200
    for value in OTHERS:
        number = isinstance(ROW[name], int | float) and type(value) is int
        if (type(value) is not type(ROW[name]) and not number) or (value == "?" and name in ("since", "raw")):
            rows = [ROW, {**ROW, name: value}] if beside else [{**ROW, name: value}] * 2
            told = typed.predict({"dataframe_records": rows})
            assert (told.status, name in told.json["message"]) == (400, True), (value, told.body)


def test_a_column_twice(typed: Running) -> None:
    body = {"dataframe_split": {"columns": [*ROW, "code"], "data": [[*ROW.values(), "x"]]}}
    told = typed.predict(body)
    assert (told.status, "two columns 'code'" in told.json["message"]) == (400, True), told.body


@pytest.mark.parametrize("name", CSVS)
def test_csv(name: str, typed: Running) -> None:
    refused(typed, CSVS[name], "text/csv")


def test_parquet(typed: Running) -> None:
    for body in files().values():
        refused(typed, body, PARQUET)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
FORMS = st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs", "params", "columns", "data"])


@given(st.dictionaries(FORMS, VALUES, min_size=1) | VALUES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json(typed: Running, value: Any) -> None:
    refused(typed, json.dumps(value).encode(), JSON)


@given(st.binary(max_size=200), st.sampled_from([JSON, "text/csv", PARQUET]) | st.text(max_size=20))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(typed: Running, body: bytes, content_type: str) -> None:
    refused(typed, body, "".join(char for char in content_type if " " <= char <= "~"))


def test_requests_from_its_description(directories: Path, serve: Serve) -> None:
    """Schemathesis makes them: those that fit the schemas, which are answered, and those that do not, which are not."""
    server = serve("--model-dir", directories / "described")
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    statuses: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        seen = statuses.setdefault(operation.path, set())
        takes = operation.path == "/invocations"
        for mode in GenerationMode if takes else [GenerationMode.POSITIVE]:
            _ask(operation.as_strategy(generation_mode=mode), seen, 30 if takes else 2)
    assert statuses.pop("/invocations") >= {200, 400}
    assert set().union(*statuses.values()) >= {200}


def _ask(cases: Any, seen: set[int], times: int) -> None:
    @given(case=cases)
    @settings(max_examples=times, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        # No schema tells which texts are a CSV, and which bytes parquet.
        excluded = [] if case.media_type in (None, JSON) else [CHECKS.get_one("positive_data_acceptance")]
        seen.add(case.call_and_validate(timeout=30, excluded_checks=excluded).status_code)

    ask()
