"""A registry as it lies in Git, read once and whole by few git processes, for the rules to judge."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gitreg.errors import GitregError
from gitreg.format.objects import CommitObject, TagObject, parse_commit_object, parse_tag_object
from gitreg.format.runs import Run, parse_run_message
from gitreg.format.tags import NumberTag, RunTag, TagName, VersionTag, parse_tag_name, run_ref
from gitreg.format.times import from_seconds
from gitreg.format.tombstones import Tombstone, parse_tombstone
from gitreg.format.versions import ModelVersion, parse_version_message, version_text
from gitreg.registry.care.fsck.fault import Fault
from gitreg.registry.place import Registry
from gitreg.stores.git.objects import BROKEN, read_objects
from gitreg.stores.git.trees import TreeEntry, parse_tree

TAGS = "refs/tags/"
TREE = "40000"
_KEPT = ("SHA256SUMS", "MLmodel", "dvc.yaml", "run.json", "requirements.txt", "conda.yaml")


@dataclass(frozen=True)
class Blob:
    """What was learned of a blob by reading it."""

    sha256: str
    size: int


@dataclass
class Scene:
    """What is there. `refs` has all refs; `tags` those of the models that are looked at, by full name.

    `objects` are tags and commits by id; `versions` and `tombstones` what tag objects tell, by id; `bad` are objects
    that are missing or broken, `failed` tag objects that tell no version. `told` was found while reading.
    """

    place: Registry
    models: frozenset[str]
    refs: dict[str, str]
    tags: dict[str, TagName]
    told: list[Fault] = field(default_factory=list)
    objects: dict[str, TagObject | CommitObject] = field(default_factory=dict)
    versions: dict[str, ModelVersion] = field(default_factory=dict)
    tombstones: dict[str, Tombstone] = field(default_factory=dict)
    trees: dict[str, tuple[TreeEntry, ...]] = field(default_factory=dict)
    blobs: dict[str, Blob] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def short(self, ref: str) -> str:
        """A tag as people name it."""
        return ref.removeprefix(TAGS)

    def wants(self, model: str) -> bool:
        """Whether a model is looked at."""
        return not self.models or model in self.models

    @cached_property
    def commits(self) -> dict[str, tuple[str, CommitObject]]:
        """The commits of runs and of gitreg's versions: ref -> id and commit, as far as they could be read."""
        found: dict[str, tuple[str, CommitObject]] = {}
        for ref, tag in self.tags.items():
            oid = self.refs[ref]
            if isinstance(tag, VersionTag):
                version = self.versions.get(oid)
                oid = version.commit if version and version.number is not None else ""
            elif not isinstance(tag, RunTag):
                continue
            commit = self.objects.get(oid)
            if isinstance(commit, CommitObject):
                found[ref] = (oid, commit)
        return found

    @cached_property
    def runs(self) -> dict[str, Run | GitregError]:
        """What the message of each of `commits` tells, or why it tells nothing. The same words are the same value."""
        found: dict[str, Run | GitregError] = {}
        parsed: dict[str, Run | GitregError] = {}
        for ref, (oid, commit) in self.commits.items():
            words = commit.message.partition("\n\n")[2]
            if words not in parsed:
                try:
                    parsed[words] = parse_run_message(commit.message, commit=oid)
                except GitregError as error:
                    parsed[words] = error
            found[ref] = parsed[words]
        return found

    def files(self, tree: str) -> dict[str, TreeEntry]:
        """Everything in a tree that is no tree itself, by path; what could not be read is left out."""
        found: dict[str, TreeEntry] = {}
        left = [("", tree)]
        while left:
            under, oid = left.pop()
            for entry in self.trees.get(oid, ()):
                if entry.mode == TREE:
                    left.append((f"{under}{entry.name}/", entry.oid))
                else:
                    found[under + entry.name] = entry
        return found

    def subtree(self, tree: str, path: str) -> str:
        """The tree at a path below a tree, or ""."""
        for name in path.split("/"):
            tree = next((e.oid for e in self.trees.get(tree, ()) if e.name == name and e.mode == TREE), "")
        return tree

    @property
    def stages_tree(self) -> str:
        """The tree of main's folder stages/, or ""."""
        main = self.objects.get(self.refs.get(self.place.main_ref, ""))
        return self.subtree(main.tree, "stages") if isinstance(main, CommitObject) else ""

    def whole(self, tree: str) -> bool:
        """Whether a tree and all that is below it could be read."""
        if not self.bad:
            return True
        left = [tree]
        while left:
            oid = left.pop()
            if oid not in self.trees:
                return False
            for entry in self.trees[oid]:
                if entry.mode == TREE:
                    left.append(entry.oid)
                elif entry.oid in self.bad:
                    return False
        return True


def read_scene(place: Registry, models: Collection[str] = ()) -> Scene:
    """Read what is to be looked at: the versions of `models` and their runs, or everything."""
    scene = _refs(place, frozenset(models))
    _read_tags(scene, {scene.refs[ref] for ref in scene.tags})
    for kind in (VersionTag, NumberTag):  # what tells nothing is told of by its version
        for ref, tag in scene.tags.items():
            if isinstance(tag, kind):
                _read_version(scene, ref)
    for version in scene.versions.values() if models else ():
        if (ref := run_ref(version.run_id)) in scene.refs:
            scene.tags[ref] = RunTag(version.run_id)
    held = {v.commit for v in scene.versions.values() if v.number is not None and not v.tombstone}
    held |= {scene.refs[ref] for ref, tag in scene.tags.items() if isinstance(tag, RunTag)}
    main = scene.refs.get(place.main_ref, "")
    _read_tags(scene, (held | {main} if main else held) - set(scene.objects) - set(scene.bad))
    roots = {found.tree for oid in held if isinstance(found := scene.objects.get(oid), CommitObject)}
    _read_trees(scene, roots)
    if isinstance(at := scene.objects.get(main), CommitObject):
        _read_trees(scene, [at.tree], deep=False)
        _read_trees(scene, [scene.stages_tree] if scene.stages_tree else [])
    _read_blobs(scene, roots)
    return scene


def _refs(place: Registry, models: frozenset[str]) -> Scene:
    answer = place.git.read("for-each-ref", "--format=%(objectname) %(refname)")
    lines = answer.out.decode(errors="replace").splitlines()
    scene = Scene(place, models, {line[41:]: line[:40] for line in lines}, {})
    for line in answer.err.splitlines():
        if " ref " in line:
            hint = "gitreg fsck --repair" if place.remote else "git fsck; take it from a copy of this repository"
            scene.told.append(Fault("refs", line.rsplit(" ", 1)[-1], "the ref's file is damaged", hint))
    for ref in scene.refs:
        tag = parse_tag_name(ref[len(TAGS) :]) if ref.startswith(TAGS) else None
        if tag is not None and (not models or (not isinstance(tag, RunTag) and tag.model in models)):
            scene.tags[ref] = tag
    return scene


def _read_tags(scene: Scene, oids: Iterable[str]) -> None:
    for oid, kind, content in _good(scene, sorted(oids)):
        try:
            if kind == "tag":
                scene.objects[oid] = parse_tag_object(content, f"the tag object {oid[:12]}")
            elif kind == "commit":
                scene.objects[oid] = parse_commit_object(content, f"the commit {oid[:12]}")
        except GitregError as error:
            scene.told.append(Fault("objects", oid, error.message, f"git cat-file -p {oid}"))


def _good(scene: Scene, oids: Sequence[str]) -> Iterable[tuple[str, str, bytes]]:
    for oid, kind, content in read_objects(scene.place.git, oids):
        if kind in {"missing", BROKEN}:
            scene.bad[oid] = kind
        else:
            yield oid, kind, content


def _read_version(scene: Scene, ref: str) -> None:
    """What the tag object behind a ref tells of a version, under the name inside it."""
    oid = scene.refs[ref]
    tag = scene.objects.get(oid)
    if oid in scene.versions or oid in scene.failed or not isinstance(tag, TagObject):
        return
    name = parse_tag_name(tag.name)
    if not isinstance(name, VersionTag):
        return
    try:
        version = parse_version_message(tag.message, name.model, version_text(name.version))
        stone = parse_tombstone(tag) if version.tombstone else None
    except GitregError as error:
        hint = error.hint or f"git cat-file -p {oid}"
        scene.told.append(Fault("tags", scene.short(ref), error.message, hint))
        scene.failed.add(oid)
        return
    if stone:
        scene.tombstones[oid] = stone
    own = {"tag": oid, "commit": "" if stone else tag.target, "created": from_seconds(tag.when)}
    scene.versions[oid] = ModelVersion(**{**version.__dict__, **own})


def _read_trees(scene: Scene, roots: Iterable[str], *, deep: bool = True) -> None:
    left = sorted(set(roots) - set(scene.trees))
    while left:
        below: set[str] = set()
        for oid, kind, content in _good(scene, left):
            try:
                entries = parse_tree(content) if kind == "tree" else ()
            except ValueError:
                scene.bad[oid] = BROKEN
                continue
            scene.trees[oid] = entries
            below |= {entry.oid for entry in entries if entry.mode == TREE}
        left = sorted(below - set(scene.trees) - set(scene.bad)) if deep else []


def _read_blobs(scene: Scene, roots: Iterable[str]) -> None:
    wanted: dict[str, bool] = {}
    stages = scene.stages_tree
    for tree in _reached(scene.trees, [*roots, *([stages] if stages else [])]):
        for entry in scene.trees[tree]:
            if entry.mode.startswith("100"):
                kept = entry.name in _KEPT or entry.name.endswith((".dvc", ".yaml"))
                wanted[entry.oid] = kept or wanted.get(entry.oid, False)
    for oid, _, content in _good(scene, sorted(wanted)):
        scene.blobs[oid] = Blob(hashlib.sha256(content).hexdigest(), len(content))
        if wanted[oid]:
            scene.texts[oid] = content


def _reached(trees: Mapping[str, tuple[TreeEntry, ...]], roots: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    left = list(roots)
    while left:
        oid = left.pop()
        if oid not in seen and oid in trees:
            seen.add(oid)
            left += [entry.oid for entry in trees[oid] if entry.mode == TREE]
    return seen
