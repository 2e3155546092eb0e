"""Java, for the frameworks that run in it: where it is, and whether it is new enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from gitreg.errors import Unsupported

INSTALL = "apt install default-jre-headless, or set JAVA_HOME"

_VERSION = re.compile(r'version "(?:1\.)?([0-9]+)')
_LONGEST = 200
_PATIENCE = 60  # seconds for a Java to tell its version


def find_java(needed_by: str, at_least: int, *homes: str) -> str:
    """The path of a `java` of the version `at_least` or newer, for the framework `needed_by`.

    It is looked for in the folders that the environment variables `homes` and JAVA_HOME name, then on the PATH.
    Raises `Unsupported` where there is none, or one that is too old or does not run.
    """
    java = _in_homes(*homes, "JAVA_HOME") or shutil.which("java")
    if java is None:
        raise Unsupported(f"{needed_by} needs Java, which is not installed", INSTALL)
    said = _version_of(java)
    found = _VERSION.search(said or "")
    if said is None or (found is None and "version" not in said):
        raise Unsupported(f"{needed_by} needs Java, and {java} does not run", INSTALL)
    if found and int(found[1]) < at_least:
        message = f"{needed_by} needs Java {at_least} or newer, and {java} is Java {found[1]}"
        raise Unsupported(
            message, f"install a newer one and set JAVA_HOME: apt install openjdk-{max(at_least, 17)}-jre"
        )
    return java


def _in_homes(*variables: str) -> str | None:
    for variable in variables:
        if home := os.environ.get(variable):
            java = Path(home, "bin", "java")
            if not os.access(java, os.X_OK):
                raise Unsupported(
                    f"{variable} is {home}, where there is no bin/java", f"unset {variable}, or correct it"
                )
            return str(java)
    return None


def _version_of(java: str) -> str | None:
    """What it says of itself; None where it fails."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if told.returncode else (told.stderr + told.stdout).decode(errors="replace")


def last_words(log: Path) -> str:
    """The last line of what a Java program wrote to the file `log`, for an error; empty where there is none."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    # A stack is told by its first line.
    heads = [line for line in lines if not line.startswith(("at ", "... "))]
    return heads[-1][:_LONGEST] if heads else ""
