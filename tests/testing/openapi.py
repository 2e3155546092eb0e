"""Requests and replies against a forge's own published description (OpenAPI 3.0)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import referencing
from jsonschema import Draft202012Validator
from referencing.jsonschema import DRAFT202012

from testing.forge_stub import Exchange

WHOLE = "urn:description"


class Description:
    """A description, trimmed to the paths that begin with one of `prefixes`."""

    def __init__(self, whole: dict[str, Any], *prefixes: str) -> None:
        self.whole = _as_json_schema({key: value for key, value in whole.items() if key != "paths"})
        self.paths = {path: _as_json_schema(item) for path, item in whole["paths"].items() if path.startswith(prefixes)}

    @classmethod
    def read(cls, path: Path, *prefixes: str) -> Description:
        return cls(json.loads(path.read_bytes()), *prefixes)

    @cached_property
    def files(self) -> referencing.Registry[Any]:
        return referencing.Registry().with_resource(WHOLE, DRAFT202012.create_resource(self.whole))

    def operation(self, method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
        """The template that a path fits and what is said of the method; of several the one with fewest parameters."""
        fitting = [
            template for template, item in self.paths.items()
            if method.lower() in item and re.fullmatch(re.sub(r"\\{[^{}]+\\}", "[^/]+", re.escape(template)), path)
        ]  # fmt: skip
        if not fitting:
            return None
        best = min(fitting, key=lambda template: template.count("{"))
        return best, self.paths[best][method.lower()]

    def resolved(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference stands for."""
        while "$ref" in item:
            found: Any = self.whole
            for key in item["$ref"].removeprefix(f"{WHOLE}#/").split("/"):
                found = found[key]
            item = found
        return item

    def mistakes(self, asked: Exchange, path: str) -> list[str]:
        """All that does not fit in a request to `path` (below the API's base) and in its reply."""
        what = f"{asked.method} {path}"
        found = self.operation(asked.method, path)
        if found is None:
            return [f"{what}: there is no such operation"]
        template, operation = found
        return [f"{what}: {mistake}" for mistake in self._all(asked, self.paths[template], operation)]

    def _all(self, asked: Exchange, item: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[str]:
        yield from self._query(asked, [*item.get("parameters", ()), *operation.get("parameters", ())])
        if asked.status < 400:  # a stub refuses bad requests too
            yield from self._body(asked, operation)
        answers = operation["responses"]
        if str(asked.status) not in answers and "default" not in answers:
            if asked.status not in (401, 403, 404):  # every operation may say that
                yield f"no answer {asked.status} is described"
            return
        answer = self.resolved(answers.get(str(asked.status)) or answers["default"])
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            if asked.reply is not None and asked.status < 400:
                yield f"the answer {asked.status} has no content, but {str(asked.reply)[:80]}"
            return
        yield from self._fits(asked.reply, schema, f"answer {asked.status}")

    def _query(self, asked: Exchange, parameters: list[Mapping[str, Any]]) -> Iterator[str]:
        known = {one["name"]: one for one in map(self.resolved, parameters) if one["in"] == "query"}
        for name, text in asked.query.items():
            if name not in known:
                yield f"there is no parameter {name}"
                continue
            schema = known[name]["schema"]
            yield from self._fits(_meant(text, self.resolved(schema).get("type")), schema, f"parameter {name}")

    def _body(self, asked: Exchange, operation: Mapping[str, Any]) -> Iterator[str]:
        if "requestBody" not in operation:
            if asked.body:
                yield f"it takes no body, but {str(asked.body)[:80]}"
            return
        body = self.resolved(operation["requestBody"])
        if asked.body is None:
            if body.get("required"):
                yield "its body is missing"
            return
        schema = body["content"]["application/json"]["schema"]
        yield from self._fits(asked.body, schema, "body")
        known = self.resolved(schema).get("properties")
        for key in set(asked.body) - set(known or asked.body):
            yield f"body has {key}, which is not described"

    def _fits(self, value: Any, schema: Mapping[str, Any], what: str) -> Iterator[str]:
        for error in Draft202012Validator(schema, registry=self.files).iter_errors(value):
            at = "/".join(map(str, error.absolute_path))
            yield f"{what}: {at}: {error.message[:200]}"


def _meant(text: str, kind: object) -> object:
    """The value that the text of a query stands for."""
    if kind == "integer" and re.fullmatch(r"\d+", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def _as_json_schema(item: Any) -> Any:
    """OpenAPI 3.0 has `nullable`, and no addresses in its references."""
    if isinstance(item, list):
        return [_as_json_schema(one) for one in item]
    if not isinstance(item, dict):
        return item
    found = {
        key: value if key in ("example", "examples", "default", "enum") else _as_json_schema(value)
        for key, value in item.items()
        if key not in ("nullable", "example", "examples", "discriminator")
    }
    if isinstance(found.get("$ref"), str) and found["$ref"].startswith("#"):
        found["$ref"] = WHOLE + found["$ref"]
    if item.get("nullable") is True:
        return {"anyOf": [found, {"type": "null"}]}
    return found
