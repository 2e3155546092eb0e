"""Comparing two versions, stages or runs: what they were made with, what they promise, what they consist of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitreg.errors import Conflict, Damaged
from gitreg.format.compatibility import Promise, compare, needed
from gitreg.format.differences import (
    Diff,
    FileFacts,
    compare_files,
    compare_flavors,
    compare_lines,
    compare_metrics,
    compare_sources,
    compare_values,
)
from gitreg.format.environment import CONDA, REQUIREMENTS, model_requirements
from gitreg.format.mlmodel import NAME, MLModel, parse_mlmodel
from gitreg.format.references import OfRun, parse_reference
from gitreg.format.runs import LoggedModel, Run
from gitreg.format.versions import ModelVersion
from gitreg.registry.candidate import logged_model, version_run
from gitreg.registry.files import CommittedFile, read_model_files
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.resolve import get_run, resolve

__all__ = ["Diff", "diff"]

Named = str | ModelVersion | LoggedModel | Run


@dataclass(frozen=True)
class _Side:
    """One of the two: its run and, where there is one, its model."""

    name: str
    run: Run
    digest: str = ""
    model: MLModel | None = None
    requirements: tuple[str, ...] = ()
    files: Mapping[str, FileFacts] = field(default_factory=dict)

    @property
    def promise(self) -> Promise:
        return Promise(self.model.signature, self.model.flavor_names) if self.model else Promise(None, ())


def diff(
    a: Named,
    b: Named,
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> Diff:
    """What `b` differs in from `a`: versions, stages (MODEL@STAGE) or runs (run:ID, run:ID/PATH), in any combination.

    Of a run without a model, or one that is still open, params, metrics and source are compared. NotFound, with what
    there is, where one of the two names nothing; Damaged where a model is not what was registered or logged.
    """
    place = open_registry(registry, offline=offline)
    old, new = _side(place, str(a)), _side(place, str(b))
    both = old.model is not None and new.model is not None
    changes = compare(old.promise, new.promise) if both else ()
    return Diff(
        a=old.name,
        b=new.name,
        params=compare_values(old.run.params, new.run.params),
        metrics=compare_metrics(old.run.metrics, new.run.metrics),
        signature=changes,
        bump=needed(changes) if both and old.digest != new.digest else None,
        requirements=compare_lines(old.requirements, new.requirements),
        files=compare_files(old.files, new.files),
        flavors=compare_flavors(_flavors(old), _flavors(new)),
        source=compare_sources(old.run.source, new.run.source),
    )


def _flavors(side: _Side) -> Mapping[str, Mapping[str, object]]:
    return side.model.flavors if side.model else {}


def _side(registry: Registry, ref: str) -> _Side:
    reference = parse_reference(ref)
    if isinstance(reference.target, OfRun):
        run, path = get_run(reference.target.run_id, registry=registry), reference.target.path
        if not run.commit:
            if path:
                raise Conflict(f"run {run.id} is still open", "its models can be compared once it has ended")
            return _Side(str(run), run)
        if not path and not run.models:
            return _Side(str(run), run)
        model = logged_model(run, path)
        return _read(registry, str(model), run, run.commit, model.path, model.digest)
    version = resolve(reference, registry=registry)
    return _read(
        registry, str(version), version_run(registry, version), version.commit, version.path, version.digest
    )  # fmt: skip


def _read(registry: Registry, name: str, run: Run, commit: str, path: str, digest: str) -> _Side:
    files = {file.path: file for file in read_model_files(registry, commit, path, digest, name)}
    texts = _texts(registry, name, [files[p] for p in (NAME, REQUIREMENTS, CONDA) if p in files and files[p].blob])
    if NAME not in texts:
        raise Damaged(f"{name} has no {NAME}")
    facts = {path: FileFacts(file.sha256, file.size) for path, file in files.items()}
    return _Side(name, run, digest, parse_mlmodel(texts[NAME], f"{NAME} of {name}"), _requirements(texts), facts)


def _texts(registry: Registry, name: str, files: list[CommittedFile]) -> dict[str, str]:
    texts = {}
    for file, (_, _, content) in zip(files, registry.git.objects(file.blob for file in files), strict=True):
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise Damaged(f"{file.path} of {name} is damaged in git: its sha256 is not {file.sha256}", "git fsck")
        texts[file.path] = content.decode("utf-8", "replace")
    return texts


def _requirements(texts: Mapping[str, str]) -> tuple[str, ...]:
    """What the model needs; the lines as they stand where that is not written as pip takes it."""
    text = texts.get(REQUIREMENTS)
    try:
        return model_requirements(text, texts.get(CONDA)).lines
    except Damaged:
        lines = (line.strip() for line in (text or "").splitlines())
        return tuple(line for line in lines if line and not line.startswith("#"))
