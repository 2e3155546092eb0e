"""What the server tells besides predictions: health, metrics, its description, and pages that are not there."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

import gitreg
from gitreg.format.schema import Array, Column, Map, Object, Param, Property, Signature, Tensor
from gitreg.format.sums import parse_sums
from gitreg.serve.description import request_schema
from gitreg.serve.json_schema import tensor_schema, type_schema
from serve.models import script
from serve.running import JSON, Running, Serve
from testing.signatures import columns


def test_ping_health_and_version(iris: Running, directories: Path) -> None:
    ping = iris.ask("/ping")
    assert (ping.status, ping.body, ping.headers["content-type"]) == (200, b"\n", JSON)
    assert iris.ask("/ping", method="HEAD").status == 200
    health = iris.ask("/health").json
    digest = parse_sums((directories / "iris" / "SHA256SUMS").read_bytes()).digest()
    assert re.fullmatch(r"20\d\d-.*Z", health.pop("since"))
    assert health == {
        "status": "ok", "model": "iris", "version": None, "number": None, "digest": digest, "stages": [],
        "stale": False, "checked": None, "failed": None,
    }  # fmt: skip
    version = iris.ask("/version")
    assert (version.body.decode(), version.headers["content-type"]) == (
        gitreg.__version__, "text/plain; charset=utf-8"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/invocations/", 404, "ENDPOINT_NOT_FOUND"),
        ("POST", "/nothing", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/%00%ff", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/invocations", 405, "BAD_REQUEST"),
        ("PUT", "/invocations", 405, "BAD_REQUEST"),
        ("DELETE", "/ping", 405, "BAD_REQUEST"),
        ("POST", "/metrics", 405, "BAD_REQUEST"),
    ],
)
def test_what_is_not_there_is_told_as_json(iris: Running, method: str, path: str, status: int, code: str) -> None:
    told = iris.ask(path, b"{}", method=method)
    assert (told.status, told.headers["content-type"], told.json["error_code"]) == (status, JSON, code)
    assert ("allow" in told.headers) is (status == 405)


def values(text: str) -> dict[tuple[str, str], float]:
    """Name and, where it has labels, the first of them, to value."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics(iris: Running) -> None:
    before = values(iris.ask("/metrics").body.decode())
    assert iris.predict({"inputs": [[1, 2, 3, 4]]}).status == 200
    assert iris.predict({}).status == 400
    assert iris.predict({}, "text/plain").status == 415
    told = iris.ask("/metrics")
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    after = values(told.body.decode())

    def more(name: str, label: str = "") -> float:
        return after[name, label] - before.get((name, label), 0)

    assert [more("gitreg_invocations_total", status) for status in ("200", "400", "415")] == [1, 1, 1]
    assert more("gitreg_invocation_seconds_count") == 3
    assert more("gitreg_invocation_seconds_bucket", "+Inf") == 3
    assert 0 < more("gitreg_invocation_seconds_sum") < 60
    assert after["gitreg_invocations_in_progress", ""] == 0
    assert after["gitreg_swaps_total", ""] == after["gitreg_stale", ""] == after["gitreg_update_failed", ""] == 0
    assert [v for (name, _), v in after.items() if name == "gitreg_model_info"] == [1]


def test_the_description_has_the_columns_and_the_example(iris: Running) -> None:
    told = iris.ask("/openapi.json").json
    body = told["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]
    split = body["schema"]["anyOf"][0]["properties"]["dataframe_split"]
    assert split["properties"]["columns"]["const"][0] == "sepal length (cm)"
    assert iris.predict(body["example"]).predictions == [0, 0, 0]
    jsonschema.validate(body["example"], body["schema"])
    for path, method in (("/health", "get"), ("/invocations", "post")):
        answers = told["paths"][path][method]["responses"]
        assert {"200", "503"} <= set(answers)
    schemas = told["components"]["schemas"]
    jsonschema.validate(iris.ask("/health").json, schemas["Health"])
    jsonschema.validate(iris.predict({}).json, schemas["Error"])


class _Links(HTMLParser):
    """Everything that a page loads or links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(value) for name, value in attrs if name in ("src", "href", "action")]


def test_the_page_needs_no_internet(iris: Running) -> None:
    told = iris.ask("/docs")
    assert told.headers["content-type"].startswith("text/html")
    page = told.body.decode()
    links = _Links()
    links.feed(page)
    assert links.found == ["openapi.json"]
    assert "sepal length (cm)" in page
    assert "<title>iris</title>" in page


NESTED = Signature(
    (
        Column("tags", Array("string")),
        Column("who", Object((Property("age", "long"), Property("name", "string", required=False)))),
        Column("shares", Map("double"), required=False),
    ),
    None,
    (Param("top", "long", 3), Param("names", "string", ["a"], (-1,))),
)


def accepts(schema: dict[str, object], value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


def test_schemas_of_columns() -> None:
    schema = request_schema(NESTED.inputs, NESTED.params)
    row = {"tags": ["a"], "who": {"age": 5}, "shares": {"x": 0.5}}
    assert accepts(schema, {"dataframe_records": [row], "params": {"top": 5, "names": ["b"]}})
    assert accepts(schema, {"dataframe_records": [{**row, "shares": None}]})
    assert accepts(schema, {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}})
    for wrong in ({"tags": [1]}, {"who": {"name": "x"}}, {"who": {"age": 5, "more": 1}}, {"shares": {"x": "y"}}):
        assert not accepts(schema, {"dataframe_records": [{**row, **wrong}]})
    assert not accepts(schema, {"dataframe_records": [row], "params": {"top": "x"}})
    assert not accepts(schema, {"dataframe_records": []})


def test_schemas_of_scalars_and_tensors() -> None:
    assert [accepts(type_schema("integer"), value) for value in (1, 1 << 31, 1.5, "1")] == [True, False, False, False]
    assert [accepts(type_schema("long"), value) for value in (1 << 62, 1 << 63)] == [True, False]
    cube = tensor_schema(Tensor(None, "float32", (-1, 2)))
    assert [accepts(cube, value) for value in ([[1, 2]], [[1]], [1, 2], [["a", "b"]])] == [True, False, False, False]
    small = tensor_schema(Tensor(None, "uint8", (-1,)))
    assert [accepts(small, value) for value in ([255], [256], [-1], [True])] == [True, False, False, False]
    by_name = request_schema((Tensor("x", "int64", (-1,)), Tensor("ok", "bool", (-1,))), None)
    assert accepts(by_name, {"inputs": {"x": [1], "ok": [True]}})
    assert not accepts(by_name, {"inputs": {"x": [1]}})
    assert accepts(request_schema(None, None), {"inputs": [1, "x"]})
    unnamed = request_schema((Column(None, "double"),), None)
    assert accepts(unnamed, {"inputs": [[1.5]]})


def test_a_version_of_a_registry(serve: Serve, home: Path, directories: Path) -> None:
    place = home / "models"
    gitreg.init(place)
    signature = Signature(columns(a="double"))
    gitreg.log_model(
        script()["telling"], flavor="python_function", signature=signature, register_as="told", registry=place
    )
    server = serve("told@v1", "-R", place)
    assert f"serving told@v1.0.0 on {server.url}" in server.said()
    health = server.ask("/health").json
    assert (health["model"], health["version"], health["number"]) == ("told@v1.0.0", "v1.0.0", 1)
    assert health["digest"] == gitreg.resolve("told", registry=place).digest
    told = server.predict({"inputs": [[1]]})
    assert (told.status, told.headers["x-gitreg-version"]) == (200, "told@v1.0.0")
    assert 'version="v1.0.0"' in server.ask("/metrics").body.decode()
