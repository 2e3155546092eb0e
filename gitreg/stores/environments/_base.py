"""What a tool is that builds environments, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gitreg.format.environment import CondaEnv

Tell = Callable[[str], None]
"""Called with each line that a tool prints, and with "" every half second in which it prints none."""


def unheard(line: str) -> None:
    """What is told where nobody listens."""


@dataclass(frozen=True)
class Recipe:
    """What an environment is built of.

    `name` is what errors call it. `python` is the minor version, as in 3.11. `requirements` are specifiers, all of them
    checked. `conda` is for the tool that reads it: its channels are names, its dependencies have no addresses.
    """

    name: str
    python: str
    requirements: tuple[str, ...]
    conda: CondaEnv


class Tool(Protocol):
    """The module of one tool."""

    NAME: str

    def find(self) -> tuple[str, ...]:
        """The command that starts it; empty where it is not installed."""

    def build(self, recipe: Recipe, folder: Path, scratch: Path, tell: Tell = unheard) -> None:
        """Make an environment in `folder`, which is not there or empty; files for the tool go to `scratch`.

        Raises `Unsupported` where the tool, a Python or a package is missing, `Unreachable` where an index does not
        answer. What is in `folder` then is of no use.
        """


def python_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"
