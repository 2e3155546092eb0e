"""trim_openapi.py FROM TO PREFIX PATH...: what an OpenAPI description says of these paths and those under PREFIX."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LEFT_OUT = {"example", "examples", "description", "x-github", "externalDocs", "summary", "tags"}


def without_prose(item: Any, *, names: bool = False) -> Any:
    """The same, without what is for people alone; in a mapping of `names` (of properties ...) every key is kept."""
    if isinstance(item, list):
        return [without_prose(one) for one in item]
    if not isinstance(item, dict):
        return item
    return {
        key: value if key in {"enum", "required"} else without_prose(value, names=key in {"properties", "schemas"})
        for key, value in item.items()
        if names or key not in LEFT_OUT
    }


def references(item: Any) -> set[str]:
    """Every reference in it."""
    if isinstance(item, list):
        return set().union(*map(references, item))
    if not isinstance(item, dict):
        return set()
    own = {item["$ref"]} if isinstance(item.get("$ref"), str) else set()
    return own.union(*map(references, item.values()))


def trim(whole: dict[str, Any], prefix: str, more: list[str]) -> dict[str, Any]:
    """The paths, without prose, and the components that they lead to."""
    wanted = {path: item for path, item in whole["paths"].items() if path.startswith(prefix) or path in more}
    paths = {path: without_prose(item) for path, item in wanted.items()}
    kept: dict[str, Any] = {}
    waiting = references(paths)
    done: set[str] = set()
    while waiting:
        reference = waiting.pop()
        done.add(reference)
        kind, name = reference.removeprefix("#/components/").split("/")
        found = without_prose(whole["components"][kind][name])
        kept.setdefault(kind, {})[name] = found
        waiting |= references(found) - done
    return {
        "openapi": whole["openapi"],
        "info": {"version": whole["info"]["version"]},
        "paths": paths,
        "components": kept,
    }


if __name__ == "__main__":
    source, target, prefix, *more = sys.argv[1:]
    Path(target).write_text(json.dumps(trim(json.loads(Path(source).read_bytes()), prefix, more)))
