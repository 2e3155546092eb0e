"""From a name to a version: one grammar, wherever a model is named (docs/format.md 2)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from gitreg.errors import Damaged, NotFound, Refused, Unreachable
from gitreg.format.objects import parse_tag_object
from gitreg.format.references import (
    Exact,
    Latest,
    Numbered,
    OfLine,
    OfRun,
    Reference,
    Staged,
    Target,
    format_reference,
    parse_reference,
)
from gitreg.format.runs import LoggedModel, Run
from gitreg.format.semver import Semver
from gitreg.format.stage_file import StageFile, parse_stage_file, stage_file_path
from gitreg.format.tags import retire_ref, version_ref
from gitreg.format.times import from_seconds, parse_time
from gitreg.format.versions import ModelVersion
from gitreg.registry.catalog import ModelTags, read_run, read_tags, read_versions
from gitreg.registry.files import read_text
from gitreg.registry.freshness import MAIN, Asked, ask_origin
from gitreg.registry.journal import open_runs
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.seen import remember_seen
from gitreg.registry.wanted import bring_run, bring_version, exact_tags, moving_tags


def resolve(
    ref: str | Reference | ModelVersion | LoggedModel,
    *,
    at: str | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> ModelVersion:
    """The version that `ref` names now, or named `at` a moment (RFC 3339).

    A name that may move is looked up at the origin; Unreachable where it does not answer, unless `offline`.
    NotFound tells what there is; Refused for a run, which is no version.
    """
    place = open_registry(registry, offline=offline)
    reference = ref if isinstance(ref, Reference) else parse_reference(str(ref))
    target = reference.target
    if isinstance(target, OfRun):
        raise Refused(f"{reference} is a run, not a version", f"gitreg register {reference} MODEL")
    if isinstance(target, Staged):
        if at is not None:
            return _staged_at(place, target, at)
        return _staged(place, target)
    if isinstance(target, Exact | Numbered):
        asked, tags = exact_tags(place, target, history=at is not None)
    else:
        asked, tags = moving_tags(place, target.model, history=at is not None)
    if not tags.versions and not tags.numbers:
        raise NotFound(f"no model {target.model} in {place.where}", _models_there(place))
    if at is not None:
        tags = _as_of(place, tags, at)
    chosen = _choose(place, tags, reference)
    found = bring_version(place, tags, chosen)
    _check_number(tags, target, found)
    remember_seen(place, {version_ref(found.model, chosen): found.tag})
    return replace(found, as_of=asked.as_of, stale=asked.stale)


def _check_number(tags: ModelTags, target: Target, found: ModelVersion) -> None:
    """Damaged where a version was chosen by a number tag, and its own text tells another number."""
    if isinstance(target, Numbered) or (isinstance(target, Latest) and target.by_number):
        for number, oid in tags.numbers.items():
            if oid == found.tag and number != found.number:
                raise Damaged(
                    f"the number tag {tags.model}@{number} holds {found}, which says that it is number {found.number}",
                    f"gitreg fsck; ask who made {tags.model}@{number}",
                )


def _models_there(registry: Registry) -> str:
    if registry.mirror:
        return "gitreg ls"
    names = sorted(read_tags(registry))
    if not names:
        return (
            "gitreg fetch"
            if registry.remote and registry.offline
            else "nothing is registered yet: gitreg register RUN MODEL"
        )
    shown = ", ".join(names[:10])
    return f"there is {shown}" if len(names) <= 10 else f"there are {len(names)} models: gitreg ls"


def _choose(registry: Registry, tags: ModelTags, reference: Reference) -> Semver:
    target = reference.target
    standing = tags.standing()
    if isinstance(target, Exact):
        return target.version
    if isinstance(target, Numbered):
        return _numbered(registry, tags, target.number)
    if isinstance(target, Latest) and target.by_number:
        numbers = {oid: n for n, oid in tags.numbers.items()}
        found = [(numbers[oid], v) for v, oid in tags.versions.items() if oid in numbers and v not in tags.retired]
        chosen = _first_kept(registry, tags, [v for _, v in sorted(found, reverse=True)])
        if chosen is None:
            raise NotFound(
                f"{format_reference(reference)} names nothing: every version of {tags.model} is retired",
                f"gitreg ls {tags.model}",
            )
        return chosen
    if isinstance(target, OfLine):
        if not any(target.line.holds(v) for v in tags.versions):
            majors = sorted({v.major for v in tags.versions})
            raise NotFound(
                f"{tags.model} has no version {target.line}.*", f"there is {', '.join(f'v{m}' for m in majors)}"
            )
        standing = [v for v in standing if target.line.holds(v)]
    chosen = _first_kept(registry, tags, standing[::-1])
    if chosen is None:
        hint = f"gitreg ls {tags.model}"
        lines = sorted({v.major for v in tags.standing()})
        if isinstance(target, OfLine) and lines:
            hint = f"there is {', '.join(f'v{major}' for major in lines)}"
        raise NotFound(
            f"{format_reference(reference)} names nothing: every version of it is retired or a pre-release",
            hint,
        )
    return chosen


def _first_kept(registry: Registry, tags: ModelTags, versions: Sequence[Semver]) -> Semver | None:
    """The first of the versions that was not purged; mostly just the first, so they are read one by one."""
    return next((v for v in versions if not bring_version(registry, tags, v).tombstone), None)


def _numbered(registry: Registry, tags: ModelTags, number: int) -> Semver:
    oid = tags.numbers.get(number)
    if oid is None:
        known = sorted(tags.numbers)
        hint = f"the numbers are 1 to {known[-1]}" if known else "its versions have no numbers: GTO tagged them"
        raise NotFound(f"{tags.model} has no version number {number}", hint)
    for version, other in tags.versions.items():
        if other == oid:
            return version
    raise Damaged(
        f"the number {number} of {tags.model} has no version tag", "gitreg fetch, then gitreg register completes it"
    )


def read_stage(registry: Registry, stage: str, model: str, commit: str = "") -> StageFile | None:
    """What main (or `commit`) says a stage runs of a model, or None where it runs none."""
    path = stage_file_path(stage, model)
    text = read_text(registry, commit or registry.main_ref, path)
    if text is None:
        return None
    found = parse_stage_file(text, path)
    if (found.stage, found.model) != (stage, model):
        raise Damaged(
            f"{path} speaks of {found.model} in {found.stage}",
            f"gitreg show {model}@{stage}; revert the change of {path}",
        )
    return found


def _staged(registry: Registry, target: Staged) -> ModelVersion:
    asked = ask_origin(registry, MAIN, registry.fetch_main)
    found = read_stage(registry, target.stage, target.model)
    if found is None:
        raise _nothing_staged(registry, target)
    return _version_of_stage(registry, found, asked)


def _nothing_staged(registry: Registry, target: Staged) -> NotFound:
    stages = sorted(s for s, models in read_stages(registry).items() if target.model in models)
    all_stages = sorted(read_stages(registry))
    if stages:
        return NotFound(f"no stage {target.stage} runs {target.model}", f"stages that do: {', '.join(stages)}")
    declared: Mapping[str, object] = {}
    with suppress(Damaged):  # what is asked for is not in gitreg.yaml
        declared = registry.config.stages
    if target.stage in declared:
        return NotFound(
            f"no stage {target.stage} runs {target.model}",
            f"gitreg promote {target.model}@VERSION {target.stage} proposes one; gitreg ls {target.model} lists them",
        )
    known = f"; the stages are {', '.join(all_stages)}" if all_stages else ""
    return NotFound(f"no stage {target.stage} runs {target.model}", f"gitreg ls {target.model}{known}")


def _version_of_stage(registry: Registry, found: StageFile, asked: Asked) -> ModelVersion:
    version = resolve(f"{found.model}@{found.version}", registry=registry)
    if version.digest != found.digest or version.commit != found.commit:
        raise Damaged(
            f"{stage_file_path(found.stage, found.model)} does not fit {version}: the digest or commit is another one",
            f"git log {registry.main_ref} -- {stage_file_path(found.stage, found.model)}",
        )
    if version.retired:
        raise Refused(
            f"{found.stage} runs {version}, which is retired",
            f"let {found.stage} run another version, by a pull request",
        )
    return replace(version, stages=(found.stage,), as_of=asked.as_of, stale=asked.stale)


def read_stages(registry: Registry) -> dict[str, dict[str, str]]:
    """Stage -> model -> version, as main has them."""
    found: dict[str, dict[str, str]] = {}
    try:
        paths = registry.git.paths(registry.main_ref, "stages")
    except NotFound:
        return {}
    wanted = {path: blob for path, blob in paths.items() if path.count("/") == 1 and path.endswith(".yaml")}
    for path, (_, kind, content) in zip(wanted, registry.git.objects(wanted.values()), strict=True):
        if kind != "blob":
            raise Damaged(f"git does not have the content of stages/{path}", "git fsck")
        stage, _, name = path.partition("/")
        parsed = parse_stage_file(content.decode("utf-8", "replace"), f"stages/{path}")
        if parsed.stage == stage and f"{parsed.model}.yaml" == name:
            found.setdefault(stage, {})[parsed.model] = parsed.version
    return found


def _staged_at(registry: Registry, target: Staged, at: str) -> ModelVersion:
    asked = ask_origin(registry, MAIN, lambda: registry.fetch_main(history=True))
    commit = registry.git.commit_at(registry.main_ref, at)
    found = read_stage(registry, target.stage, target.model, commit) if commit else None
    if found is None:
        hint = f"gitreg log --stage {target.stage} {target.model}"
        raise NotFound(f"{target.stage} ran no {target.model} at {at}", hint)
    version = resolve(f"{found.model}@{found.version}", registry=registry)
    return replace(version, stages=(found.stage,), as_of=asked.as_of, stale=asked.stale)


def _as_of(registry: Registry, tags: ModelTags, at: str) -> ModelTags:
    moment = parse_time(at)
    kept = {v.semver for v in read_versions(registry, [tags]).versions if parse_time(v.created) <= moment}
    if not kept:
        raise NotFound(f"{tags.model} had no version at {at}", f"gitreg log {tags.model}")
    return replace(
        tags,
        versions={v: oid for v, oid in tags.versions.items() if v in kept},
        retired=frozenset(v for v in tags.retired if _retired_by(registry, tags.model, v, moment)),
    )


def _retired_by(registry: Registry, model: str, version: Semver, moment: datetime) -> bool:
    ref = retire_ref(model, version)
    for _, kind, content in registry.git.objects([ref]):
        if kind == "tag":  # one without a time of its own has been there always
            return parse_time(from_seconds(parse_tag_object(content, ref).when)) <= moment
    return True


def get_run(
    run_id: str, *, registry: str | os.PathLike[str] | Registry | None = None, offline: bool | None = None
) -> Run:
    """The run of that id (or a unique beginning of one), ended or still open on this machine."""
    place = open_registry(registry, offline=offline)
    wanted = run_id.removeprefix("run:")
    target = parse_reference(f"run:{wanted}").target
    assert isinstance(target, OfRun)
    try:
        return read_run(place, target.run_id)
    except NotFound as missing:
        found = [run for run in open_runs(place.state) if run.id.startswith(target.run_id)]
        if len(found) == 1:
            return found[0]
        if not place.remote or place.offline:
            raise
        try:
            bring_run(place, target.run_id)
        except Unreachable as away:
            raise away if place.mirror else missing from None
        return read_run(place, target.run_id)
