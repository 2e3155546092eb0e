"""artifacts/: files that a python_function model reads through its context, kept in the model's directory."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from gitreg.errors import Damaged, Refused
from gitreg.flavors._base import inside
from gitreg.flavors.saving.loader_2 import Context

ARTIFACTS = "artifacts"


def check_artifacts(given: object) -> dict[str, Path]:
    """Name -> path of each file or folder. Raises `Refused` for what is no mapping, or is not there."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise Refused("artifacts is no mapping of names to paths", "artifacts={'vocabulary': 'vocabulary.txt'}")
    found = {str(name): Path(path) for name, path in given.items()}
    for name, path in found.items():
        if not path.exists():
            raise Refused(f"the artifact {name} is not there: {path}", f"relative paths begin at {Path.cwd()}")
    names = [path.resolve().name for path in found.values()]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Refused(f"two artifacts are files called {twice[0]}", "rename one of them")
    return found


def copy_artifacts(artifacts: Mapping[str, Path], directory: Path) -> dict[str, dict[str, str]]:
    """Copy files and folders into the model's artifacts/; what MLmodel says of them."""
    entry = {}
    for name, source in artifacts.items():
        path = f"{ARTIFACTS}/{source.resolve().name}"
        target = directory / path
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
        entry[name] = {"path": path, "uri": str(source)}
    return entry


def context_of(folder: Path, entry: object) -> Context:
    """The context that a model in `folder` is given, by what its MLmodel says of artifacts. Raises `Damaged`."""
    if entry is not None and not isinstance(entry, Mapping):
        raise Damaged("MLmodel: artifacts is no mapping")
    paths = {}
    for name, one in (entry or {}).items():
        paths[str(name)] = inside(folder, one.get("path") if isinstance(one, Mapping) else None, f"artifacts: {name}")
    return Context({name: str(path.resolve()) for name, path in paths.items()})
