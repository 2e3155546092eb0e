"""Whether a tree holds plain files only, under names that no file system, git or DVC drops or renames."""

from __future__ import annotations

import functools

from gitreg.errors import GitregError
from gitreg.format.names import check_path
from gitreg.format.pointer import SUFFIX
from gitreg.registry.care.fsck.scene import TREE, Scene

_FILES = frozenset({"100644", "100755"})
_OTHERS = {"120000": "a symlink", "160000": "a submodule"}
_AT_ROOT = frozenset({".gitreg", ".dvc", "dvc.yaml"})


def wrong_names(scene: Scene, root: str, known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What is wrong below the root of a run, a message each; `known` remembers the trees below it."""
    problems = list(_entries(scene, root, at_root=True))
    for entry in scene.trees.get(root, ()):
        if entry.mode == TREE and entry.name == ".gitreg":  # a metric may be named as nothing that a user logs
            odd = (path for path, below in scene.files(entry.oid).items() if below.mode not in _FILES)
            problems += [f".gitreg/{path} is no plain file" for path in sorted(odd)]
        elif entry.mode == TREE and entry.name != ".dvc":
            problems += [f"{entry.name}/{problem}" for problem in _below(scene, entry.oid, known)]
        elif entry.mode == TREE and [below.name for below in scene.trees.get(entry.oid, ())] != ["config"]:
            problems.append(".dvc holds more than config: plain DVC would follow it")
    return tuple(problems)


def _below(scene: Scene, tree: str, known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if tree not in known:
        problems = list(_entries(scene, tree, at_root=False))
        for entry in scene.trees.get(tree, ()):
            if entry.mode == TREE:
                problems += [f"{entry.name}/{problem}" for problem in _below(scene, entry.oid, known)]
        known[tree] = tuple(problems)
    return known[tree]


def _entries(scene: Scene, tree: str, *, at_root: bool) -> list[str]:
    problems: list[str] = []
    folded: dict[str, str] = {}
    for entry in scene.trees.get(tree, ()):
        if entry.mode != TREE and entry.mode not in _FILES:
            problems.append(f"{entry.name} is {_OTHERS.get(entry.mode, f'of mode {entry.mode}')}, no plain file")
        elif not (at_root and entry.name in _AT_ROOT) and (why := _wrong(entry.name, entry.mode == TREE)):
            problems.append(f"{entry.name}: {why}")
        one = folded.setdefault(entry.name.casefold(), entry.name)
        if one != entry.name:
            problems.append(f"{entry.name} differs from {one} in case only")
    return problems


@functools.lru_cache(4096)
def _wrong(name: str, folder: bool) -> str:
    try:
        check_path(name if folder else name.removesuffix(SUFFIX))
    except GitregError as error:
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return ""
