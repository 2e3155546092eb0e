"""Registering: a run's model becomes a version, which exists from the moment that its tags are published."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from gitreg.errors import Conflict, GitregError, NotFound, Refused, Unreachable
from gitreg.format.compatibility import Promise
from gitreg.format.dvc_files import format_dvc_yaml, parse_dvc_yaml
from gitreg.format.mlmodel import parse_mlmodel
from gitreg.format.names import check_model_name
from gitreg.format.numbering import next_version
from gitreg.format.objects import parse_tag_object
from gitreg.format.references import OfRun, parse_reference
from gitreg.format.runs import LoggedModel, Run, run_trailers
from gitreg.format.semver import BUMPS, Bump, Semver, parse_line, parse_semver
from gitreg.format.tags import VersionTag, number_ref, parse_tag_name, run_ref, version_ref
from gitreg.format.times import from_seconds, parse_time
from gitreg.format.trailers import Message, clean_prose, format_message
from gitreg.format.versions import ModelVersion, format_version_message, metrics_for_tag, version_text
from gitreg.registry.catalog import ModelTags, model_tags, parse_runs, read_run, read_tags, read_versions
from gitreg.registry.contents import MODEL_FILE
from gitreg.registry.files import read_run_payloads, read_text
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.progress import Progress, silent
from gitreg.registry.wishes import Wish, drop_wish, keep_wish
from gitreg.stores.clock import now
from gitreg.stores.git import NewCommit, RefChange

_PATIENCE = 60.0
_LONGEST_PAUSE = 2.0


class _Outrun(Conflict):
    """Another program was quicker: look again."""


@dataclass(frozen=True)
class Candidate:
    """The model that is to become a version; `tree` and `pipeline` are its run's tree and dvc.yaml."""

    run: Run
    model: LoggedModel
    promise: Promise
    tree: str
    pipeline: bytes


def register(
    ref: str | ModelVersion | LoggedModel | Run,
    model: str,
    *,
    description: str = "",
    bump: Bump | None = None,
    version: str | None = None,
    line: str | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> ModelVersion:
    """Make a run's model (`run:ID`, `run:ID/path`, or a version of another model) a version of `model`.

    The semver is computed from the signatures of the line's versions; `bump` may ask for more, `version` for an
    exact one, `line` for an older line. A model registered already is returned as it is. Refused where the
    signature needs a larger bump than was asked for. Unreachable where the origin cannot be had, or gives no way
    for 60 seconds: then nothing is tagged, and `push` completes what was wished.
    """
    place = writable(open_registry(registry))
    found = find_logged(place, str(ref))
    if bump is not None and bump not in BUMPS:
        raise Refused(f"bad bump {bump!r}", "patch, minor or major")
    wish = Wish(
        found.run_id,
        found.path,
        check_model_name(model),
        clean_prose(description),
        bump or "",
        version or "",
        line or "",
    )
    if dry_run:
        return _propose(place, wish, _candidate(place, wish))[0]
    return register_wished(place, wish, progress)


def find_logged(registry: Registry, text: str) -> LoggedModel:
    """The model directory of a run that `text` names; of a version, the one it was made from."""
    reference = parse_reference(text)
    if isinstance(reference.target, OfRun):
        return logged_model(read_run(registry, reference.target.run_id), reference.target.path)
    from gitreg.registry.resolve import resolve

    version = resolve(text, registry=registry)
    if not version.run_id:
        raise Refused(f"{version} was tagged without gitreg and holds no run", "gitreg commit its model directory")
    return logged_model(read_run(registry, version.run_id), version.path)


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


def wish_for(run_id: str, path: str, asked: Mapping[str, object]) -> Wish:
    """The wish that a run's journal tells for its model at `path`."""
    return Wish(run_id, path, **{key: str(value) for key, value in asked.items()})


def register_wished(
    registry: Registry, wish: Wish, progress: Progress = silent, run: Run | None = None
) -> ModelVersion:
    """Register what `wish` says of its `run`, or keep it for `push` where the origin cannot be reached."""
    try:
        version = _register(registry, wish, progress, run)
    except Unreachable as error:
        keep_wish(registry.state, wish)
        raise Unreachable(error.message, "it is kept and not yet a version: gitreg push completes it") from error
    drop_wish(registry.state, wish)
    return version


def _register(registry: Registry, wish: Wish, progress: Progress, run: Run | None) -> ModelVersion:
    if registry.remote and registry.offline:
        raise Unreachable(f"registering {wish.model} needs the origin, and this is offline")
    candidate = _candidate(registry, wish, run)
    until, attempt, published = time.monotonic() + _PATIENCE, 0, False
    while True:
        try:
            version, known = _propose(registry, wish, candidate)
            if known:
                return version
            if not published:
                publish_payloads(registry, candidate.run, progress)
                published = True
            return _publish(registry, version, candidate)
        except _Outrun as error:
            if time.monotonic() > until:
                raise Unreachable(
                    f"the registry is too busy to register {wish.model}: {error.message}", error.hint
                ) from error
        attempt += 1
        time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.05 * 2**attempt)))


def _propose(registry: Registry, wish: Wish, candidate: Candidate) -> tuple[ModelVersion, bool]:
    """The version that the wish asks for, and whether it is there already."""
    registry.fetch(f"refs/tags/{wish.model}@*")
    tags = _complete(registry, model_tags(registry, wish.model))
    if not tags.numbers and not tags.versions:
        _check_spelling(registry, wish.model)
    found = read_versions(registry, [tags])
    if found.damaged:
        raise found.damaged[0]
    same = [v for v in found.versions if (v.run_id, v.path) == (wish.run_id, wish.path)]
    for known in sorted((v for v in same if wish.version in {"", v.version}), key=lambda v: v.retired):
        if known.digest != candidate.model.digest:
            raise _another_run(wish.run_id)
        if known.retired:
            raise Conflict(f"run:{wish.run_id}/{wish.path} is {known}, which is retired", "log it as a new run")
        return known, True
    version, _ = next_version(
        candidate.promise,
        tags.versions,
        _promises(registry, found.versions, candidate),
        retired=tags.retired,
        foreign={v.semver for v in found.versions if v.number is None or v.tombstone},
        bump=wish.bump or None,  # type: ignore[arg-type]  # register() saw that it is a bump
        version=parse_semver(wish.version) if wish.version else None,
        line=parse_line(wish.line) if wish.line else None,
    )
    return _new_version(registry, wish, candidate, version, tags, found.versions), False


def _candidate(registry: Registry, wish: Wish, run: Run | None = None) -> Candidate:
    run = run or read_run(registry, wish.run_id)
    model = logged_model(run, wish.path)
    # One process of git for all three; of the tree only the id is wanted.
    asked = [f"{run.commit}^{{tree}}", f"{run.commit}:{model.path}/{MODEL_FILE}", f"{run.commit}:dvc.yaml"]
    (tree, _, _), (_, _, text), (_, _, pipeline) = registry.git.objects(asked)
    parsed = parse_mlmodel(text, f"{MODEL_FILE} of {model}")
    return Candidate(run, model, Promise(parsed.signature, parsed.flavor_names), tree, pipeline)


def _promises(
    registry: Registry, versions: tuple[ModelVersion, ...], candidate: Candidate
) -> Callable[[Semver], Promise]:
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


def _new_version(
    registry: Registry,
    wish: Wish,
    candidate: Candidate,
    version: Semver,
    tags: ModelTags,
    known: tuple[ModelVersion, ...],
) -> ModelVersion:
    number = max([tags.highest, *(v.number or 0 for v in known)]) + 1
    last = max((v for v in known if v.number), key=lambda v: v.number or 0, default=None)
    when = int(now().timestamp())
    if last is not None:
        when = max(when, int(parse_time(last.created).timestamp()))
    run, model = candidate.run, candidate.model
    return ModelVersion(
        model=wish.model,
        version=version_text(version),
        number=number,
        run_id=run.id,
        path=model.path,
        digest=model.digest,
        signature=model.signature,
        size=model.size,
        flavors=model.flavors,
        metrics=metrics_for_tag(run.metrics, registry.config.metrics),
        description=wish.description,
        previous=last.tag if last else "",
        author=registry.git.identity(),
        created=from_seconds(when + 1),
    )


def _publish(registry: Registry, version: ModelVersion, candidate: Candidate) -> ModelVersion:
    git, run = registry.git, candidate.run
    when = int(parse_time(version.created).timestamp())
    pipeline = parse_dvc_yaml(candidate.pipeline)
    files = {"dvc.yaml": format_dvc_yaml(replace(pipeline, artifacts={version.model: version.path})).encode()}
    title = f"{version.model} {version.version} of run {run.id}"
    message = format_message(Message(title, "", run_trailers(run)))
    commit = git.write_commits([NewCommit(message, version.author, when, files, candidate.tree)])[0]
    tag = git.write_tag(str(version), commit, format_version_message(version), version.author, when)
    refs = [
        RefChange(number_ref(version.model, version.number or 0), tag),
        RefChange(version_ref(version.model, version.semver), tag),
    ]
    try:
        if registry.remote:
            git.push(registry.remote, [RefChange(run_ref(run.id), run.commit), *refs])
        _keep_refs(registry, refs)
    except Conflict as error:
        _check_run_is_ours(registry, version)
        raise _Outrun(error.message, error.hint) from error
    git.tidy()
    return replace(version, tag=tag, commit=commit)


def _keep_refs(registry: Registry, refs: list[RefChange]) -> None:
    """Create the refs here. Where the origin has them already, one that a fetch was quicker to bring is no conflict."""
    try:
        registry.git.change_refs(refs)
    except Conflict:
        if not registry.remote:
            raise
        registry.fetch(*(change.ref for change in refs))


def _complete(registry: Registry, tags: ModelTags) -> ModelTags:
    """Give every number its version tag: a host without atomic pushes may have been left between the two."""
    lone = [oid for oid in tags.numbers.values() if oid not in set(tags.versions.values())]
    for oid, kind, content in registry.git.objects(lone):
        name = parse_tag_object(content, oid).name if kind == "tag" else ""
        parsed = parse_tag_name(name)
        if not isinstance(parsed, VersionTag) or parsed.model != tags.model:
            raise GitregError(
                f"the number tags of {tags.model} hold {name!r}, no version of it", f"git cat-file -p {oid}"
            )
        change = RefChange(version_ref(parsed.model, parsed.version), oid)
        try:
            if registry.remote and not registry.offline:
                registry.git.push(registry.remote, [change])
            _keep_refs(registry, [change])
        except Conflict as error:  # as a rule whoever made the number was only a moment from completing it
            registry.fetch(change.ref)
            if registry.git.find_ref(change.ref) != oid:
                raise _Outrun(error.message, error.hint) from error
    return model_tags(registry, tags.model) if lone else tags


def _check_spelling(registry: Registry, model: str) -> None:
    """Names are unique ignoring case: a file system that ignores it holds the refs of one of the two only."""
    names = set(read_tags(registry))
    if registry.remote and not registry.offline:
        refs = registry.git.remote_refs(registry.remote, "refs/tags/*@1")
        names |= {ref.removeprefix("refs/tags/").partition("@")[0] for ref in refs}
    for name in names:
        if name != model and name.casefold() == model.casefold():
            raise Conflict(
                f"there is a model {name}, which differs from {model} in case only", f"register it as {name}"
            )


def _check_run_is_ours(registry: Registry, version: ModelVersion) -> None:
    if not registry.remote:
        return
    ref = run_ref(version.run_id)
    there = registry.git.remote_refs(registry.remote, ref).get(ref)
    if there and there != registry.git.find_ref(ref):
        raise _another_run(version.run_id)


def _another_run(run_id: str) -> Conflict:
    return Conflict(f"the origin has another run {run_id}", "an ended run never changes: log this under a new run id")


def publish_payloads(registry: Registry, run: Run, progress: Progress = silent) -> None:
    """Put every payload of a run on the payload store, and see that it is there."""
    items = read_run_payloads(registry, run.commit, [(m.path, m.digest) for m in run.models], f"run {run.id}")
    if items:
        with progress("uploading", sum(item.payload.size for item in items)) as moved:
            registry.store.push(items, registry.cache, moved)


def version_run(registry: Registry, version: ModelVersion) -> Run:
    """The run that a version's own commit tells; NotFound for a version that GTO alone tagged."""
    if version.number is None or version.tombstone:
        raise NotFound(f"{version} holds no run: it was {'purged' if version.tombstone else 'tagged without gitreg'}")
    return next(iter(parse_runs(registry, [version.commit])))
