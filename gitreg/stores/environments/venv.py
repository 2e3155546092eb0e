"""venv and pip, which come with Python: pip's settings are the user's, as in a shell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gitreg.errors import Unsupported
from gitreg.format.environment import REQUIREMENTS, format_requirements
from gitreg.stores.environments._base import Recipe, Tell, python_of, unheard
from gitreg.stores.environments._interpreters import Interpreter, interpreters
from gitreg.stores.environments._program import Failed, explained, run

NAME = "venv"

_FINAL = ("ERROR: No matching distribution", "ERROR: Cannot install", "ERROR: Could not", "ERROR: Failed", "ERROR: ")


def find() -> tuple[str, ...]:
    return ("python", "-m", "venv")


def build(recipe: Recipe, folder: Path, scratch: Path, tell: Tell = unheard) -> None:
    python = _interpreter(recipe)
    scratch.mkdir(exist_ok=True)
    wanted = scratch / REQUIREMENTS
    wanted.write_text(format_requirements(recipe.requirements), encoding="utf-8")
    try:
        run([python.path, "-I", "-m", "venv", str(folder)], scratch, tell)
    except Failed as failed:
        what = f"Python {python.version} at {python.path} cannot make an environment"
        raise explained(what, failed.lines[-1] if failed.lines else "", failed, "") from failed
    install = [
        *(str(python_of(folder)), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
        *("--progress-bar", "off", "-r", str(wanted)),
    ]
    try:
        run(install, scratch, tell)
    except Failed as failed:
        what = f"pip cannot install what {recipe.name} needs"
        raise explained(what, _said(failed.lines), failed, "pip config list shows where pip looks") from failed


def _interpreter(recipe: Recipe) -> Interpreter:
    halves = []
    for found in interpreters(recipe.python):
        if found.whole:
            return found
        halves.append(found)
    if halves:
        raise Unsupported(
            f"{recipe.name} needs Python {recipe.python}, and {halves[0].path} has no venv",
            f"apt install python{recipe.python}-venv",
        )
    raise Unsupported(
        f"{recipe.name} needs Python {recipe.python}, and there is no python{recipe.python} on PATH",
        f"--manager uv fetches one (pip install uv); or apt install python{recipe.python}-venv",
    )


def _said(lines: Sequence[str]) -> str:
    """The line that tells most."""
    for beginning in _FINAL:
        for line in lines:
            if line.startswith(beginning):
                return line.removeprefix("ERROR: ")
    return lines[-1] if lines else ""
