"""uv: finds interpreters, and fetches them where its settings let it; installs ten times as fast as pip."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from gitreg.errors import GitregError, Unsupported
from gitreg.format.environment import REQUIREMENTS, format_requirements
from gitreg.stores.environments._base import Recipe, Tell, python_of, unheard
from gitreg.stores.environments._program import Failed, explained, run

NAME = "uv"

_DRAWN = "\u00d7\u2570\u251c\u2500\u25b6\u2502"  # its cross, and its arrow to the cause
_ITS_OWN = "uv knows nothing of pip's settings (pip.conf, PIP_*): --manager venv installs with pip"


def find() -> tuple[str, ...]:
    if on_path := shutil.which("uv"):
        return (on_path,)
    return (sys.executable, "-m", "uv") if importlib.util.find_spec("uv") else ()


def build(recipe: Recipe, folder: Path, scratch: Path, tell: Tell = unheard) -> None:
    command = find()
    if not command:
        raise Unsupported("uv is not installed", "pip install uv; or --manager venv")
    # In an empty folder: what a pyproject.toml around the user says of uv is not meant for this.
    scratch.mkdir(exist_ok=True)
    try:
        run([*command, "venv", "--no-project", "--python", recipe.python, str(folder)], scratch, tell)
    except Failed as failed:
        raise _no_python(recipe, failed) from failed
    wanted = scratch / REQUIREMENTS
    wanted.write_text(format_requirements(recipe.requirements), encoding="utf-8")
    install = [*command, "pip", "install", "--python", str(python_of(folder)), "-r", str(wanted)]
    try:
        run(install, scratch, tell)
    except Failed as failed:
        what = f"uv cannot install what {recipe.name} needs"
        raise explained(what, _said(failed.lines), failed, _ITS_OWN) from failed


def _no_python(recipe: Recipe, failed: Failed) -> GitregError:
    what = f"uv has no Python {recipe.python} for {recipe.name}"
    if "No interpreter found" in failed.text or "no interpreter found" in failed.text:
        return Unsupported(what, f"uv python install {recipe.python}; or install python{recipe.python} another way")
    return explained(what, _said(failed.lines), failed, f"uv python install {recipe.python}")


def _said(lines: Iterable[str]) -> str:
    """From where uv begins to tell what is wrong; it draws an arrow to the cause."""
    found: list[str] = []
    for line in lines:
        bare = line.strip().lstrip(_DRAWN).strip()
        if found or line.startswith("error:") or line.lstrip().startswith(_DRAWN[0]):
            if bare.startswith("hint:"):
                break
            found.append(bare.removeprefix("error: ").removeprefix("cause: "))
    # The first of several lines says only that there is a cause.
    return " ".join(found[1:] if len(found) > 1 and "No solution found" in found[0] else found)
