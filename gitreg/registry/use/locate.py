"""From a name to a model directory in a commit, and to the files that it holds."""

from __future__ import annotations

from dataclasses import dataclass

from gitreg.errors import NotFound, check_type
from gitreg.format.names import check_paths
from gitreg.format.references import FORMS, OfRun, parse_reference
from gitreg.format.runs import LoggedModel, Run
from gitreg.format.versions import ModelVersion
from gitreg.registry.candidate import ended_run, logged_model
from gitreg.registry.files import CommittedFile, read_model_files
from gitreg.registry.place import Registry
from gitreg.registry.resolve import resolve

Named = str | ModelVersion | LoggedModel


@dataclass(frozen=True)
class Located:
    """A model directory that a name led to: in which commit it lies, under which digest it was registered or logged."""

    name: str
    commit: str
    path: str
    digest: str
    version: ModelVersion | None


def locate(registry: Registry, ref: Named) -> Located:
    """The model directory that `ref` names; its commit is fetched if it is not here."""
    check_type(ref, (str, ModelVersion, LoggedModel, Run), "reference", f"a model is named as {FORMS}")
    reference = parse_reference(str(ref))
    target = reference.target
    if isinstance(target, OfRun):
        run = ended_run(registry, target.run_id)
        model = logged_model(run, target.path)
        return Located(str(model), run.commit, model.path, model.digest, None)
    version = resolve(reference, registry=registry)
    if version.tombstone:
        raise NotFound(f"{version} was purged", f"gitreg ls {version.model}")
    if version.number is None:
        raise NotFound(
            f"{version} was tagged without gitreg: there is no model directory to verify", f"git show {version}"
        )
    return Located(str(version), version.commit, version.path, version.digest, version)


def model_files(registry: Registry, found: Located) -> tuple[CommittedFile, ...]:
    """The model's files, verified against its digest."""
    files = read_model_files(registry, found.commit, found.path, found.digest, found.name)
    check_paths(file.path for file in files)
    return files
