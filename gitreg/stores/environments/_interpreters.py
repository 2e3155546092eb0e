"""Interpreters of Python on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_ASK = "import platform, sys; print(platform.python_version()); import venv, ensurepip; print('whole')"
_LONGEST = 20.0  # seconds


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs. `whole` tells whether it can make virtual environments."""

    path: str
    version: str
    whole: bool

    @property
    def minor(self) -> str:
        """As in 3.11."""
        return ".".join(self.version.split(".")[:2])


def look_at(path: str) -> Interpreter | None:
    """The interpreter at `path`, None where none runs."""
    try:
        asked = subprocess.run(
            [path, "-I", "-c", _ASK], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_LONGEST,
            check=False,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    version, _, rest = asked.stdout.partition("\n")
    return Interpreter(path, version, rest.strip() == "whole") if version[:1].isdigit() else None


def interpreters(minor: str) -> Iterator[Interpreter]:
    """Those of the version `minor` that are found: this one, then `pythonX.Y`, `python3` and `python` on PATH."""
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        # Not that of the environment that gitreg is in: it goes when that goes.
        own = look_at(getattr(sys, "_base_executable", None) or sys.executable)
        if own and own.minor == minor:
            yield own
    for name in (f"python{minor}", "python3", "python"):
        for folder in filter(os.path.isabs, os.get_exec_path()):
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK) and (found := look_at(path)) and found.minor == minor:
                yield found
