"""The files of runs and versions: plain files under names that every machine keeps, listed by their sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gitreg.errors import GitregError
from gitreg.format.dvc_files import PIPELINE, parse_dvc_yaml
from gitreg.format.objects import CommitObject
from gitreg.format.runs import Run
from gitreg.format.versions import ModelVersion
from gitreg.registry.care.fsck.directory import Directory, Found, read_beside, read_directory
from gitreg.registry.care.fsck.fault import Fault
from gitreg.registry.care.fsck.names import wrong_names
from gitreg.registry.care.fsck.scene import Scene
from gitreg.stores.payloads import Item


@dataclass
class Files:
    """What the files of all runs and versions are: `items` are the payloads, each with the first name it was met by."""

    faults: list[Fault] = field(default_factory=list)
    items: dict[object, Item] = field(default_factory=dict)
    directories: dict[str, Directory] = field(default_factory=dict)
    beside: dict[tuple[object, ...], Found] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    artifacts: dict[str, Mapping[str, str]] = field(default_factory=dict)


def read_files(scene: Scene) -> Files:
    """Look through every run and version; what two of them share is looked at once."""
    files = Files()
    for ref, (_, commit) in scene.commits.items():
        thing = scene.short(ref)
        run = scene.runs[ref]
        if isinstance(run, Run) and scene.whole(commit.tree):  # the rest was told with the runs and the objects
            files.faults += _check(scene, files, thing, commit, run)
            if version := scene.versions.get(scene.refs[ref]):
                files.faults += _pipeline(scene, files, thing, commit.tree, version)
    return files


def _check(scene: Scene, files: Files, thing: str, commit: CommitObject, run: Run) -> Iterator[Fault]:
    hint = f"git ls-tree -r -t {commit.tree}"
    bad = wrong_names(scene, commit.tree, files.names)
    for message in bad:
        yield Fault("files", thing, message, hint)
    if bad:
        return
    inside: set[str] = set()
    for model in run.models:
        tree = scene.subtree(commit.tree, model.path)
        inside.add(f"{model.path}/")
        if not tree:
            yield Fault("files", thing, f"there is no folder {model.path}, which is a model of its run", hint)
            continue
        found = files.directories.get(tree)
        if found is None:
            found = files.directories[tree] = read_directory(scene, tree)
        _keep(files, thing, f"{model.path}/", found)
        for message in found.problems:
            yield Fault("files", thing, f"{model.path}/{message}", hint)
        if not found.problems:
            for what, told, own in found.differs(model):
                message = f"the {what} of {model.path} is {own}, and its run says {told}"
                yield Fault("files", thing, message, hint)
    key = (*sorted(inside), *(entry for entry in scene.trees[commit.tree] if entry.name != PIPELINE))
    beside = files.beside.get(key)
    if beside is None:
        beside = files.beside[key] = read_beside(scene, commit.tree, inside, run)
    _keep(files, thing, "", beside)
    for message in beside.problems:
        yield Fault("files", thing, message, hint)


def _keep(files: Files, thing: str, under: str, found: Found) -> None:
    for path, payload in found.payloads:
        files.items.setdefault(payload, Item(payload, f"{thing}: {under}{path}"))


def _pipeline(scene: Scene, files: Files, thing: str, tree: str, version: ModelVersion) -> Iterator[Fault]:
    entry = next((entry for entry in scene.trees.get(tree, ()) if entry.name == PIPELINE), None)
    hint = f"git cat-file -p {entry.oid if entry else tree}"
    if entry is None or entry.oid not in scene.texts:
        yield Fault("files", thing, f"it has no {PIPELINE}: DVC and GTO do not find the model", hint)
        return
    if entry.oid not in files.artifacts:
        try:
            files.artifacts[entry.oid] = parse_dvc_yaml(scene.texts[entry.oid]).artifacts
        except GitregError as error:
            yield Fault("files", thing, error.message, error.hint or hint)
            return
    if files.artifacts[entry.oid].get(version.model) != version.path:
        yield Fault("files", thing, f"its {PIPELINE} does not name {version.model} at {version.path}", hint)
