"""Predicting from a file: load, read the data as the signature types it, predict, write."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import NotFound
from gitreg.format.schema import Signature
from gitreg.format.versions import ModelVersion
from gitreg.registry.data_files import kind_of, parse_data
from gitreg.registry.load import Named, load_pyfunc
from gitreg.registry.place import Registry
from gitreg.registry.predictions import Kind, format_predictions

STDIN = "-"


@dataclass(frozen=True)
class Predicted:
    """Predictions as text, in the form `kind`; `version` is what gave them (None for a run's model)."""

    text: str
    kind: Kind
    version: ModelVersion | None


def predict_file(
    ref: Named,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    form: Kind | None = None,
    params: Mapping[str, object] | None = None,
    trust: Sequence[str] | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> Predicted:
    """The model's predictions for a CSV or JSON file (`-` is stdin), written to `target` if that is given.

    `form` is how they are written: by default as the ending of `target` says, else as the data came. `target` appears
    complete or not at all. Raises as `load_pyfunc`, `PyFunc.predict` and `parse_data` do.
    """
    content = _read(source)
    name = os.fspath(source)
    model = load_pyfunc(ref, trust=trust, registry=registry, offline=offline)
    kind = kind_of(name, content)
    read = parse_data(content, kind, model.signature, "the data" if name == STDIN else name)
    given = {**(read.params or {}), **(params or {})} or None
    written = form or (kind_of(os.fspath(target), b"") if target is not None and _tells(target) else kind)
    text = format_predictions(model.predict(read.data, given), written, _output_names(model.signature))
    if target is not None:
        _write(Path(target), text)
    return Predicted(text, written, model.version if isinstance(model.version, ModelVersion) else None)


def _read(source: str | os.PathLike[str]) -> bytes:
    if os.fspath(source) == STDIN:
        return sys.stdin.buffer.read()
    path = Path(source)
    if not path.is_file():
        raise NotFound(f"no file {path}", "name a CSV or JSON file, or - for stdin")
    return path.read_bytes()


def _tells(target: str | os.PathLike[str]) -> bool:
    return os.fspath(target).lower().endswith((".csv", ".json"))


def _output_names(signature: Signature | None) -> list[str]:
    outputs = (signature.outputs if signature else None) or ()
    return [str(entry.name) for entry in outputs if isinstance(entry.name, str)]


def _write(target: Path, text: str) -> None:
    partial = target.absolute().parent / f".{target.name}.{uuid.uuid4().hex}"
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
