"""What the tags tell: the versions of a model, and the runs. Reads tags and commits, never a blob."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter

from gitreg.errors import Damaged, GitregError, NotFound
from gitreg.format.objects import TagObject, parse_commit_object, parse_tag_object
from gitreg.format.runs import Run, parse_run_message
from gitreg.format.semver import Semver
from gitreg.format.tags import NumberTag, RetireTag, VersionTag, parse_tag_name, run_ref
from gitreg.format.times import from_seconds
from gitreg.format.versions import ModelVersion, parse_version_message, version_text
from gitreg.registry.place import Registry
from gitreg.stores.git import Ref

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class ModelTags:
    """The tags of one model, by name alone: version -> tag object, number -> tag object, and what is retired."""

    model: str
    versions: Mapping[Semver, str] = field(default_factory=dict)
    numbers: Mapping[int, str] = field(default_factory=dict)
    retired: frozenset[Semver] = frozenset()

    @property
    def highest(self) -> int:
        """The highest number given out, 0 where there is none."""
        return max(self.numbers, default=0)

    def standing(self) -> list[Semver]:
        """The versions that are neither retired nor pre-releases, least first."""
        return sorted((v for v in self.versions if v not in self.retired and not v.pre), key=attrgetter("sort_key"))


def read_tags(registry: Registry, model: str = "*") -> dict[str, ModelTags]:
    """The tags of one model, or of all of them, by model, as far as they are here."""
    return parse_tags(registry.git.refs(f"{_TAGS}{model}@*"))


def parse_tags(refs: Iterable[Ref]) -> dict[str, ModelTags]:
    """The tags of models that are among `refs`, by model."""
    versions: dict[str, dict[Semver, str]] = {}
    numbers: dict[str, dict[int, str]] = {}
    retired: dict[str, set[Semver]] = {}
    for ref in refs:
        match parse_tag_name(ref.name[len(_TAGS) :]):
            case VersionTag(name, version):
                versions.setdefault(name, {})[version] = ref.oid
            case NumberTag(name, number):
                numbers.setdefault(name, {})[number] = ref.oid
            case RetireTag(name, version):
                retired.setdefault(name, set()).add(version)
            case _:
                pass
    return {
        name: ModelTags(name, versions.get(name, {}), numbers.get(name, {}), frozenset(retired.get(name, ())))
        for name in sorted(versions | numbers)
    }


def model_tags(registry: Registry, model: str) -> ModelTags:
    """The tags of one model; without any where it has none."""
    return read_tags(registry, model).get(model, ModelTags(model))


@dataclass(frozen=True)
class Found:
    """The versions that could be read, and what is wrong with the others."""

    versions: tuple[ModelVersion, ...]
    damaged: tuple[GitregError, ...] = ()


def read_versions(registry: Registry, wanted: Iterable[ModelTags]) -> Found:
    """All versions of the models in `wanted`, in order of model and number (versions of GTO's alone come last)."""
    asked = [(tags, version, oid) for tags in wanted for version, oid in tags.versions.items()]
    versions: list[ModelVersion] = []
    damaged: list[GitregError] = []
    for (tags, version, oid), (_, kind, content) in zip(
        asked, registry.git.objects(oid for _, _, oid in asked), strict=True
    ):
        try:
            found = version_from_object(tags.model, version, oid, kind, content)
        except GitregError as error:
            damaged.append(error)
            continue
        versions.append(replace(found, retired=True) if version in tags.retired else found)
    versions.sort(key=_order)
    return Found(tuple(versions), tuple(damaged))


def _order(version: ModelVersion) -> tuple[str, int, Semver]:
    return version.model, version.number or 1 << 60, version.semver


def read_version(registry: Registry, tags: ModelTags, version: Semver) -> ModelVersion:
    """One version; NotFound where the model has it not, Damaged where its tag is broken."""
    oid = tags.versions.get(version)
    if oid is None:
        raise NotFound(f"{tags.model} has no version {version_text(version)}", _what_there_is(tags))
    for _, kind, content in registry.git.objects([oid]):
        if kind == "missing":
            break
        found = version_from_object(tags.model, version, oid, kind, content)
        return replace(found, retired=version in tags.retired)
    raise Damaged(f"git does not have the tag object {oid} of {tags.model}@{version_text(version)}", "git fsck")


def _what_there_is(tags: ModelTags) -> str:
    known = [version_text(version) for version in sorted(tags.versions)]
    if not known:
        return "gitreg ls"
    shown = ", ".join(known[-8:])
    return f"there is {shown}" if len(known) <= 8 else f"there are {len(known)}, the last ones {shown}"


def version_from_object(model: str, version: Semver, oid: str, kind: str, content: bytes) -> ModelVersion:
    """The version that the object under the tag `<model>@<version>` tells; Damaged where it tells none, or another."""
    text = version_text(version)
    name = f"{model}@{text}"
    if kind == "commit":  # a lightweight tag, made by hand
        commit = parse_commit_object(content, name)
        return ModelVersion(model, text, None, "", "", "", "none", 0, (), tag=oid, commit=oid, author=commit.author,
                            created=from_seconds(commit.when))  # fmt: skip
    if kind != "tag":
        raise Damaged(f"the tag {name} names a {kind}, not a tag of a commit", f"git cat-file -p {oid}")
    tag = parse_tag_object(content, name)
    if tag.name != name or tag.kind != "commit":
        raise Damaged(f"the tag {name} holds {tag.name!r} of a {tag.kind}: it is another tag under this name",
                      f"git cat-file -p {oid}")  # fmt: skip
    found = parse_version_message(tag.message, model, text)
    return _with_tag(found, oid, tag)


def _with_tag(found: ModelVersion, oid: str, tag: TagObject) -> ModelVersion:
    # Cheaper than dataclasses.replace, and this runs for every version that is listed.
    facts = found.__dict__ | {"tag": oid, "commit": tag.target, "author": tag.tagger, "created": from_seconds(tag.when)}
    return ModelVersion(**facts)


def read_run(registry: Registry, run_id: str) -> Run:
    """The ended run whose id is, or uniquely begins with, `run_id`; NotFound, with what there is, otherwise."""
    refs = {ref.name.removeprefix(run_ref("")): ref.oid for ref in registry.git.refs(run_ref(run_id + "*"))}
    if run_id not in refs and len(refs) != 1:
        if refs:
            raise NotFound(f"run id {run_id} is short for {len(refs)} runs", f"there are {', '.join(sorted(refs)[:8])}")
        raise NotFound(f"no run {run_id} in {registry.where}", "gitreg runs")
    oid = refs.get(run_id) or next(iter(refs.values()))
    found = next(iter(parse_runs(registry, [oid])))
    wanted = run_id if run_id in refs else next(iter(refs))
    if found.id != wanted:
        raise Damaged(f"the tag run/{wanted} holds the run {found.id}", f"git cat-file -p {oid}")
    return found


def parse_runs(registry: Registry, commits: Iterable[str]) -> Iterator[Run]:
    """The runs of commits (of runs or of versions), in order."""
    for oid, kind, content in registry.git.objects(commits):
        if kind != "commit":
            raise Damaged(f"{oid[:12]} is a {kind}, not a run's commit", f"git cat-file -p {oid}")
        commit = parse_commit_object(content, oid[:12])
        yield parse_run_message(commit.message, commit=oid, author=commit.author)
