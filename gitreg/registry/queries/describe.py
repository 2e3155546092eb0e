"""All that is known of one model, version or run."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from gitreg.errors import Damaged, NotFound
from gitreg.format.environment import CONDA, REQUIREMENTS, model_requirements
from gitreg.format.mlmodel import NAME, parse_mlmodel
from gitreg.format.models import RegisteredModel
from gitreg.format.references import Latest, OfRun, Staged, parse_reference
from gitreg.format.runs import Run
from gitreg.format.schema import Signature
from gitreg.format.signature_spelling import spell_signature
from gitreg.format.versions import ModelVersion
from gitreg.registry.candidate import logged_model, version_run
from gitreg.registry.catalog import read_tags, read_versions
from gitreg.registry.files import CommittedFile, read_model_files, read_text
from gitreg.registry.freshness import MAIN, MODELS, answer_from_here, ask_origin
from gitreg.registry.notes import read_labels
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.queries.scan import Damage, staged_versions, warn_of
from gitreg.registry.queries.search import model, search_versions
from gitreg.registry.resolve import get_run, resolve


@dataclass(frozen=True)
class Description:
    """One of a model, a version (with the run it was made of) or a run.

    `signature`, `requirements` and `files` are those of the version's model directory, or of the one that
    `run:ID/PATH` named.
    """

    model: RegisteredModel | None = None
    version: ModelVersion | None = None
    run: Run | None = None
    signature: Signature | None = None
    requirements: tuple[str, ...] = ()
    files: tuple[CommittedFile, ...] = ()

    @property
    def kind(self) -> str:
        """What it describes: model, version or run."""
        return "model" if self.model else "version" if self.version else "run"

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "kind": self.kind,
            "model": self.model.to_dict() if self.model else None,
            "version": self.version.to_dict() if self.version else None,
            "run": self.run.to_dict() if self.run else None,
            "signature": spell_signature(self.signature) if self.signature else None,
            "requirements": list(self.requirements),
            "files": [
                {"path": file.path, "size": file.size, "sha256": file.sha256, "payload": file.payload is not None}
                for file in self.files
            ],
        }


def describe(
    ref: str,
    *,
    at: str | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> Description:
    """What `ref` names: a model by its name alone, else a run by its id, else whatever the grammar of names says.

    With `at` (RFC 3339) a name that moves is looked up as it was then. NotFound tells what there is.
    """
    place = open_registry(registry, offline=offline)
    reference = parse_reference(ref)
    target = reference.target
    if isinstance(target, OfRun):
        return _run(place, target)
    if isinstance(target, Latest) and target.model == ref and at is None:
        return _named(place, ref)
    if place.mirror and reference.moves and not isinstance(target, Staged):
        ask_origin(place, MAIN, place.fetch_main)  # for the stages that run it
    else:
        answer_from_here(place, MAIN, moves=not isinstance(target, Staged))
    return _version(place, resolve(ref, at=at, registry=place))


def _named(registry: Registry, name: str) -> Description:
    try:
        return Description(model=model(name, registry=registry))
    except NotFound as unknown:
        try:
            return Description(run=_with_versions(registry, get_run(name, registry=registry)))
        except NotFound:
            raise unknown from None


def _with_versions(registry: Registry, run: Run) -> Run:
    """The run with the versions that were made of its models."""
    if not run.models:
        return run
    if registry.mirror:  # the version of a run is looked for among those that are here: nobody is asked for all
        answer_from_here(registry, MODELS)
        known = read_versions(registry, read_tags(registry).values()).versions
        made = {version.path: str(version) for version in known if version.run_id == run.id}
    else:
        made = {version.path: str(version) for version in search_versions(f"run_id = '{run.id}'", registry=registry)}
    return replace(run, models=tuple(replace(model, version=made.get(model.path, "")) for model in run.models))


def _run(registry: Registry, target: OfRun) -> Description:
    run = _with_versions(registry, get_run(target.run_id, registry=registry))
    if not target.path:
        return Description(run=run)
    logged = logged_model(run, target.path)
    return _inside(registry, Description(run=run), run.commit, logged.path, logged.digest, str(logged))


def _version(registry: Registry, version: ModelVersion) -> Description:
    damage: Damage = []
    staged = staged_versions(registry, damage, version.model)
    warn_of(damage)
    stages = tuple(one.stage for one in staged if (one.model, one.version) == (version.model, version.version))
    labels = read_labels(registry, [version.tag]).get(version.tag, {})
    version = replace(version, stages=stages, labels=labels)
    if version.tombstone or version.number is None:
        return Description(version=version)
    found = Description(version=version, run=version_run(registry, version))
    return _inside(registry, found, version.commit, version.path, version.digest, str(version))


def _inside(registry: Registry, found: Description, commit: str, path: str, digest: str, name: str) -> Description:
    files = read_model_files(registry, commit, path, digest, name)
    mlmodel = parse_mlmodel(read_text(registry, commit, f"{path}/{NAME}") or "", f"{NAME} of {name}")
    texts = (read_text(registry, commit, f"{path}/{file}") for file in (REQUIREMENTS, CONDA))
    try:
        requirements = model_requirements(*texts).lines
    except Damaged:  # written for another installer; the file itself tells
        requirements = ()
    return replace(found, signature=mlmodel.signature, requirements=requirements, files=files)
