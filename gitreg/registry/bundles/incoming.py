"""What a bundle brings, looked at beside the registry that is to take it: all of it is verified, nothing changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import Damaged, GitregError, NotFound
from gitreg.format.objects import parse_tag_object
from gitreg.format.runs import Run
from gitreg.format.tags import (
    NumberTag,
    RetireTag,
    RunTag,
    TagName,
    VersionTag,
    format_tag_name,
    parse_tag_name,
    retire_ref,
    run_ref,
    version_ref,
)
from gitreg.format.versions import ModelVersion
from gitreg.registry.bundles.unpack import Unpacked
from gitreg.registry.care.keep import named_in
from gitreg.registry.catalog import parse_runs, version_from_object
from gitreg.registry.files import CommittedFile, read_run_files
from gitreg.registry.notes import NOTES
from gitreg.registry.place import Registry, registry_in
from gitreg.registry.resolve import read_stages
from gitreg.stores.cache import Payload
from gitreg.stores.git.bundle import open_bundle

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Incoming:
    """A verified bundle: its refs and objects as a registry that nobody else knows, its versions and runs."""

    unpacked: Unpacked
    registry: Registry
    versions: tuple[ModelVersion, ...]
    runs: tuple[Run, ...]


def look_at_bundle(unpacked: Unpacked, place: Registry, folder: Path) -> Incoming:
    """Open a bundle beside the registry `place`, in a new folder, and verify all of it.

    NotFound where it builds on something that `place` has not, Damaged where anything in it is wrong.
    """
    manifest, what = unpacked.manifest, str(unpacked.path)
    _check_since(place, unpacked)
    git = open_bundle(unpacked.objects, manifest.refs, folder, place.git, what)
    registry = registry_in(git, "", manifest.branch, what)
    try:
        _check_main(registry)
        _check_notes(registry)
        tags = {ref: _tag(ref) for ref in manifest.refs if ref.startswith(_TAGS)}
        versions = tuple(_version(registry, ref, tag) for ref, tag in tags.items() if isinstance(tag, VersionTag))
        _check_numbers(registry, tags, versions)
        _check_retired(registry, tags, place)
        runs = tuple(_run(registry, ref, tag) for ref, tag in tags.items() if isinstance(tag, RunTag))
        needed: set[Payload] = set()
        for version in versions:
            if not version.tombstone:
                needed |= _payloads_of(registry, version.commit, _run_of(registry, version), str(version))
        for run in runs:
            needed |= _payloads_of(registry, run.commit, run, str(run))
        _check_payloads(unpacked, place, needed)
    except GitregError as error:
        if isinstance(error, Damaged):
            raise Damaged(
                f"{what}: {error.message}", "have it made anew; take it from nobody you do not trust"
            ) from None
        raise type(error)(f"{what}: {error.message}", error.hint) from None
    return Incoming(unpacked, registry, versions, runs)


def _check_since(place: Registry, unpacked: Unpacked) -> None:
    here = {ref.name: ref.oid for ref in place.git.refs(_TAGS)}
    for ref, oid in unpacked.manifest.since.items():
        if here.get(ref) != oid:
            name = ref.removeprefix(_TAGS)
            raise NotFound(
                f"{unpacked.path} builds on {name}, which is not in {place.where}",
                "apply the bundle that holds it first, or have this one made without --since",
            )


def _check_main(registry: Registry) -> None:
    if not registry.exists:
        raise Damaged(f"its {registry.branch} has no gitreg.yaml")
    registry.check_format()
    _ = registry.config
    read_stages(registry)


def _check_notes(registry: Registry) -> None:
    oid = registry.git.find_ref(NOTES)
    if oid and next(iter(registry.git.objects([oid])))[1] != "commit":
        raise Damaged("its notes are no commit")


def _tag(ref: str) -> TagName:
    tag = parse_tag_name(ref.removeprefix(_TAGS))
    assert tag is not None  # the manifest holds no others
    if _TAGS + format_tag_name(tag) != ref:
        raise Damaged(f"{ref} is spelled wrong")
    return tag


def _version(registry: Registry, ref: str, tag: VersionTag) -> ModelVersion:
    oid, kind, content = next(iter(registry.git.objects([registry.git.find_ref(ref)])))
    version = version_from_object(tag.model, tag.version, oid, kind, content)
    if version.number is None:
        raise Damaged(f"{version} was tagged without gitreg")
    return version


def _check_numbers(registry: Registry, tags: dict[str, TagName], versions: Iterable[ModelVersion]) -> None:
    by_number = {(v.model, v.number): v.tag for v in versions}
    found = {(t.model, t.number): registry.git.find_ref(ref) for ref, t in tags.items() if isinstance(t, NumberTag)}
    if found != by_number:
        raise Damaged("its versions and their numbers do not fit together")


def _check_retired(registry: Registry, tags: dict[str, TagName], place: Registry) -> None:
    for ref, tag in tags.items():
        if not isinstance(tag, RetireTag):
            continue
        _, kind, content = next(iter(registry.git.objects([registry.git.find_ref(ref)])))
        found = parse_tag_object(content, ref) if kind == "tag" else None
        version = version_ref(tag.model, tag.version)
        commit = registry.git.find_ref(f"{version}^{{commit}}") or place.git.find_ref(f"{version}^{{commit}}")
        if found is None or _TAGS + found.name != ref or found.kind != "commit" or found.target != commit:
            raise Damaged(f"{retire_ref(tag.model, tag.version)} does not retire that version")


def _run(registry: Registry, ref: str, tag: RunTag) -> Run:
    run = next(iter(parse_runs(registry, [registry.git.find_ref(ref)])))
    if run.id != tag.run_id:
        raise Damaged(f"the tag {ref.removeprefix(_TAGS)} holds the run {run.id}")
    return run


def _run_of(registry: Registry, version: ModelVersion) -> Run:
    run = next(iter(parse_runs(registry, [version.commit])))
    models = {(model.path, model.digest) for model in run.models}
    if run.id != version.run_id or (version.path, version.digest) not in models:
        raise Damaged(f"the commit of {version} is of another run or model")
    return run


def _payloads_of(registry: Registry, commit: str, run: Run, name: str) -> set[Payload]:
    """The payloads of a run whose every file in git was read, and is what its sums say."""
    files = read_run_files(registry, commit, [(model.path, model.digest) for model in run.models], name)
    in_git = [file for file in files if file.blob]
    for file, (_, kind, content) in zip(in_git, registry.git.objects(f.blob for f in in_git), strict=True):
        _check_blob(file, kind, content, name)
    return {file.payload for file in files if file.payload}


def _check_blob(file: CommittedFile, kind: str, content: bytes, name: str) -> None:
    if kind != "blob" or hashlib.sha256(content).hexdigest() != file.sha256:
        raise Damaged(f"{file.path} of {name} is not what its sums say")


def _check_payloads(unpacked: Unpacked, place: Registry, needed: set[Payload]) -> None:
    """What a bundle needs it holds, but for what it builds on; and it holds nothing else."""
    held = set(unpacked.payloads)
    if extra := held - needed:
        raise Damaged(f"it holds the payload {min(p.md5 for p in extra)}, which nothing in it names")
    if missing := needed - held:
        # A tag that can be seen never points at payloads that are missing: those of what is here are somewhere.
        there = named_in(place.git, unpacked.manifest.since.values())
        if lost := [payload.md5 for payload in missing if payload.md5 not in there]:
            raise Damaged(f"it lacks the payload {min(lost)}")


def refs_of(version: ModelVersion) -> tuple[str, ...]:
    """The full refs that go with a version: its own, its number's, its retirement's, its run's."""
    number = _TAGS + format_tag_name(NumberTag(version.model, version.number or 0))
    retired = retire_ref(version.model, version.semver)
    return (version_ref(version.model, version.semver), number, retired, run_ref(version.run_id))
