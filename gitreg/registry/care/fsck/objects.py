"""Objects that Git should have: none missing, none whose bytes are not its own."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.format.objects import CommitObject
from gitreg.registry.care.fsck.fault import REPAIR, Fault
from gitreg.registry.care.fsck.scene import TREE, Scene
from gitreg.stores.git.objects import MISSING


def check(scene: Scene) -> Iterator[Fault]:
    """Each object that could not be read, by what names it."""
    yield from scene.told
    hint = REPAIR if scene.place.remote else "take it from a clone or a backup: git cat-file -p shows it there"
    for oid, name in name_bad(scene).items():
        state = "is missing from Git" if scene.bad[oid] == MISSING else "is damaged in Git: its bytes are not its own"
        yield Fault("objects", name, f"the object {oid[:12]} {state}", hint)


def name_bad(scene: Scene) -> dict[str, str]:
    """What needs each object that is missing or broken: a ref, or the path of a file or folder in one."""
    named = {oid: _said(scene, ref, path) for oid, (ref, path) in _needed(scene).items()}
    return {oid: named.get(oid, "an object") for oid in scene.bad}


def needed_by(scene: Scene) -> set[str]:
    """The refs (full names) that need an object that is missing or broken."""
    needed = _needed(scene)
    return {needed[oid][0] for oid in scene.bad if oid in needed}


def _said(scene: Scene, ref: str, path: str) -> str:
    name = scene.place.branch if ref == scene.place.main_ref else scene.short(ref)
    return f"{name}: {path}" if path else name


def _needed(scene: Scene) -> dict[str, tuple[str, str]]:
    """Object -> the first ref that needs it, and what it is there; of all objects, where any is bad."""
    found: dict[str, tuple[str, str]] = {}
    if not scene.bad:
        return found
    roots: list[tuple[str, str]] = []
    for ref in scene.tags:
        oid = scene.refs[ref]
        found.setdefault(oid, (ref, ""))
        if version := scene.versions.get(oid):
            found.setdefault(version.commit, (ref, "its commit"))
    roots += [(ref, commit.tree) for ref, (_, commit) in scene.commits.items()]
    if main := scene.refs.get(scene.place.main_ref, ""):
        found.setdefault(main, (scene.place.main_ref, ""))
        if isinstance(at := scene.objects.get(main), CommitObject):
            roots.append((scene.place.main_ref, at.tree))
    seen: set[str] = set()
    for ref, tree in roots:
        left = [(tree, "")]
        while left:
            oid, path = left.pop()
            if oid in seen:
                continue
            seen.add(oid)
            found.setdefault(oid, (ref, path or "its tree"))
            for entry in scene.trees.get(oid, ()):
                if entry.mode == TREE:
                    left.append((entry.oid, f"{path}{entry.name}/"))
                else:
                    found.setdefault(entry.oid, (ref, f"{path}{entry.name}"))
    return found
