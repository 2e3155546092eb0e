"""Taking a model directory that exists already: MLflow's of any year, or one that was pulled."""

from __future__ import annotations

import contextlib
import os
import uuid
import warnings
from pathlib import Path

from gitreg.errors import Damaged, GitregError, NotFound
from gitreg.format.environment import CONDA, REQUIREMENTS, model_requirements
from gitreg.format.mlmodel import MLModel, parse_mlmodel
from gitreg.format.names import check_model_name, check_path, check_run_id
from gitreg.format.runs import Run
from gitreg.registry.contents import MODEL_FILE, check_files, collect
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.progress import Progress, silent
from gitreg.registry.runs.log_model import keep_model
from gitreg.registry.runs.open_run import start_run

_LARGEST_MODEL_FILE = 1 << 20


def commit(
    dir: str | os.PathLike[str],
    *,
    register_as: str | None = None,
    name: str | None = None,
    run_id: str | None = None,
    push: bool | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Run:
    """Make a model directory a run, byte for byte as it is, and register it if asked to.

    The run's id is `run_id`, else the one MLmodel tells, else a new one; giving the same directory again is no new
    run. NotFound where there is no MLmodel, Damaged where it is none, Refused for names that may not be in a run.
    """
    place = writable(open_registry(registry))
    folder = Path(dir)
    if register_as is not None:
        check_model_name(register_as)
    mlmodel = read_directory(folder)
    chosen = run_id or _own_run_id(mlmodel) or uuid.uuid4().hex
    check_run_id(chosen)
    path = _artifact_path(mlmodel)
    _warn_of_requirements(folder)
    if dry_run:
        check_files(folder)
        return Run(chosen, name or "", "finished")
    files = collect(folder, place.written, place.config, progress=progress)
    run = start_run(name, run_id=chosen, push=push, registry=place)
    try:
        keep_model(run, path, mlmodel, files, register_as, push)
    except BaseException:  # Ctrl-C too: the directory is still there, and the command can be given again
        run.discard()
        raise
    return run.end(progress=progress)


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
