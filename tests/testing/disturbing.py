"""Programs that are disturbed at their n-th step: killed, interrupted, or with their cache deleted under them.

A step is what a program does to a path below a folder, or the start of another program, as Python's own audit events
tell of it (`open`, `os.link`, `os.rename`, `os.scandir`, `subprocess.Popen` ...). Each runs in a process of its own, a
fork of a server that has imported gitreg already.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from testing import killing


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code (0, 1 for a GitregError, -9), the error's class and message, and the steps."""

    code: int
    kind: str = ""
    message: str = ""
    steps: int = 0
    err: str = ""


def load(registry: str, ref: str, target: str) -> None:
    """Load a model and use it."""
    import gitreg

    model = gitreg.load_model(ref, registry=registry)
    assert callable(model)
    assert model(3) == 6


def pull(registry: str, ref: str, target: str) -> None:
    """Write a model out."""
    import gitreg

    gitreg.pull(ref, target, registry=registry)


def command(registry: str, line: str, target: str) -> None:
    """A command line, in the registry's folder."""
    from gitreg.cli import main

    os.chdir(registry)
    sys.argv = ["gitreg", *shlex.split(line)]
    main()


def kill(cache: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt(cache: Path) -> None:
    """What a terminal does at Ctrl-C: the whole process group is told."""
    os.killpg(0, signal.SIGINT)


def interrupt_twice(cache: Path) -> None:
    """Ctrl-C, and again while the program tidies up."""
    try:
        interrupt(cache)
        signal.sigtimedwait([], 0)  # where the signal is heard
    finally:
        interrupt(cache)


def terminate(cache: Path) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def delete(cache: Path) -> None:
    shutil.rmtree(cache, ignore_errors=True)


Program = Callable[[str, str, str], None]
Disturbance = Callable[[Path], None]


def run(program: Program, registry: Path, ref: str, target: Path, **how: Any) -> Ended:
    """Run a program to its end; `how` as `start` takes it."""
    return end(start(program, registry, ref, target, **how), target)


def start(
    program: Program, registry: Path, ref: str, target: Path, *, what: Disturbance = kill, cache: Path,
    below: Path | None = None, step: int = 0,
) -> BaseProcess:  # fmt: skip
    """A process of `program` that is disturbed by `what` at its `step`-th step below a folder, by default the cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        killing.forkserver.ensure_running()
    process = killing._SERVER.Process(
        target=_run,
        args=(
            program,
            str(registry),
            ref,
            str(target),
            what,
            cache,
            str(below or cache),
            step,
            dict(os.environ),
            os.getcwd(),
        ),
    )
    process.start()
    return process


def end(process: BaseProcess, target: Path) -> Ended:
    """Wait for the end of a process that `start` began."""
    process.join()
    code, told, said = process.exitcode, _told(str(target), process.pid), _said(str(target), process.pid)
    process.close()
    assert code is not None
    facts = json.loads(told.read_text()) if told.exists() else {}
    err = said.read_text() if said.exists() else ""
    told.unlink(missing_ok=True)
    said.unlink(missing_ok=True)
    return Ended(code, **facts, err=err)


def _told(target: str, pid: int | None) -> Path:
    return Path(f"{target}.{pid}.told")


def _said(target: str, pid: int | None) -> Path:
    return Path(f"{target}.{pid}.err")


def _run(
    program: Program, registry: str, ref: str, target: str, what: Disturbance, cache: Path, below: str, step: int,
    env: dict[str, str], cwd: str,
) -> None:  # fmt: skip
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever ran the tests in the background ignores it
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    steps = [0, 1]  # done, and whether they are counted
    own = _told(target, os.getpid())
    os.dup2(os.open(_said(target, os.getpid()), os.O_WRONLY | os.O_CREAT, 0o600), 2)

    def tell(**facts: object) -> None:
        steps[1] = 0
        own.write_text(json.dumps({**facts, "steps": steps[0]}))

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if steps[1] and _is_step(event, args, below):
            steps[0] += 1
            if steps[0] == step:
                steps[1] = 0
                what(cache)
                steps[1] = 1

    sys.addaudithook(audit)
    try:
        program(registry, ref, target)
        tell()
    except SystemExit as ending:
        tell()
        os._exit(int(ending.code or 0))
    except BaseException as error:
        tell(kind=type(error).__name__, message=str(error))
        from gitreg.errors import GitregError

        if not isinstance(error, GitregError):
            traceback.print_exc()
            os._exit(2)
        os._exit(1)
    os._exit(0)


def _is_step(event: str, args: tuple[Any, ...], below: str) -> bool:
    if event == "subprocess.Popen":
        return True
    if event == "os.chdir":  # before the command line listens
        return False
    if event not in {"open", "shutil.rmtree"} and not event.startswith("os."):
        return False
    return any(isinstance(arg, str | bytes | os.PathLike) and os.fsdecode(arg).startswith(below) for arg in args[:2])
