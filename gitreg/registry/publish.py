"""Publishing: payloads to their store, then tags to the origin; nothing is a version before the origin has it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace

from gitreg.errors import Conflict, Damaged, GitregError
from gitreg.format.dvc_files import format_dvc_yaml, parse_dvc_yaml
from gitreg.format.objects import parse_tag_object
from gitreg.format.runs import Run, run_trailers
from gitreg.format.tags import VersionTag, number_ref, parse_tag_name, run_ref, version_ref
from gitreg.format.times import parse_time
from gitreg.format.trailers import Message, format_message
from gitreg.format.versions import ModelVersion, format_version_message
from gitreg.registry.candidate import Candidate
from gitreg.registry.catalog import ModelTags, model_tags
from gitreg.registry.claim import claim
from gitreg.registry.files import read_run_payloads
from gitreg.registry.place import Registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.seen import remember_seen, seen_among
from gitreg.stores.git import Locked, NewCommit, RefChange, Taken

_PAUSES = (0.1, 0.3, 0.9, 2.7)  # seconds


class Outrun(Conflict):
    """Another program was quicker: look again."""


def publish_payloads(registry: Registry, run: Run, progress: Progress = silent) -> None:
    """Put every payload of a run on the payload store, and see that it is there."""
    items = read_run_payloads(registry, run.commit, [(m.path, m.digest) for m in run.models], f"run {run.id}")
    if items:
        with progress("uploading", sum(item.payload.size for item in items)) as moved:
            kept = [item for item in items if registry.written.has(item.payload.md5, item.payload.size)]
            for found, cache in ((kept, registry.written), ([i for i in items if i not in kept], registry.cache)):
                if found:
                    registry.store.push(found, cache, moved)


def push_runs(registry: Registry, runs: Sequence[Run], progress: Progress = silent) -> None:
    """Publish the payloads of runs, then their tags; a run that the origin has already is left alone."""
    if not runs:
        return
    for run in runs:
        publish_payloads(registry, run, progress)
    try:
        push_patiently(registry, [RefChange(run_ref(run.id), run.commit) for run in runs])
    except Conflict as error:
        raise Conflict(
            f"the origin has another run of the same id: {error.message}", "log it under a new run id"
        ) from None


def push_patiently(registry: Registry, changes: Sequence[RefChange]) -> None:
    """Push to the origin; a lock that another program holds there for a moment is waited for."""
    for pause in _PAUSES:
        try:
            return registry.git.push(registry.remote, changes)
        except Locked:
            time.sleep(random.uniform(pause / 2, pause))
    registry.git.push(registry.remote, changes)


def publish_version(
    registry: Registry, version: ModelVersion, candidate: Candidate, notes: str | None = None
) -> ModelVersion:
    """Make the version's commit and tags, and publish them all at once. Outrun where another program was quicker.

    `notes` is what `check_spelling` told where the model's name is new. Damaged where the origin has lost tags that
    were seen before: a number is never given out twice. Locked where the tags are published, and a lock here keeps
    them from being written here.
    """
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
    new_name = [] if notes is None else [claim(registry, version, notes, when)]
    for known in seen_among(registry, [change.ref for change in refs]):
        if registry.git.find_ref(known):
            raise Outrun(f"{known.removeprefix('refs/tags/')} was just made here")
        raise _taken_away(registry, known)
    last = number_ref(version.model, (version.number or 0) - 1)
    unchanged = [RefChange(last, version.previous, version.previous)] if version.previous else []
    try:
        if registry.remote:
            try:
                git.push(registry.remote, [*unchanged, RefChange(run_ref(run.id), run.commit), *new_name, *refs])
            except Locked as error:  # as a rule by another program that registers there
                raise Outrun(error.message, error.hint) from error
            _keep_refs(registry, refs, f"{version} is registered")
        else:
            git.change_refs([*new_name, *refs])
    except Outrun:
        raise
    except Conflict as error:
        taken = error.refs if isinstance(error, Taken) else ()
        if run_ref(run.id) in taken:
            _check_run_is_ours(registry, version)
        if last in taken and not registry.git.remote_refs(registry.remote, last):
            raise _taken_away(registry, last) from None
        raise Outrun(error.message, error.hint) from error
    remember_seen(registry, {change.ref: change.new for change in refs})
    git.tidy()
    return replace(version, tag=tag, commit=commit)


def _keep_refs(registry: Registry, refs: list[RefChange], done: str) -> None:
    """Create here what the origin has; one that a fetch was quicker to bring is no conflict."""
    # In a clone that git was told to fetch tags into, the push has made them here, too.
    here = {ref.name: ref.oid for ref in registry.git.refs(*(change.ref for change in refs))}
    refs = [change for change in refs if here.get(change.ref) != change.new]
    try:
        if refs:
            registry.git.change_refs(refs)
    except Conflict:
        registry.fetch(*(change.ref for change in refs))
    except Locked as error:
        raise Locked(f"{done}, but its tags could not be written here: {error.message}", error.hint) from error


def complete_numbers(registry: Registry, tags: ModelTags) -> ModelTags:
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
            if registry.remote:
                _keep_refs(registry, [change], f"{name} is completed")
            else:
                registry.git.change_refs([change])
        except (Conflict, Locked) as error:  # as a rule whoever made the number was only a moment from completing it
            registry.fetch(change.ref)
            if registry.git.find_ref(change.ref) != oid:
                raise Outrun(error.message, error.hint) from error
    return model_tags(registry, tags.model) if lone else tags


def _taken_away(registry: Registry, ref: str) -> Damaged:
    name = ref.removeprefix("refs/tags/")
    where = registry.git.address(registry.remote) if registry.remote else registry.where
    return Damaged(
        f"{where} has no tag {name}, which was seen before: it was removed, or an older copy was put in its place",
        f"ask who did it; gitreg fsck{' --remote' if registry.remote else ''} tells what is gone and how it comes back",
    )


def _check_run_is_ours(registry: Registry, version: ModelVersion) -> None:
    ref = run_ref(version.run_id)
    there = registry.git.remote_refs(registry.remote, ref).get(ref)
    if there and there != registry.git.find_ref(ref):
        raise another_run(version.run_id)


def another_run(run_id: str) -> Conflict:
    """The error of a run whose id stands for another one at the origin."""
    return Conflict(f"the origin has another run {run_id}", "an ended run never changes: log this under a new run id")
