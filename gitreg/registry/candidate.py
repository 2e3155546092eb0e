"""What is about to become a version: a run's model, and what it promises beside the versions there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from gitreg.errors import Conflict, NotFound, Refused
from gitreg.format.compatibility import Promise
from gitreg.format.mlmodel import parse_mlmodel
from gitreg.format.references import Latest, OfRun, parse_reference
from gitreg.format.runs import LoggedModel, Run
from gitreg.format.semver import Semver
from gitreg.format.tags import run_ref
from gitreg.format.versions import ModelVersion
from gitreg.registry.catalog import parse_runs
from gitreg.registry.contents import MODEL_FILE
from gitreg.registry.files import read_text
from gitreg.registry.place import Registry
from gitreg.registry.resolve import get_run, resolve
from gitreg.registry.wishes import Wish


@dataclass(frozen=True)
class Candidate:
    """The model that is to become a version; `tree` and `pipeline` are its run's tree and dvc.yaml."""

    run: Run
    model: LoggedModel
    promise: Promise
    tree: str
    pipeline: bytes


def find_logged(registry: Registry, text: str) -> LoggedModel:
    """The model directory of a run that `text` names; of a version, the one it was made from."""
    reference = parse_reference(text)
    if isinstance(reference.target, OfRun):
        return logged_model(ended_run(registry, reference.target.run_id), reference.target.path)
    try:
        version = resolve(text, registry=registry)
    except NotFound as error:
        if isinstance(reference.target, Latest) and registry.git.find_ref(run_ref(text)):
            raise NotFound(error.message, f"a run has this id; name it run:{text}") from error
        raise
    if not version.run_id:
        raise Refused(f"{version} was tagged without gitreg and holds no run", "gitreg commit its model directory")
    return logged_model(ended_run(registry, version.run_id), version.path)


def ended_run(registry: Registry, run_id: str) -> Run:
    """The run of that id, brought from the origin where it is not here; Conflict for one that is still open."""
    run = get_run(run_id, registry=registry)
    if not run.commit:
        raise Conflict(f"run {run.id} is still open", "what it holds can be read once it has ended")
    return run


def logged_model(run: Run, path: str) -> LoggedModel:
    """The run's model at `path`, or its only one; NotFound, with what there is, otherwise."""
    there = ", ".join(model.path for model in run.models)
    if not run.models:
        raise NotFound(f"run {run.id} holds no model", f"gitreg show run:{run.id}")
    if not path and len(run.models) > 1:
        raise NotFound(
            f"run {run.id} holds {len(run.models)} models", f"name one: run:{run.id}/PATH with PATH of {there}"
        )
    for model in run.models:
        if model.path == path or not path:
            return model
    raise NotFound(f"run {run.id} has no model at {path}", f"there is {there}")


def read_candidate(registry: Registry, wish: Wish, run: Run | None = None) -> Candidate:
    """The model that `wish` names, of its `run` where that is at hand."""
    run = run or ended_run(registry, wish.run_id)
    model = logged_model(run, wish.path)
    # One process of git for all three; of the tree only the id is wanted.
    asked = [f"{run.commit}^{{tree}}", f"{run.commit}:{model.path}/{MODEL_FILE}", f"{run.commit}:dvc.yaml"]
    (tree, _, _), (_, _, text), (_, _, pipeline) = registry.git.objects(asked)
    parsed = parse_mlmodel(text, f"{MODEL_FILE} of {model}")
    return Candidate(run, model, Promise(parsed.signature, parsed.flavor_names), tree, pipeline)


def promises(
    registry: Registry, versions: tuple[ModelVersion, ...], candidate: Candidate
) -> Callable[[Semver], Promise]:
    """How to learn what each of `versions` promises; as little as possible is read."""
    by_semver = {v.semver: v for v in versions}

    @cache
    def read(signature: str, flavors: tuple[str, ...], commit_and_path: tuple[str, str] | None) -> Promise:
        if commit_and_path is None:
            return Promise(None, flavors)
        commit, path = commit_and_path
        text = read_text(registry, commit, f"{path}/{MODEL_FILE}") or ""
        return Promise(parse_mlmodel(text, f"{MODEL_FILE} of {commit[:12]}").signature, flavors)

    first: dict[str, tuple[str, str]] = {}

    def promise_of(semver: Semver) -> Promise:
        version = by_semver[semver]
        if version.signature == "none":
            return read("none", version.flavors, None)
        if version.signature == candidate.model.signature:
            return Promise(candidate.promise.signature, version.flavors)
        # Versions with one signature share one reading of it, so that a long line costs no more blobs.
        source = first.setdefault(version.signature, (version.commit, version.path))
        return read(version.signature, version.flavors, source)

    return promise_of


def version_run(registry: Registry, version: ModelVersion) -> Run:
    """The run that a version's own commit tells; NotFound for a version that GTO alone tagged."""
    if version.number is None or version.tombstone:
        raise NotFound(f"{version} holds no run: it was {'purged' if version.tombstone else 'tagged without gitreg'}")
    return next(iter(parse_runs(registry, [version.commit])))
