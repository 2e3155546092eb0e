"""Predicting from a file: load, read the data as the signature types it, predict, write."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from gitreg.errors import Refused
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry
from gitreg.registry.progress import Progress, Steps, silent, unseen
from gitreg.registry.use.batches import predict_batches
from gitreg.registry.use.data.predictions import Kind
from gitreg.registry.use.data.sources import Source, kind_by_name
from gitreg.registry.use.data.written import check_target, whole_file
from gitreg.registry.use.load import load_pyfunc
from gitreg.registry.use.locate import Named

LOCAL = "local"

_OTHER_FORMS = (
    ".arrow", ".avro", ".db", ".feather", ".h5", ".html", ".jsonl", ".ndjson", ".npy", ".npz", ".ods", ".orc", ".pkl",
    ".tsv", ".xls", ".xlsx", ".xml", ".yaml",
)  # fmt: skip


@dataclass(frozen=True)
class Predicted:
    """What was predicted: for how many rows, 0 where JSON was read; by which version, None for a run's model."""

    rows: int
    version: ModelVersion | None


def predict_file(
    ref: Named,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | BinaryIO,
    *,
    form: Kind | None = None,
    params: Mapping[str, object] | None = None,
    chunk_rows: int | None = None,
    trust: Sequence[str] | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    env: str = LOCAL,
    progress: Progress = silent,
    steps: Steps = unseen,
) -> Predicted:
    """Write the model's predictions for a CSV, parquet or JSON file (`-` is stdin) to `target`, a path or a stream.

    `form` is how they are written: by default as the ending of `target` says, else as the data came. A file appears
    complete or not at all; a stream gets rows as they are predicted, `chunk_rows` at a time (0: all at once). `env` is
    `local`, or what makes the model's own environment, in which a worker predicts then. Raises as `load_pyfunc` and
    `predict_batches` do.
    """
    with Source(source) as data, ExitStack() as writing:
        if isinstance(target, str | os.PathLike):
            form = form or _form_of(Path(target)) or data.kind
            check_target(Path(target))
        else:
            form = form or data.kind
        if form == "parquet" and not isinstance(target, str | os.PathLike):
            raise Refused("parquet is written to a file only", "-o predictions.parquet; or --format csv")
        predict: Callable[..., int]
        if env == LOCAL:
            model = load_pyfunc(ref, trust=trust, registry=registry, offline=offline, progress=progress)
            predict, version = partial(predict_batches, model), model.version
        else:
            from gitreg.registry.environments.own import own_worker
            from gitreg.registry.environments.streams import predict_apart

            worker, version = writing.enter_context(
                own_worker(
                    ref, env, parquet="parquet" in (form, data.kind), trust=trust, registry=registry, offline=offline,
                    progress=progress, steps=steps,
                )
            )  # fmt: skip
            predict = partial(predict_apart, worker)
        out = writing.enter_context(whole_file(Path(target))) if isinstance(target, str | os.PathLike) else target
        rows = predict(data, out, form, params=params, chunk_rows=chunk_rows, progress=progress)
    return Predicted(rows, version if isinstance(version, ModelVersion) else None)


def _form_of(target: Path) -> Kind | None:
    """What the ending of a file says; None where it says nothing of a table."""
    found = kind_by_name(target.name)
    if found is None and target.suffix.lower() in _OTHER_FORMS:
        hint = "-o predictions.csv, .json or .parquet; or say --format"
        raise Refused(f"{target}: its ending tells no form that predictions are written in", hint)
    return found
