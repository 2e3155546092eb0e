"""Other tools whose import takes seconds, imported once in a session; every call is a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testing.tools import TOOLS

_SERVER = Path(__file__).with_name("warm_server.py")

Run = Callable[..., str]
"""`run("script.py", *arguments, input="", cwd=None, **variables)`, or `run("-c", code, ...)`: what is printed.

The environment is the caller's, with `variables` in it. Where the exit code is not 0, the test fails.
"""


@contextlib.contextmanager
def warm(python: str | Path, *modules: str) -> Iterator[Run]:
    """Run scripts with `python`, which has imported `modules` before the first of them."""
    server = subprocess.Popen([python, _SERVER, *modules], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    asked, told = server.stdin, server.stdout

    def run(*arguments: object, input: str = "", cwd: str | Path | None = None, **variables: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            streams = {name: Path(folder, name) for name in ("in", "out", "err")}
            for name, path in streams.items():
                path.write_text(input if name == "in" else "", encoding="utf-8")
            job = {
                "arguments": [str(argument) for argument in arguments],
                "cwd": str(cwd or Path.cwd()),
                "env": {**os.environ, **variables},
                "streams": folder,
            }
            asked.write(json.dumps(job).encode() + b"\n")
            asked.flush()
            code = told.readline().strip()
            assert code == b"0", f"ended with {code.decode() or 'no answer'}: {streams['err'].read_text('utf-8')}"
            return streams["out"].read_text("utf-8")

    try:
        yield run
    finally:
        asked.close()
        server.wait()
        told.close()


@pytest.fixture(scope="session")
def mlflow_python(sealed_session: Path) -> Iterator[Run]:
    """Runs scripts with MLflow's Python; they find nothing of gitreg unless PYTHONPATH says so."""
    modules = ("mlflow.pyfunc", "mlflow.sklearn", "mlflow.models", "mlflow.entities.model_registry")
    with warm(os.environ[TOOLS["mlflow"]], *modules) as run:
        yield run


@pytest.fixture(scope="session")
def dvc(sealed_session: Path) -> Iterator[Run]:
    """Runs the dvc command: `dvc("metrics", "diff", cwd=repo)`."""
    program = "import sys; from dvc.cli import main; sys.exit(main(sys.argv[1:]))"
    with warm(os.environ[TOOLS["dvc-python"]], "dvc.cli", "dvc.repo") as run:
        yield lambda *arguments, **options: run("-c", program, *arguments, **options)
