"""Programs that are killed at an exact step: their n-th process of git, n-th change of a file, or n-th byte.

The disk can fail them too, at an exact step: see `FAULTS`.

A program here is a function of this module, run in a process of its own: a fork of a small server that has imported
gitreg already, so that a hundred of them cost seconds.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import multiprocessing
import operator
import os
import resource
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

LARGE = 20 << 20
_SAID = "said"

WRAPPER = """\
#!/bin/sh
case " $* " in *" --batch-command "*) exec {git} "$@" ;; esac
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


def train_small(registry: str, name: str) -> None:
    """A training script of one call, which is done or not: it leaves no failed run."""
    import gitreg

    gitreg.log_model(
        times(sum(name.encode())), run_id=f"run-{name}", register_as=name, registry=registry,
        pip_requirements=["cloudpickle"],
    )  # fmt: skip


def train_beside(registry: str, name: str, target: str) -> None:
    """`train_small`, for testing.disturbing."""
    train_small(registry, name)


def train_large(registry: str, name: str) -> None:
    """A training script whose model has LARGE bytes."""
    import gitreg

    weights = hashlib.sha256(name.encode()).digest() * (LARGE // 32)
    gitreg.log_model(
        functools.partial(operator.add, weights), run_id=f"run-{name}", register_as=name, registry=registry,
        pip_requirements=["cloudpickle"],
    )  # fmt: skip


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


def register_as(registry: str, name: str) -> None:
    """Register a run as a model: `name` is both."""
    import gitreg

    run_id, model = name.split()
    gitreg.register(f"run:{run_id}", model, registry=registry)


def commit_one(registry: str, name: str) -> None:
    """Log a model directory: `name` is the run's id and the folder."""
    from gitreg.registry.runs.commit import commit

    run_id, folder = name.split(" ", 1)
    commit(Path(folder), run_id=run_id, registry=registry)


def note_twice(registry: str, name: str) -> None:
    """Make two notes on a version of the model, under keys that begin with the second word of `name`."""
    import gitreg

    model, key = name.split()
    for n in range(2):
        gitreg.note(f"{model}@1", {f"{key}-{n}": n}, registry=registry)
    gitreg.push(registry=registry)


def take_bundle(registry: str, name: str) -> None:
    """Apply a bundle; one of its own name makes a new registry in the folder `registry`."""
    from gitreg.registry.bundles.apply import apply_bundle

    file, _, new = name.partition(" ")
    if new:
        apply_bundle(file, registry)
    else:
        apply_bundle(file, registry=registry)


def make_bundle(registry: str, name: str) -> None:
    """Make a bundle of the versions that `name` lists behind the file's name."""
    from gitreg.registry.bundles.create import create_bundle

    file, *refs = name.split(" ")
    create_bundle(refs, file, registry=registry)


def sweep(registry: str, name: str) -> None:
    """Sweep everything that may go, here and at the origin."""
    from datetime import timedelta

    from gitreg.registry.care.gc import gc

    gc(registry=registry, runs_older_than=timedelta(days=90), remote=True, yes=True)


def purge_one(registry: str, name: str) -> None:
    """Purge the first version of a model, as an administrator who gives the command."""
    from gitreg.registry.care.purge import purge

    assert purge(f"{name}@1", "why", registry=registry, yes=True).done


def promote_one(registry: str, name: str) -> None:
    """Promote a version: `name` is the reference and the stage."""
    import gitreg

    ref, stage = name.split()
    gitreg.promote(ref, stage, "why", registry=registry)


def merge_one(registry: str, name: str) -> None:
    """Merge a pull request: `name` is its number."""
    from gitreg.registry.promotion.merge import merge

    merge(name, registry=registry)


def start(
    program: Callable[[str, str], None],
    registry: Path | str,
    name: str,
    step: int = 0,
    path: str = "",
    fault: str = "kill",
) -> Any:
    """A process of `program`; with `step` it suffers `fault` there: by default it kills itself at that file change."""
    env = dict(os.environ) | ({"PATH": path} if path else {})
    with pytest.MonkeyPatch.context() as patch:  # the server finds what it imports beforehand by this alone
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        forkserver.ensure_running()
    process = _SERVER.Process(target=_run, args=(program.__name__, str(registry), name, step, fault, env, os.getcwd()))
    process.start()
    return process


def run(
    program: Callable[[str, str], None],
    registry: Path | str,
    name: str,
    step: int = 0,
    path: str = "",
    fault: str = "kill",
) -> int:
    """Run `program` to its end; what it ended with: 0, -9 where it was killed, or an error's exit code.

    What it said of the error is in `said()`.
    """
    process = start(program, registry, name, step, path, fault)
    process.join()
    code: int = process.exitcode
    process.close()
    return code


def said() -> str:
    """What the last program that ended with an error said on stderr, in this test's folder."""
    return Path(_SAID).read_text()


def git_that_kills(folder: Path, at: int, *, after: bool) -> str:
    """A PATH on which the `at`-th git kills who started it: before it does anything, or when it has done it.

    A git that is kept at work is not counted: it only reads, and ends when nobody asks any more.
    """
    folder.mkdir(exist_ok=True)
    count, program = folder / "count", folder / "git"
    count.write_text("0\n")
    real = shutil.which("git", path=os.environ["PATH"])
    program.write_text(WRAPPER.format(count=count, at=at, git=real, after="yes" if after else "no"))
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def _run(program: str, registry: str, name: str, step: int, fault: str, env: dict[str, str], cwd: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    if step:
        FAULTS[fault](step)
    try:
        globals()[program](registry, name)
    except BaseException as error:
        from gitreg.cli._errors import report
        from gitreg.cli._session import Session

        if not isinstance(error, Exception):
            raise
        with open(_SAID, "w") as sys.stderr:
            code = report(error, Session())
        if code == 70:
            traceback.print_exc(file=sys.__stderr__)
        os._exit(code)
    os._exit(0)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _broken(number: int) -> Callable[[], None]:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


def _at(step: int, names: tuple[str, ...], befalls: Callable[[], None]) -> None:
    """Let something befall this process at its `step`-th call of any of os's functions `names`."""
    left = [step]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                befalls()
            return real(*args, **options)

        return call

    for name in names:
        setattr(os, name, counted(getattr(os, name)))


def _at_byte(step: int, befalls: Callable[[], None]) -> None:
    """Let something befall this process when it has written `step` bytes through os.write."""
    left, real = [step], os.write

    def write(fd: int, data: Any) -> int:
        if 0 < left[0] <= len(data):
            real(fd, data[: left[0]])
            befalls()
        left[0] -= len(data)
        return real(fd, data)

    os.write = write


def _limit(step: int) -> None:
    """No file becomes longer than `step` bytes, of this process and of those it starts."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (step, step))


CHANGES = ("fsync", "fdatasync", "replace", "rename", "ftruncate")
FAULTS: dict[str, Callable[[int], None]] = {
    "kill": lambda step: _at(step, CHANGES, _kill),
    "kill at a byte": lambda step: _at_byte(step, _kill),
    "fsync fails": lambda step: _at(step, ("fsync", "fdatasync"), _broken(errno.EIO)),
    "rename fails": lambda step: _at(step, ("replace", "rename"), _broken(errno.ENOSPC)),
    "disk full at a byte": lambda step: _at_byte(step, _broken(errno.ENOSPC)),
    "disk full": _limit,
}
