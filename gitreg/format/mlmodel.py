"""MLmodel: what MLflow Models says of a model directory (docs/format.md 1.2).

Both the form of 2020 (`env: conda.yaml`, `data: model.pkl`) and that of today are read. A file that a user committed
is never rewritten: `format_mlmodel` is for directories that gitreg makes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitreg.errors import Damaged, GitregError
from gitreg.format.signature import Signature, format_signature, parse_signature
from gitreg.format.yamltext import as_mapping, format_yaml, kind, load_mapping

NAME = "MLmodel"

PREDICT_ALONE = frozenset({"crate"})
"""Flavors that predict without a python_function beside them."""

_TEXTS = ("artifact_path", "run_id", "utc_time_created", "mlflow_version", "model_uuid", "model_id")
_KNOWN = frozenset({*_TEXTS, "model_size_bytes", "flavors", "signature", "saved_input_example_info", "metadata"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class PyFunc:
    """The entry python_function. `path` and `code` lie in the model directory, `path` being what the loader is given.

    `env_files` names the files of the environment by kind: `conda`, `virtualenv`.
    """

    loader_module: str
    path: str | None = None
    code: str | None = None
    env_files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MLModel:
    """One model directory. What is None is not in the file, or stands in `extra` as null.

    `flavors` maps a flavor's name to its settings; `extra` keeps keys that are not known here.
    """

    flavors: Mapping[str, Mapping[str, object]]
    artifact_path: str | None = None
    run_id: str | None = None
    utc_time_created: str | None = None
    mlflow_version: str | None = None
    model_uuid: str | None = None
    model_id: str | None = None
    model_size_bytes: int | None = None
    signature: Signature | None = None
    saved_input_example_info: Mapping[str, object] | None = None
    metadata: Mapping[str, object] | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def flavor_names(self) -> tuple[str, ...]:
        """The names of the flavors, sorted."""
        return tuple(sorted(self.flavors))

    @property
    def pyfunc(self) -> PyFunc | None:
        """The entry python_function, None without one. Damaged where its paths leave the directory."""
        entry = self.flavors.get("python_function")
        return None if entry is None else _pyfunc(entry, f"{NAME}: python_function")


def _pyfunc(entry: Mapping[str, object], what: str) -> PyFunc:
    loader = entry.get("loader_module")
    if not isinstance(loader, str) or not loader:
        raise Damaged(f"{what} has no loader_module")
    env = entry.get("env")
    files = {"conda": env} if isinstance(env, str) else as_mapping(env or {}, f"{what}: env")
    path = entry.get("model_path")
    return PyFunc(
        loader_module=loader,
        path=_inside(entry.get("data") if path is None else path, f"{what}: model_path"),
        code=_inside(entry.get("code"), f"{what}: code"),
        env_files={name: check_inside(file, f"{what}: env") for name, file in files.items() if file is not None},
    )


def _inside(value: object, what: str) -> str | None:
    return None if value is None else check_inside(value, what)


def check_inside(value: object, what: str) -> str:
    """`value`, if it is a path that stays in the model directory; otherwise Damaged, naming `what`.

    For every file name that MLmodel gives: a path of a stranger's would lead anywhere.
    """
    if not isinstance(value, str) or not value:
        raise Damaged(f"{what} is {kind(value)}, not a file name")
    if value.startswith("/") or ".." in value.split("/") or "\\" in value or ":" in value or _CONTROL.search(value):
        raise Damaged(f"{what} is {value[:100]!r}, which leaves the model directory")
    return value


def parse_mlmodel(text: str | bytes, what: str = NAME) -> MLModel:
    """The value of the file `text`; Damaged, naming `what`, where it is no MLmodel."""
    found = load_mapping(text, what, strings=_TEXTS)
    flavors = as_mapping(found.get("flavors"), f"{what}: flavors")
    if not flavors:
        raise Damaged(f"{what} names no flavor")
    size = found.get("model_size_bytes")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
        raise Damaged(f"{what}: model_size_bytes is not a whole number of bytes")
    signature = _signature(found.get("signature"), what)
    # A key that is there but null comes back out as null: MLflow tells absent from null.
    extra = {key: value for key, value in found.items() if key not in _KNOWN or value is None}
    if signature is None and "signature" in found:
        extra["signature"] = found["signature"]
    return MLModel(
        flavors={name: as_mapping(entry, f"{what}: flavors: {name}") for name, entry in flavors.items()},
        model_size_bytes=size,
        signature=signature,
        saved_input_example_info=_mapping(found, "saved_input_example_info", what),
        metadata=_mapping(found, "metadata", what),
        extra=extra,
        **{key: _text(found, key, what) for key in _TEXTS},
    )


def format_mlmodel(model: MLModel, what: str = NAME) -> str:
    """The text of `model`, keys sorted, as MLflow writes it.

    Refused, naming `what`, where metadata or a flavor's settings are no plain data, or exceed 1 MiB.
    """
    value: dict[str, object] = {**model.extra, "flavors": {name: dict(entry) for name, entry in model.flavors.items()}}
    for key in (*_TEXTS, "model_size_bytes"):
        if getattr(model, key) is not None:
            value[key] = getattr(model, key)
    for key in ("saved_input_example_info", "metadata"):
        if getattr(model, key) is not None:
            value[key] = dict(getattr(model, key))
    if model.signature is not None:
        value["signature"] = format_signature(model.signature)
    return format_yaml(value, what)


def _signature(value: object, what: str) -> Signature | None:
    if value is None:
        return None
    texts = as_mapping(value, f"{what}: signature")
    if all(texts.get(part) is None for part in ("inputs", "outputs", "params")):
        return None
    try:
        return parse_signature(texts)
    except GitregError as error:
        raise Damaged(f"{what}: {error.message}", error.hint) from None


def _text(found: Mapping[str, object], key: str, what: str) -> str | None:
    value = found.get(key)
    if value is not None and not isinstance(value, str):
        raise Damaged(f"{what}: {key} is {kind(value)}, not text")
    return value


def _mapping(found: Mapping[str, object], key: str, what: str) -> Mapping[str, object] | None:
    value = found.get(key)
    return None if value is None else as_mapping(value, f"{what}: {key}")
