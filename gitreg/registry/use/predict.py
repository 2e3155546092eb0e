"""Predicting from a file: load, read the data as the signature types it, predict, write."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import GitregError, NotFound, Refused, Unsupported
from gitreg.flavors.pyfunc import PyFunc
from gitreg.format.schema import Signature
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.use.data_files import kind_of, parse_data
from gitreg.registry.use.load import load_pyfunc
from gitreg.registry.use.locate import Named
from gitreg.registry.use.predictions import Kind, format_predictions

STDIN = "-"
_NAME_A_FILE = "name a CSV or JSON file, or - for stdin"
_LONGEST = 300


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
    progress: Progress = silent,
) -> Predicted:
    """The model's predictions for a CSV or JSON file (`-` is stdin), written to `target` if that is given.

    `form` is how they are written: by default as the ending of `target` says, else as the data came. `target` appears
    complete or not at all. Raises as `load_pyfunc`, `PyFunc.predict` and `parse_data` do, and Unsupported where the
    model's own code fails.
    """
    content = _read(source)
    if target is not None:
        _check_target(Path(target))
    name = os.fspath(source)
    model = load_pyfunc(ref, trust=trust, registry=registry, offline=offline, progress=progress)
    kind = kind_of(name, content)
    read = parse_data(content, kind, model.signature, "the data" if name == STDIN else name)
    given = {**(read.params or {}), **(params or {})} or None
    written = form or (kind_of(os.fspath(target), b"") if target is not None and _tells(target) else kind)
    text = format_predictions(_predict(model, read.data, given, ref), written, _output_names(model.signature))
    if target is not None:
        _write(Path(target), text)
    return Predicted(text, written, model.version if isinstance(model.version, ModelVersion) else None)


def _read(source: str | os.PathLike[str]) -> bytes:
    if os.fspath(source) == STDIN:
        return sys.stdin.buffer.read()
    path = Path(source)
    if path.is_dir():
        raise Refused(f"{path} is a folder", _NAME_A_FILE)
    if not path.exists():
        raise NotFound(f"no file {path}", _NAME_A_FILE)
    return path.read_bytes()


def _check_target(target: Path) -> None:
    """Refuse, before anything is computed, what no file can be written to."""
    if target.is_dir():
        raise Refused(f"{target} is a folder", f"name a file in it: {target / 'predictions.csv'}")
    if not target.parent.is_dir():
        raise NotFound(f"no folder {target.parent}", f"mkdir -p {target.parent}")


def _predict(model: PyFunc, data: object, params: Mapping[str, object] | None, ref: Named) -> object:
    try:
        return model.predict(data, params)
    except GitregError:
        raise
    except Exception as error:  # the model's own code, whatever it raises
        said = " ".join(f"{type(error).__name__}: {error}".removesuffix(": ").split())
        said = said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"
        message = f"{model.version or ref} failed to predict: {said}"
        raise Unsupported(message, "gitreg predict -v shows where in the model's code") from error


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
