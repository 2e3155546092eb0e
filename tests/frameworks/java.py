"""What the tests of the flavors that run in Java share: programs without Java, and programs with one of their own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

WITHOUT_JAVA = """
import json, sys
from pathlib import Path
from gitreg.errors import Unsupported
from gitreg.flavors import load_pyfunc
from gitreg.format.mlmodel import parse_mlmodel
try:
    load_pyfunc(Path(sys.argv[1]), parse_mlmodel(Path(sys.argv[1], "MLmodel").read_bytes()))
except Unsupported as error:
    print(json.dumps([error.message, error.hint]))
"""

TOO_OLD = """#!/bin/sh
echo 'openjdk version "1.7.0_80"' >&2
"""


def loaded_without_java(model: Path, folder: Path, **env: str) -> list[str]:
    """The message and hint of a program that loads `model` where the PATH leads to no Java."""
    (folder / "empty").mkdir()
    known = {name: value for name, value in os.environ.items() if name not in ("JAVA_HOME", "H2O_JAVA_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_JAVA, model],
        env={**known, "PATH": str(folder / "empty"), **env},
        capture_output=True,
        check=True,
    )
    told: list[str] = json.loads(done.stdout)
    return told


def old_java(folder: Path) -> Path:
    """A JAVA_HOME with a Java of 2011."""
    java = folder / "java7/bin/java"
    java.parent.mkdir(parents=True)
    java.write_text(TOO_OLD)
    java.chmod(0o755)
    return folder / "java7"


def lived(flavor: str, model: Path, data: Path, folder: Path) -> dict[str, Any]:
    """What own_java.py saw in the empty folder `folder`/here; its Java is gone after it was killed, and its files."""
    (folder / "here").mkdir()
    (folder / "tmp").mkdir()
    running = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("own_java.py"), flavor, model, data],
        cwd=folder / "here",
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
    )
    assert running.stdout is not None
    with running.stdout as out:
        seen: dict[str, Any] = json.loads(out.readline())
        java = os.pidfd_open(int(out.readline()))
        running.kill()
        running.wait()
    assert select.select([java], [], [], 60)[0], "Java outlives the program"
    os.close(java)
    return seen
