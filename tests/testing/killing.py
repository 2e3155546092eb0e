"""Programs that are killed at an exact step: their n-th process of git, or their n-th change of a file.

A program here is a function of this module, run in a process of its own: a fork of a small server that has imported
gitreg already, so that a hundred of them cost seconds.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from testing.registries import signature, times

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["testing.killing", "gitreg.flavors.python_function", "gitreg.registry.runs.log_model", "git"]
)

WRAPPER = """\
#!/bin/sh
read -r n < "{count}"
n=$((n + 1))
echo $n > "{count}"
if [ $n != {at} ]; then exec {git} "$@"; fi
if [ {after} = yes ]; then {git} "$@"; fi
kill -9 $PPID
"""


def train(registry: str, name: str) -> None:
    """A training script: one run, with everything that can be logged, whose model is registered at its end."""
    import gitreg

    with gitreg.start_run(name, run_id=f"run-{name}", registry=registry):
        gitreg.log_params({"depth": 3})
        gitreg.log_metric("loss", 0.5, step=1)
        gitreg.log_text("notes", "notes.txt")
        gitreg.log_text("rows", "rows.parquet")
        gitreg.log_model(
            times(sum(name.encode())), signature=signature(a="long"), register_as=name, pip_requirements=["cloudpickle"]
        )


def note_and_retire(registry: str, name: str) -> None:
    """What is done to a version later."""
    import gitreg

    gitreg.note(f"{name}@1", {"owner": "risk"}, {"auc": 0.5}, registry=registry)
    try:
        gitreg.retire(f"{name}@1", "old", registry=registry)
    except gitreg.Conflict as done:
        assert "is retired already" in done.message


def serve(registry: str, name: str) -> None:
    """Load a version, and write it out."""
    import gitreg

    assert callable(gitreg.load_model(f"{name}@1", registry=registry))
    gitreg.pull(f"{name}@1", f"served-{name}", registry=registry)


def register(registry: str, name: str) -> None:
    """Log and register models one after the other, as `name` says: who registers, how many, as what."""
    import gitreg

    who, count, model = name.split()
    for n in range(int(count)):
        gitreg.log_model(
            times(sum(who.encode()) * 1000 + n), run_id=f"{who}-{n}", register_as=model, registry=registry,
            pip_requirements=["cloudpickle"],
        )  # fmt: skip


def register_one(registry: str, name: str) -> None:
    """Register one run that there is already."""
    import gitreg

    gitreg.register(f"run:{name}", "churn", registry=registry)


def note_twice(registry: str, name: str) -> None:
    """Make two notes on a version of the model, under keys that begin with the second word of `name`."""
    import gitreg

    model, key = name.split()
    for n in range(2):
        gitreg.note(f"{model}@1", {f"{key}-{n}": n}, registry=registry)
    gitreg.push(registry=registry)


def start(program: Callable[[str, str], None], registry: Path, name: str, step: int = 0, path: str = "") -> Any:
    """A process of `program`; with `step` it kills itself at that change of a file."""
    env = dict(os.environ) | ({"PATH": path} if path else {})
    with pytest.MonkeyPatch.context() as patch:  # the server finds what it imports beforehand by this alone
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        forkserver.ensure_running()
    process = _SERVER.Process(target=_run, args=(program.__name__, str(registry), name, step, env, os.getcwd()))
    process.start()
    return process


def run(program: Callable[[str, str], None], registry: Path, name: str, step: int = 0, path: str = "") -> int:
    """Run `program` to its end; what it ended with: 0, or -9 where it was killed."""
    process = start(program, registry, name, step, path)
    process.join()
    code: int = process.exitcode
    process.close()
    return code


def git_that_kills(folder: Path, at: int, *, after: bool) -> str:
    """A PATH on which the `at`-th git kills who started it: before it does anything, or when it has done it."""
    folder.mkdir(exist_ok=True)
    count, program = folder / "count", folder / "git"
    count.write_text("0\n")
    real = shutil.which("git", path=os.environ["PATH"])
    program.write_text(WRAPPER.format(count=count, at=at, git=real, after="yes" if after else "no"))
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def _run(program: str, registry: str, name: str, step: int, env: dict[str, str], cwd: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    if step:
        _die_at(step)
    try:
        globals()[program](registry, name)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _die_at(step: int) -> None:
    """Kill this process at its `step`-th change of a file that is to last."""
    left = [step]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return call

    for name in ("fsync", "fdatasync", "replace", "rename", "ftruncate"):
        setattr(os, name, counted(getattr(os, name)))
