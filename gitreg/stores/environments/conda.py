"""conda, mamba or micromamba: they read conda.yaml, and bring Python and libraries that are none of Python's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from gitreg.errors import Unsupported
from gitreg.format.environment import CONDA, format_conda_env
from gitreg.stores.environments._base import Recipe, Tell, unheard
from gitreg.stores.environments._program import Failed, explained, run

NAME = "conda"

_PROGRAMS = ("conda", "mamba", "micromamba")
_OTHERS = "--manager uv or --manager venv needs no conda"
_VARIABLES = ("CONDA_EXE", "MAMBA_EXE")


def find() -> tuple[str, ...]:
    for name in _PROGRAMS:
        if on_path := shutil.which(name):
            return (on_path,)
    for name in _VARIABLES:  # conda in a shell may be a function, which no program finds
        path = os.environ.get(name, "")
        if path and os.access(path, os.X_OK):
            return (path,)
    return ()


def build(recipe: Recipe, folder: Path, scratch: Path, tell: Tell = unheard) -> None:
    command = find()
    if not command:
        raise Unsupported(f"none of {', '.join(_PROGRAMS)} is installed", _OTHERS)
    scratch.mkdir(exist_ok=True)
    wanted = scratch / CONDA
    wanted.write_text(format_conda_env(recipe.conda), encoding="utf-8")
    if folder.is_dir():
        folder.rmdir()  # micromamba takes no folder that is there
    verb = ("create",) if Path(command[0]).name.startswith("micromamba") else ("env", "create")
    try:
        run([*command, *verb, "-p", str(folder), "-f", str(wanted)], scratch, tell)
    except Failed as failed:
        what = f"{Path(command[0]).name} cannot make the environment of {recipe.name}"
        raise explained(what, _said(failed.lines), failed, _OTHERS) from failed


def _said(lines: Sequence[str]) -> str:
    """From its first word about an error on."""
    for number, line in enumerate(lines):
        if "Error" in line or line.lower().startswith("error"):
            return " ".join(lines[number:])
    return lines[-1] if lines else ""
