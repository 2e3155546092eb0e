"""code/: the user's own modules that travel with a model, and how they become importable again."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gitreg.errors import Refused, warn
from gitreg.flavors.saving import loader_1, loader_2

CODE = "code"
LOADER = "gitreg_loader_1"
LOADER_OF_CONTEXT = "gitreg_loader_2"

CodePath = str | os.PathLike[str]

_LEFT_OUT = frozenset({".git", ".dvc", "__pycache__"})

_in_use: dict[Path, int] = {}
"""The code/ folders that were put on sys.path, and for how many models each."""


_LOADERS = {LOADER: loader_1, LOADER_OF_CONTEXT: loader_2}


def add_loader(directory: Path, name: str = LOADER) -> None:
    """Put the loader module of that name into the model's code/."""
    code = directory / CODE
    code.mkdir(exist_ok=True)
    target = code / f"{name}.py"
    if target.exists():
        raise Refused(f"{target.name} of code_paths has the name of gitreg's own loader", "rename it")
    target.write_bytes(Path(str(_LOADERS[name].__file__)).read_bytes())


def copy_code(code_paths: Sequence[CodePath], directory: Path) -> None:
    """Copy files and folders into the model's code/, each under its own name.

    What belongs to git and DVC and compiled modules stay behind. Raises `Refused` where a path is not there, or two
    have the same name.
    """
    code = directory / CODE
    for source in map(Path, code_paths):
        if not source.exists():
            raise Refused(f"{source} of code_paths is not there", f"relative paths begin at {Path.cwd()}")
        target = code / source.resolve().name
        if target.exists():
            raise Refused(f"two files of code_paths are called {target.name}", "rename one of them")
        code.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_ignored)
        else:
            shutil.copyfile(source, target)


def _ignored(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in _LEFT_OUT}


def shipped_modules(directory: Path) -> frozenset[str]:
    """The names by which modules in the model's code/ are imported."""
    code = directory / CODE
    return _names(code) if code.is_dir() else frozenset()


def _names(code: Path) -> frozenset[str]:
    return frozenset(path.stem if path.is_file() else path.name for path in code.iterdir())


def imported_by_code(directory: Path) -> frozenset[str]:
    """The modules that the sources in the model's code/ import, whether they run those lines or not."""
    found: set[str] = set()
    own = {directory / CODE / f"{name}.py" for name in _LOADERS}
    for file in sorted(set((directory / CODE).rglob("*.py")) - own):
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):
            continue
        found.update(_imports(tree))
    return frozenset(found)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module


def use_code(code: Path) -> None:
    """Make the modules in a model's code/ importable, before all others, until `leave_code`.

    Modules of the same names that came from another model's code/ are forgotten, so that this model gets its
    own; objects that are loaded already keep theirs. A module of that name which the program imported from
    elsewhere stays, with a warning if it is another.
    """
    code = code.resolve()
    _forget(_names(code), code)
    if code in _in_use:
        sys.path[:] = [entry for entry in sys.path if entry != str(code)]
    sys.path.insert(0, str(code))
    _in_use[code] = _in_use.get(code, 0) + 1
    importlib.invalidate_caches()


def leave_code(code: Path) -> None:
    """Take one `use_code` back. What came with other models is imported again as if this one had never been here."""
    code = code.resolve()
    if code not in _in_use:
        return
    _in_use[code] -= 1
    if _in_use[code]:
        return
    del _in_use[code]
    sys.path[:] = [entry for entry in sys.path if entry != str(code)]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and Path(file).is_relative_to(code):
            del sys.modules[name]


def _forget(names: Iterable[str], code: Path) -> None:
    wanted = frozenset(names)
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        file = getattr(module, "__file__", None)
        if top not in wanted or not isinstance(file, str) or Path(file).is_relative_to(code):
            continue
        if any(Path(file).is_relative_to(other) for other in _in_use):
            del sys.modules[name]
        elif not _same(code, name, Path(file)):
            warn(f"the model gets {name} of this program, not the other one it came with")


def _same(code: Path, name: str, file: Path) -> bool:
    path = code / name.replace(".", "/")
    own = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return not own.is_file() or (file.is_file() and own.read_bytes() == file.read_bytes())
