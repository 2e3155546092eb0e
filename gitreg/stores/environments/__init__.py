"""The tools that build environments of Python; the table of them.

A tool is one module and one line in the table.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from gitreg.errors import Unsupported
from gitreg.stores.environments._base import Recipe, Tell, Tool, python_of, unheard

__all__ = ["TOOLS", "Recipe", "Tell", "Tool", "default_tool", "get_tool", "python_of", "unheard"]

TOOLS: dict[str, str] = {
    "uv": "gitreg.stores.environments.uv",
    "venv": "gitreg.stores.environments.venv",
    "conda": "gitreg.stores.environments.conda",
}
"""Name to module."""


def get_tool(name: str) -> Tool:
    """The tool called `name`. Raises `Unsupported`, naming those there are."""
    if name not in TOOLS:
        raise Unsupported(f"there is no manager {name}", f"there is: {', '.join(TOOLS)}")
    return cast(Tool, importlib.import_module(TOOLS[name]))


def default_tool() -> Tool:
    """uv where it is installed, else venv, which comes with Python."""
    uv = get_tool("uv")
    return uv if uv.find() else get_tool("venv")


def interpreter_version(environment: Path) -> str:
    """The version of an environment's Python, "" where it does not run."""
    from gitreg.stores.environments._interpreters import look_at

    found = look_at(str(python_of(environment)))
    return found.version if found else ""
