"""Model directories whose bytes are the same everywhere, and registries that hold runs of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gitreg
from gitreg.format.mlmodel import MLModel, format_mlmodel, parse_mlmodel
from gitreg.format.schema import Signature
from gitreg.format.stage_file import StageFile, format_stage_file, stage_file_path
from gitreg.registry.contents import collect
from gitreg.registry.place import open_registry
from gitreg.registry.runs.commit import read_directory
from gitreg.registry.runs.log_model import keep_model
from gitreg.registry.runs.open_run import start_run
from testing.gitcli import git
from testing.signatures import columns

CHURN = Signature(columns(plan="string", tenure="long?"), columns(prediction="double"))
WIDER = Signature(columns(plan="string", tenure="long?", region="string?"), columns(prediction="double"))


def write_model(
    folder: Path,
    *,
    run_id: str | None = None,
    signature: Signature | None = CHURN,
    weights: bytes = b"weights of a model",
) -> Path:
    """A directory in MLflow Models format. Its payload is no pickle: it can be kept and moved, not loaded."""
    folder.mkdir(parents=True)
    pyfunc = {
        "env": {"conda": "conda.yaml"},
        "loader_module": "mlflow.sklearn",
        "model_path": "model.pkl",
        "python_version": "3.11.7",
    }
    sklearn = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle", "sklearn_version": "1.9.1"}
    mlmodel = MLModel(
        {"python_function": pyfunc, "sklearn": sklearn},
        artifact_path="model",
        run_id=run_id,
        utc_time_created="2026-03-02 09:30:00.000000",
        signature=signature,
    )
    (folder / "MLmodel").write_text(format_mlmodel(mlmodel))
    (folder / "requirements.txt").write_text("cloudpickle==3.1.2\nscikit-learn==1.9.1\n")
    (folder / "model.pkl").write_bytes(weights)
    return folder


def log_run(
    registry: Path,
    run_id: str,
    model: Path | None = None,
    *,
    name: str = "",
    params: Mapping[str, object] = {},
    metrics: Mapping[str, float] = {},
    tags: Mapping[str, str] = {},
    register_as: str | None = None,
) -> gitreg.Run:
    """A run with params and metrics and, if given, a model directory; registered if asked to."""
    place = open_registry(registry)
    run = start_run(name, run_id=run_id, tags=tags, registry=place)
    gitreg.log_params(params)
    gitreg.log_metrics(metrics)
    if model is not None:
        files = collect(model, place.cache, place.config)
        keep_model(run, "model", read_directory(model), files, register_as, None)
    return run.end()


def put_stage(registry: Path, stage: str, ref: str) -> None:
    """Let `stage` run a version: its file on main, as a merged pull request leaves it."""
    version = gitreg.resolve(ref, registry=registry)
    assert version.number is not None
    run = gitreg.get_run(version.run_id, registry=registry)
    found = StageFile(
        model=version.model,
        stage=stage,
        version=version.version,
        number=version.number,
        run=version.run_id,
        commit=version.commit,
        digest=version.digest,
        metrics=version.metrics,
        params=run.params,
        signature=parse_mlmodel(git(registry, "show", f"{version.commit}:{version.path}/MLmodel")).signature,
        requirements=("cloudpickle==3.1.2", "scikit-learn==1.9.1"),
    )
    write_on_main(registry, stage_file_path(stage, version.model), format_stage_file(found))


def write_on_main(registry: Path, path: str, text: str) -> None:
    """A file on the registry's main, and at its origin if it has one."""
    file = registry / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    git(registry, "add", path)
    git(registry, "commit", "-q", "-m", f"Write {path}")
    if git(registry, "remote"):
        git(registry, "push", "-q")
