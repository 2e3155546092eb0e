"""What a filter may ask: the names, their MLflow aliases, and the operators each takes.

MLflow's own search decides wherever MLflow knows the name; `labels` and the attributes that only a registry in
Git has are gitreg's.
"""

from __future__ import annotations

from typing import Literal

Entity = Literal["metrics", "params", "tags", "labels", "attributes"]
Searched = Literal["runs", "versions", "models"]
Kind = Literal["text", "status", "version", "number", "time"]

ENTITIES: dict[str, Entity] = {
    "metric": "metrics",
    "metrics": "metrics",
    "param": "params",
    "params": "params",
    "parameter": "params",
    "parameters": "params",
    "tag": "tags",
    "tags": "tags",
    "label": "labels",
    "labels": "labels",
    "attr": "attributes",
    "attribute": "attributes",
    "attributes": "attributes",
    "run": "attributes",
}

KINDS: dict[str, Kind] = {
    "artifact_uri": "text",
    "author": "text",
    "created": "time",
    "digest": "text",
    "ended": "time",
    "flavor": "text",
    "model": "text",
    "number": "number",
    "run_id": "text",
    "run_name": "text",
    "source_path": "text",
    "stage": "text",
    "started": "time",
    "status": "status",
    "updated": "time",
    "version": "version",
}
"""Every attribute a record may be asked for, and how its values are compared."""

_OF_ALL = ("model", "version", "number", "stage", "flavor", "run_id", "author", "digest")
_OF_A_RUN = ("run_name", "status", "started", "ended")
_RUN_ALIASES = {"start_time": "started", "end_time": "ended", "user_id": "author"}
_TAG_ALIASES = {
    "name": "model",
    "version_number": "number",
    "creation_timestamp": "created",
    "last_updated_timestamp": "updated",
}

ATTRIBUTES: dict[Searched, dict[str, str]] = {
    "runs": {key: key for key in (*_OF_ALL, *_OF_A_RUN, "artifact_uri")}
    | _RUN_ALIASES
    | dict.fromkeys(("created", "Created"), "started")
    | dict.fromkeys(("name", "run name", "Run name", "Run Name"), "run_name"),
    "versions": {key: key for key in (*_OF_ALL, *_OF_A_RUN, "created", "updated", "source_path")}
    | _RUN_ALIASES
    | _TAG_ALIASES,
    "models": {key: key for key in (*_OF_ALL, "created", "updated")} | _TAG_ALIASES | {"timestamp": "updated"},
}
"""For each kind of record: what may be written, and the one key it means."""

ORDERED = ("=", "!=", "<", "<=", ">", ">=")
_TEXT = ("=", "!=", "LIKE", "ILIKE")
_LISTS = ("IN", "NOT IN")
_NULLS = ("IS NULL", "IS NOT NULL")
_NO_LISTS = frozenset({"run_name", "status", "author", "artifact_uri", "source_path"})
_NULLABLE = frozenset({"model", "version", "stage", "flavor", "digest"})


def kind_of(entity: Entity, key: str) -> Kind:
    """How the values of `entity`.`key` are compared."""
    if entity == "attributes":
        return KINDS.get(key, "text")
    return "number" if entity == "metrics" else "text"


def operators_of(entity: Entity, key: str) -> tuple[str, ...]:
    """The operators that `entity`.`key` takes, in capitals."""
    kind = kind_of(entity, key)
    if kind in ("number", "time"):
        return ORDERED
    if entity != "attributes":
        return _TEXT + _NULLS
    lists = () if key in _NO_LISTS else _LISTS
    nulls = _NULLS if key in _NULLABLE else ()
    return _TEXT + (ORDERED[2:] if kind == "version" else ()) + lists + nulls
