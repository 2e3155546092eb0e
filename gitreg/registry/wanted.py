"""What a name needs of the origin: of a mirror's no more than is asked for, whatever the size of the registry."""

from __future__ import annotations

from collections.abc import Mapping

from gitreg.errors import NotFound, Unreachable
from gitreg.format.objects import parse_tag_object
from gitreg.format.references import Exact, Numbered
from gitreg.format.semver import Semver
from gitreg.format.tags import VersionTag, number_ref, parse_tag_name, retire_ref, run_ref, version_ref
from gitreg.format.versions import ModelVersion, version_text
from gitreg.registry.catalog import ModelTags, model_tags, parse_tags, read_version
from gitreg.registry.freshness import Asked, answer_from_here, ask_origin
from gitreg.registry.mirror import keep_names, kept_names
from gitreg.registry.place import Registry
from gitreg.registry.seen import remember_seen
from gitreg.stores.git import Ref
from gitreg.stores.git.partial import PartialRepository

_TAGS = "refs/tags/"


def moving_tags(registry: Registry, model: str, *, history: bool = False) -> tuple[Asked, ModelTags]:
    """The tags of a model as the origin has them now.

    A mirror asks for their names alone, unless `history` is wanted: then for all the tags and their commits.
    """
    mirror = registry.git if isinstance(registry.git, PartialRepository) else None

    def bring() -> None:
        if mirror and not history:
            keep_names(mirror, model, mirror.names(f"{_TAGS}{model}@"))
        else:
            registry.fetch(f"{_TAGS}{model}@*")

    asked = ask_origin(registry, f"{model}@", bring)
    if mirror is None or history:
        return asked, model_tags(registry, model)
    if asked.now:
        return asked, _parsed(kept_names(mirror, model), model)
    here = {ref.name: ref.oid for ref in registry.git.refs(f"{_TAGS}{model}@*")}
    return asked, _parsed(kept_names(mirror, model) | here, model)


def exact_tags(registry: Registry, target: Exact | Numbered, *, history: bool = False) -> tuple[Asked, ModelTags]:
    """The tags of a model, where only the version that `target` names matters: nobody is asked if that is here.

    If it is nowhere, they are those that `moving_tags` finds, to tell what there is.
    """
    thing = f"{target.model}@"
    alone = _alone(registry, target) if isinstance(target, Exact) and not history else None
    if alone:
        return answer_from_here(registry, thing, moves=False), alone
    tags = model_tags(registry, target.model)
    if _known(tags, target) or not registry.remote or registry.offline:
        return answer_from_here(registry, thing, moves=False), tags
    if not registry.mirror:
        return moving_tags(registry, target.model, history=history)
    try:
        version = target.version if isinstance(target, Exact) else _numbered(registry, target)
        _fetch_version(registry, target.model, version)
    except NotFound:
        return moving_tags(registry, target.model, history=history)
    return answer_from_here(registry, thing, moves=False), model_tags(registry, target.model)


def _alone(registry: Registry, target: Exact) -> ModelTags | None:
    """The tags of this one version, if it is here, whatever the number of the others."""
    if registry.mirror:
        return None
    oid = registry.git.read_ref(version_ref(target.model, target.version))
    if not oid:
        return None
    retired = registry.git.read_ref(retire_ref(target.model, target.version))
    return ModelTags(target.model, {target.version: oid}, retired=frozenset({target.version} if retired else ()))


def _known(tags: ModelTags, target: Exact | Numbered) -> bool:
    if isinstance(target, Exact):
        return target.version in tags.versions
    return tags.numbers.get(target.number) in tags.versions.values()


def _numbered(registry: Registry, target: Numbered) -> Semver:
    """The version of a number, whose tag is brought; NotFound where there is none."""
    ref = number_ref(target.model, target.number)
    registry.fetch(ref, whole=True)
    for oid, kind, content in registry.git.objects([ref]):
        found = parse_tag_name(parse_tag_object(content, oid).name) if kind == "tag" else None
        if isinstance(found, VersionTag) and found.model == target.model:
            return found.version
    raise NotFound(f"{ref} names no version")


def _fetch_version(registry: Registry, model: str, version: Semver) -> None:
    ref = version_ref(model, version)
    registry.fetch(ref, f"{ref}!*", whole=True)


def bring_version(registry: Registry, tags: ModelTags, version: Semver) -> ModelVersion:
    """One version, brought where a mirror knows only its name. NotFound where the model has it not.

    Damaged where the tag that is here is another one than the origin's, which is no tombstone of it.
    """
    oid = tags.versions.get(version)
    if registry.mirror and oid and registry.git.find_ref(version_ref(tags.model, version)) != oid:
        if registry.offline:
            name = f"{tags.model}@{version_text(version)}"
            hint = "give the command once without --offline"
            raise Unreachable(f"{name} was never brought here, and this is offline", hint)
        _fetch_version(registry, tags.model, version)
    return read_version(registry, tags, version)


def bring_run(registry: Registry, run_id: str) -> None:
    """Bring the run whose id is, or uniquely begins with, `run_id`; nothing where there is none.

    NotFound where it is the beginning of several; Damaged where it is another one than was seen before.
    """
    if not isinstance(registry.git, PartialRepository):
        return registry.fetch(f"{run_ref(run_id)}*")
    try:
        registry.fetch(run_ref(run_id), whole=True)
    except NotFound:
        found = registry.git.names(run_ref(run_id))
        if len(found) > 1:
            shown = ", ".join(sorted(name.removeprefix(run_ref("")) for name in found)[:8])
            raise NotFound(f"run id {run_id} is short for {len(found)} runs", f"there are {shown}") from None
        for ref in found:
            registry.fetch(ref, whole=True)
    remember_seen(registry, {ref.name: ref.oid for ref in registry.git.refs(f"{run_ref(run_id)}*")})


def _parsed(refs: Mapping[str, str], model: str) -> ModelTags:
    found = parse_tags(Ref(name, oid) for name, oid in sorted(refs.items()))
    return found.get(model, ModelTags(model))
