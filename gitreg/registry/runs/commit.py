"""Taking model directories that exist already: MLflow's of any year, one that was pulled, another language's."""

from __future__ import annotations

import contextlib
import os
import uuid
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from gitreg.errors import Conflict, Damaged, GitregError, NotFound, Refused
from gitreg.format.environment import CONDA, REQUIREMENTS, model_requirements
from gitreg.format.jsontext import as_number
from gitreg.format.mlmodel import MLModel, parse_mlmodel
from gitreg.format.names import check_metric_key, check_model_name, check_path, check_run_id
from gitreg.format.runs import STATUSES, Point, Run
from gitreg.format.times import format_time
from gitreg.registry.contents import MODEL_FILE, check_files, collect
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.progress import Progress, silent
from gitreg.registry.runs.log_model import keep_model
from gitreg.registry.runs.open_run import ActiveRun, check_texts, start_run
from gitreg.stores.clock import now

_LARGEST_MODEL_FILE = 1 << 20


def commit(
    *dirs: str | os.PathLike[str],
    register_as: str | None = None,
    name: str | None = None,
    run_id: str | None = None,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float | Sequence[Point]] | None = None,
    tags: Mapping[str, object] | None = None,
    status: str = "finished",
    push: bool | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Run:
    """Make a model directory a run, byte for byte as it is, and register it if asked to.

    The run's id is `run_id`, else the one that the first MLmodel tells, else a new one; giving the same directory
    again is no new run. A run may hold several directories, whose MLmodel tell different artifact paths, or none,
    where it has `params`, `metrics` (each a number, or the points of its series) or `tags`. NotFound where there is no
    MLmodel, Damaged where it is none, Refused for names that may not be in a run, Conflict where the run has other
    values.
    """
    place = writable(open_registry(registry))
    folders = [Path(dir) for dir in dirs]
    if register_as is not None:
        check_model_name(register_as)
    if register_as is not None and len(folders) != 1:
        raise Refused(f"one model can become the next version of {register_as}, not {len(folders)}",
                      "gitreg register run:ID/PATH MODEL registers one of a run's models")  # fmt: skip
    if status not in STATUSES:
        raise Refused(f"bad status {status!r}", "a run ends finished, failed or abandoned")
    if not folders and not (params or metrics or tags):
        raise Refused("there is nothing to take as a run", "name a model directory, or params, metrics or tags")
    mlmodels = [read_directory(folder) for folder in folders]
    chosen = run_id or next(filter(None, map(_own_run_id, mlmodels)), uuid.uuid4().hex)
    check_run_id(chosen)
    texts, noted = check_texts(params or {}, "params"), check_texts(tags or {}, "tags")
    series = _series(metrics or {})
    for folder in folders:
        _warn_of_requirements(folder)
    if dry_run:
        for folder in folders:
            check_files(folder)
        return Run(chosen, name or "", status)
    found = [collect(folder, place.written, place.config, progress=progress) for folder in folders]
    run = start_run(name, run_id=chosen, tags=noted, push=push, registry=place)
    try:
        if run.ended is not None:
            _check_same(run.ended, texts, series, noted)
        for mlmodel, files in zip(mlmodels, found, strict=True):
            keep_model(run, _artifact_path(mlmodel), mlmodel, files, register_as, push)
        _log(run, texts, series)
    except BaseException:  # Ctrl-C too: the directory is still there, and the command can be given again
        run.discard()
        raise
    return run.end(status, progress=progress)


def _series(metrics: Mapping[str, float | Sequence[Point]]) -> dict[str, Sequence[Point]]:
    found: dict[str, Sequence[Point]] = {}
    for key, value in metrics.items():
        points = value if isinstance(value, list | tuple) else ()
        if not points or not all(isinstance(point, Point) for point in points):
            points = [Point(0, as_number(value, f"metric {key}"), format_time(now()))]
        found[check_metric_key(key)] = points
    return found


def _check_same(
    ended: Run, params: Mapping[str, str], series: Mapping[str, Sequence[Point]], tags: Mapping[str, str]
) -> None:
    """Refuse values that an ended run does not have."""
    last = {key: points[-1].value for key, points in series.items()}
    known = (("param", params, ended.params), ("metric", last, ended.metrics), ("tag", tags, ended.tags))
    for what, given, had in known:
        for key, value in given.items():
            if key not in had or repr(had[key]) != repr(value):  # by its repr a NaN is itself
                there = f"{what} {key} {had[key]}" if key in had else f"no {what} {key}"
                raise Conflict(
                    f"run {ended.id} is logged already, with {there}",
                    "an ended run never changes: --run-id ID takes this as a new run",
                )


def _log(run: ActiveRun, params: Mapping[str, str], series: Mapping[str, Sequence[Point]]) -> None:
    events: list[dict[str, object]] = [{"event": "params", "values": dict(params)}] if params else []
    for key, points in series.items():
        events += [run.journal.metrics_event({key: point.value}, point.step, point.time) for point in points]
    if events:
        run.journal.append(*events)


def read_directory(folder: Path) -> MLModel:
    """What the MLmodel of a directory says."""
    if not folder.is_dir():
        raise NotFound(f"no folder {folder}", "gitreg commit takes a model directory: one with a file MLmodel in it")
    file = folder / MODEL_FILE
    if not file.is_file():
        raise NotFound(f"{folder} has no {MODEL_FILE}", "gitreg commit takes a directory in MLflow Models format")
    with file.open("rb") as reading:
        content = reading.read(_LARGEST_MODEL_FILE + 1)
    try:
        return parse_mlmodel(content, str(file))
    except Damaged as error:
        hint = error.hint or "gitreg commit takes a directory as mlflow's save_model writes it"
        raise Damaged(error.message, hint) from None


def _warn_of_requirements(folder: Path) -> None:
    """Tell of lines that pip would not read, and of how they are read here; the files stay as they are."""
    files = [folder / name for name in (REQUIREMENTS, CONDA)]
    texts = [file.read_text("utf-8", "replace") if file.is_file() else None for file in files]
    with contextlib.suppress(GitregError):  # what cannot be read at all is told by whoever needs it
        for warning in model_requirements(*texts).warnings:
            warnings.warn(warning, stacklevel=3)


def _own_run_id(mlmodel: MLModel) -> str:
    try:
        return check_run_id(mlmodel.run_id or "")
    except GitregError:
        return ""


def _artifact_path(mlmodel: MLModel) -> str:
    """Where the model lay in its run; MLflow 3 may tell an address there, which is no path."""
    told = mlmodel.artifact_path or ""
    if told.startswith("/") or ":" in told:
        return "model"
    try:
        return check_path(told.strip("/"))
    except GitregError:
        return "model"
