"""The server as OpenAPI 3.1 describes it, with the schemas that the model's signature gives."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gitreg import __version__
from gitreg.format.schema import Column, Param, Schema, Tensor
from gitreg.serve._base import Served
from gitreg.serve.json_schema import column_schema, tensor_schema, type_schema
from gitreg.serve.loading import request_example

Json = dict[str, Any]

_ERRORS = {
    "400": "The data is not what the model takes; the message names the column and row.",
    "408": "The body did not come in time.",
    "413": "The body is larger than the server takes.",
    "415": "The data is of a content type that is not taken.",
    "500": "The model's own code failed.",
    "503": "The server does not know any more what it should serve.",
    "504": "The model did not answer in time.",
}


def describe(served: Served) -> Json:
    """The OpenAPI document of a server of this model."""
    return {
        "openapi": "3.1.0",
        "info": {"title": served.name, "version": __version__, "description": _about(served)},
        "paths": {
            "/invocations": {"post": _invocations(served)},
            "/ping": {"get": _page("Whether the server answers.", "application/json", {"503": _error("It does not.")})},
            "/health": {"get": _health()},
            "/version": {"get": _page("The version of gitreg.", "text/plain")},
            "/metrics": {"get": _page("Metrics for Prometheus.", "text/plain")},
        },
        "components": {"schemas": {"Error": _ERROR, "Health": _HEALTH}},
    }


def _about(served: Served) -> str:
    signed = "" if served.mlmodel.signature else " Its signature is not known, so any data may be sent."
    return f"Predictions of {served.name} ({served.digest}), in the scoring protocol of MLflow.{signed}"


def _invocations(served: Served) -> Json:
    signature = served.mlmodel.signature
    inputs, outputs, params = (signature.inputs, signature.outputs, signature.params) if signature else (None,) * 3
    body: Json = {"schema": request_schema(inputs, params)}
    example = request_example(served)
    if example is not None:
        with contextlib.suppress(ValueError, RecursionError):
            body["example"] = json.loads(example, parse_constant=lambda _: None)
    content: Json = {"application/json": body}
    if not any(isinstance(entry, Tensor) for entry in inputs or ()):
        content["text/csv"] = {"schema": {"type": "string", "description": "A row of names, then the values."}}
        content["application/vnd.apache.parquet"] = {"schema": {}}
    return {
        "operationId": "invocations",
        "summary": "Predict.",
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {
                "description": "A prediction for each row.",
                "headers": {"X-Gitreg-Version": {"description": "What predicted.", "schema": {"type": "string"}}},
                "content": {"application/json": {"schema": answer_schema(outputs)}},
            },
            **{status: _error(text) for status, text in _ERRORS.items()},
        },
    }


def request_schema(inputs: Schema | None, params: Sequence[Param] | None) -> Json:
    """What the body of a request may be as JSON."""
    own = {"params": _params(params)} if params else {}
    forms = [
        {"type": "object", "properties": {name: form, **own}, "required": [name]}
        for name, form in _forms(inputs).items()
    ]
    return {"anyOf": forms}


def _forms(inputs: Schema | None) -> Mapping[str, Json]:
    tensors = [entry for entry in inputs or () if isinstance(entry, Tensor)]
    columns = [entry for entry in inputs or () if isinstance(entry, Column)]
    if tensors:
        alone = tensor_schema(tensors[0])
        by_name = _record([(str(tensor.name), tensor_schema(tensor), True) for tensor in tensors])
        return {"inputs": alone if tensors[0].name is None else by_name}
    if not columns:
        table = {
            "type": "object",
            "properties": {"columns": _LIST, "index": _LIST, "data": _ROWS},
            "required": ["data"],
        }
        loose: Json = {"type": "array", "items": {"type": "object"}}
        return {"dataframe_split": table, "dataframe_records": loose, "instances": {}, "inputs": {}}
    if columns[0].name is None:
        rows = _rows(columns)
        return {"dataframe_split": _closed({"data": rows}, ["data"]), "inputs": rows, "instances": rows}
    names = [column.name for column in columns]
    split = _closed({"columns": {"const": names}, "data": _rows(columns)}, ["columns", "data"])
    record = _record([(str(column.name), column_schema(column), column.required) for column in columns])
    records: Json = {"type": "array", "items": record, "minItems": 1}
    return {"dataframe_split": split, "dataframe_records": records}


def _rows(columns: Sequence[Column]) -> Json:
    width = len(columns)
    row: Json = {
        "type": "array", "prefixItems": [column_schema(column) for column in columns], "minItems": width,
        "maxItems": width,
    }  # fmt: skip
    return {"type": "array", "items": row, "minItems": 1}


def _record(members: Sequence[tuple[str, Json, bool]]) -> Json:
    return {
        "type": "object",
        "properties": {name: schema for name, schema, _ in members},
        "required": [name for name, _, required in members if required],
    }


def _closed(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _params(params: Sequence[Param]) -> Json:
    found: Json = {}
    for param in params:
        schema = type_schema(param.type)
        if isinstance(param.type, str):  # null is none, as where it is the default
            schema = {"anyOf": [schema, {"type": "null"}]}
        if param.shape is not None:
            schema = {"type": "array", "items": schema}
        found[param.name] = {**schema, "default": param.default}
    return {"type": "object", "properties": found}


def answer_schema(outputs: Schema | None) -> Json:
    """What is answered. A number that is none (NaN) is in it as MLflow writes it, which no schema can say."""
    predictions: Json = {}
    if outputs and isinstance(outputs[0], Tensor):
        predictions = {
            "description": ", ".join(f"{t.name or 'one array'}: {t.dtype}{list(t.shape)}" for t in _t(outputs))
        }
    elif outputs:
        told = ", ".join(f"{c.name if c.name is not None else 'one value'}: {_said(c)}" for c in _c(outputs))
        predictions = {"type": "array", "description": f"Of each row {told}"}
    return {"type": "object", "properties": {"predictions": predictions}, "required": ["predictions"]}


def _t(outputs: Schema) -> list[Tensor]:
    return [entry for entry in outputs if isinstance(entry, Tensor)]


def _c(outputs: Schema) -> list[Column]:
    return [entry for entry in outputs if isinstance(entry, Column)]


def _said(column: Column) -> str:
    return column.type if isinstance(column.type, str) else type(column.type).__name__.lower()


def _error(text: str) -> Json:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _page(text: str, content_type: str, others: Json | None = None) -> Json:
    content: Json = {content_type: {}}
    return {"summary": text, "responses": {"200": {"description": text, "content": content}, **(others or {})}}


def _health() -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
    return {
        "summary": "What is served, since when, and what is wrong.",
        "responses": {
            "200": {"description": "The server answers.", "content": content},
            "503": {"description": "It does not know any more what it should serve.", "content": content},
        },
    }


_LIST: Json = {"type": "array"}
_ROWS: Json = {"type": "array", "items": {"type": "array"}}
_TEXT_OR_NULL: Json = {"type": ["string", "null"]}
_ERROR: Json = {
    "type": "object",
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["error_code", "message"],
}
_HEALTH: Json = {
    "type": "object",
    "properties": {
        "status": {"enum": ["ok", "stale", "failed-to-update", "too-stale"]},
        "model": {"type": "string"},
        "version": _TEXT_OR_NULL,
        "number": {"type": ["integer", "null"]},
        "digest": {"type": "string"},
        "stages": {"type": "array", "items": {"type": "string"}},
        "since": {"type": "string"},
        "stale": {"type": "boolean"},
        "checked": _TEXT_OR_NULL,
        "failed": {
            "type": ["object", "null"],
            "properties": {"version": {"type": "string"}, "message": {"type": "string"}},
        },
    },
    "required": ["status", "model", "version", "number", "digest", "since", "stale", "checked", "failed"],
}
