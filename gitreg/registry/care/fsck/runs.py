"""The commits of runs and of versions: orphans, whose message tells the run that their tag names."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.errors import GitregError
from gitreg.format.names import check_key
from gitreg.format.objects import CommitObject
from gitreg.format.runs import Run
from gitreg.format.tags import RunTag, run_ref
from gitreg.format.times import parse_time
from gitreg.format.versions import ModelVersion
from gitreg.registry.care.fsck.fault import FETCH, Fault
from gitreg.registry.care.fsck.scene import Scene

_STATUS = frozenset({"finished", "failed", "abandoned"})


def check(scene: Scene) -> Iterator[Fault]:
    """Runs, versions, and whether a version is what its run was."""
    for ref, (oid, commit) in scene.commits.items():
        thing, run = scene.short(ref), scene.runs[ref]
        if isinstance(run, GitregError):
            yield Fault("runs", thing, run.message, run.hint or f"git cat-file -p {oid}")
            continue
        yield from _shape(thing, oid, commit, run)
        if isinstance(tag := scene.tags[ref], RunTag) and tag.run_id != run.id:
            yield Fault("runs", thing, f"it holds the run {run.id}", f"git cat-file -p {oid}")
    for ref, tag in scene.tags.items():
        if isinstance(tag, RunTag) and ref not in scene.commits and scene.refs[ref] not in scene.bad:
            yield Fault("runs", scene.short(ref), "it names no commit", f"git cat-file -p {scene.refs[ref]}")
    for ref, run in scene.runs.items():
        version = scene.versions.get(scene.refs[ref])
        if version is not None and isinstance(run, Run):
            yield from _version(scene, ref, version, run)


def _shape(thing: str, oid: str, commit: CommitObject, run: Run) -> Iterator[Fault]:
    hint = f"git cat-file -p {oid}"
    if commit.parents:
        yield Fault("runs", thing, "its commit has a parent: fetching it would bring all of that history", hint)
    if run.status not in _STATUS:
        yield Fault("runs", thing, f"Gitreg-Status is {run.status!r}, none of finished, failed, abandoned", hint)
    try:
        for moment in (run.started, run.ended):
            parse_time(moment)
        for key in (*run.params, *run.metrics, *run.tags):
            check_key(key)
    except GitregError as error:
        yield Fault("runs", thing, error.message, hint)


def _version(scene: Scene, named: str, version: ModelVersion, run: Run) -> Iterator[Fault]:
    thing = scene.short(named)
    hint = f"git cat-file -p {version.tag}"
    if version.run_id != run.id:
        yield Fault("runs", thing, f"Gitreg-Run is {version.run_id}, and its commit tells run {run.id}", hint)
        return
    logged = next((model for model in run.models if model.path == version.path), None)
    if logged is None:
        yield Fault("runs", thing, f"Gitreg-Path is {version.path!r}, where its run has no model", hint)
        return
    for name in ("digest", "signature", "size", "flavors"):
        if getattr(version, name) != getattr(logged, name):
            told, own = getattr(version, name), getattr(logged, name)
            message = f"Gitreg-{name.title()} is {_short(told)}, and its commit's message says {_short(own)}"
            yield Fault("runs", thing, message, hint)
    if any(run.metrics.get(key) != value and value == value for key, value in version.metrics.items()):
        yield Fault("runs", thing, "Gitreg-Metrics are not those of its run", hint)
    ref = run_ref(run.id)
    if ref not in scene.refs:
        yield Fault("runs", thing, f"the tag of its run, run/{run.id}, is not here", FETCH, remark=True)
    elif ref in scene.commits and isinstance(own := scene.runs[ref], Run):
        # A message in the same words is parsed to the same value.
        if own is not run and own.to_dict() | {"author": ""} != run.to_dict() | {"author": ""}:
            yield Fault("runs", thing, f"its commit does not tell what run/{run.id} does", hint)
        elif _but_pipeline(scene, named) != _but_pipeline(scene, ref):
            yield Fault("runs", thing, f"its files are not those of run/{run.id}: more than dvc.yaml differs", hint)


def _but_pipeline(scene: Scene, ref: str) -> tuple[object, ...]:
    tree = scene.commits[ref][1].tree
    return tuple(entry for entry in scene.trees.get(tree, ()) if entry.name != "dvc.yaml")


def _short(value: object) -> str:
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 30 else f"{text[:27]}..."
