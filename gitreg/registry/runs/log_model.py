"""Logging a model: the flavor saves it, its payloads go straight to the cache, the rest waits for the run's end."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitreg.errors import Conflict, Refused
from gitreg.flavors._base import PlainDirectory
from gitreg.flavors.saving.model import save
from gitreg.format.mlmodel import MLModel
from gitreg.format.names import check_model_name, check_path
from gitreg.format.runs import LoggedModel
from gitreg.format.schema import Signature
from gitreg.format.signature import signature_digest
from gitreg.format.sums import format_sums, make_sums
from gitreg.format.times import format_time, parse_time
from gitreg.registry.contents import SUMS, StagedDirectory, StoredFile, collect, sums_of
from gitreg.registry.place import Registry
from gitreg.registry.runs.open_run import ActiveRun, active_run, start_run
from gitreg.registry.settle import release_refused
from gitreg.stores.cache import sha256_file
from gitreg.stores.clock import now
from gitreg.stores.scratch import scratch

_UUIDS = uuid.UUID("6b1d2c1e-9d35-4a63-8f0e-3d0c0d8f8a55")


def log_model(
    model: object,
    artifact_path: str = "model",
    *,
    flavor: str | None = None,
    input_example: object = None,
    signature: Signature | None = None,
    pip_requirements: Sequence[str] | str | None = None,
    extra_pip_requirements: Sequence[str] | str | None = None,
    conda_env: Mapping[str, object] | str | None = None,
    code_paths: Sequence[str | os.PathLike[str]] = (),
    metadata: Mapping[str, object] | None = None,
    run_id: str | None = None,
    register_as: str | None = None,
    push: bool | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    **flavor_options: object,
) -> LoggedModel:
    """Log a fitted model to the open run, or as a run of its own.

    `flavor` is found from the object where it is not named. `signature` is inferred from `input_example` where it
    is not given; requirements are inferred from what the saved model imports where none are given. `register_as`
    and `push` act when the run ends: at once outside a run. Logging a run id again continues where it was
    interrupted if the model is the same, and is a Conflict if it is another.
    """
    if register_as is not None:
        check_model_name(register_as)
    check_path(artifact_path)
    run, own = active_run(), False
    if run is None:
        run, own = start_run(run_id=run_id, push=push, registry=registry, resume=False), True
    elif run_id not in {None, run.id}:
        raise Conflict(f"run {run.id} is open, not {run_id}", "gitreg.end_run() first, or leave out run_id")
    try:
        logged = _log(run, model, artifact_path, register_as, push, dict(
            flavor=flavor, input_example=input_example, signature=signature, pip_requirements=pip_requirements,
            extra_pip_requirements=extra_pip_requirements, conda_env=conda_env, code_paths=code_paths,
            metadata=metadata, **flavor_options,
        ))  # fmt: skip
    except BaseException:  # Ctrl-C too leaves no run open that nobody asked for
        if own:
            run.discard()
        raise
    if own:
        ended = run.end()
        return next(m for m in ended.models if m.path == artifact_path)
    return logged


def _log(
    run: ActiveRun, model: object, path: str, register_as: str | None, push: bool | None, options: dict[str, Any]
) -> LoggedModel:
    registry = run.registry
    with scratch(registry.state / "tmp") as folder:
        staged = StagedDirectory(folder, registry.written)
        try:
            mlmodel = save(
                model, staged, artifact_path=path, run_id=run.id, created=mlflow_time(run.journal.run.started),
                model_uuid=uuid.uuid5(_UUIDS, f"{run.id}/{path}").hex, **options,
            )  # fmt: skip
            files = collect(staged.path, registry.written, registry.config, staged.payloads, move=True)
            return keep_model(run, path, mlmodel, files, register_as, push)
        except BaseException:  # Ctrl-C too: what no run has may go with the cache
            release_refused(registry, staged.payloads.values())
            raise


def keep_model(
    run: ActiveRun,
    path: str,
    mlmodel: MLModel,
    files: tuple[StoredFile, ...],
    register_as: str | None,
    push: bool | None,
) -> LoggedModel:
    """Add a collected model directory to an open run, and what shall be done with it at the run's end."""
    event: dict[str, object] = {
        "digest": sums_of(files).digest(),
        "signature": signature_digest(mlmodel.signature),
        "size": sum(file.size for file in files),
        "flavors": " ".join(mlmodel.flavor_names),
    }
    if register_as:
        event["register"] = {"model": register_as}
    run.add_model(path, event, files)
    if push:
        run.journal.append({"event": "push"})
    return run.journal.run.models[path]


def mlflow_time(moment: str) -> str:
    """A moment as MLmodel has it: `2026-11-22 13:37:00.123000`, in UTC."""
    return parse_time(moment).strftime("%Y-%m-%d %H:%M:%S.%f")


def save_model(model: object, dir: str | os.PathLike[str], **options: Any) -> Path:
    """Write the model as an MLflow Models directory, outside any registry; takes what `log_model` takes of a model.

    Conflict where there is something in `dir` already.
    """
    target = Path(dir)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is there already and not empty", "name another folder")
    for name in ("run_id", "register_as", "push", "registry"):
        if name in options:
            raise Refused(f"save_model does not take {name}", "log_model does")
    with scratch(target.absolute().parent, f".{target.name}.") as partial:
        path = str(options.pop("artifact_path", "model"))
        save(model, PlainDirectory(partial), artifact_path=path, run_id=None, created=mlflow_time(format_time(now())),
             model_uuid=uuid.uuid4().hex, **options)  # fmt: skip
        written = {p.relative_to(partial).as_posix(): sha256_file(p) for p in partial.rglob("*") if p.is_file()}
        (partial / SUMS).write_text(format_sums(make_sums(written)), encoding="utf-8")
        if target.exists():
            target.rmdir()
        partial.rename(target)
    return target
