"""Many writers register into one origin while some are killed and started again; then nothing is lost or doubled.

    python benchmarks/soak.py [--writers 32] [--writes 10000] [--models 8] [--kills 100] [--seed 1]

Each writer is a process with a clone of its own. What it is given is a list of runs to log and register; a writer
that was killed is started again with the same list, as a scheduler does it, from the run that it was at. Two of them
have a clock that is an hour wrong. One more program notes, retires, and pushes runs that nobody registers. At the end
`gitreg fsck --remote` looks through a fresh clone, and every run must be exactly one version. Prints registrations a
second and how long one takes.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import multiprocessing
import operator
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import gitreg
from gitreg.errors import GitregError
from gitreg.registry.care.fsck import fsck

IDENTITY = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Soak"), ("EMAIL", "soak@example.org"))}  # fmt: skip
CLOCKS = {0: "2026-03-02T08:30:00Z", 1: "2026-03-02T10:30:00Z"}  # of these writers; the others have the true time
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["gitreg.flavors.python_function", "gitreg.registry.runs.log_model", "git"])


@dataclass(frozen=True)
class Plan:
    """What is to be done: `writes` registrations of `models` models by `writers`, of which `kills` are killed."""

    writers: int
    writes: int
    models: int
    kills: int
    seed: int

    def share(self, writer: int) -> list[int]:
        """The registrations of one writer."""
        return list(range(writer, self.writes, self.writers))

    def model(self, number: int) -> str:
        """The model of one registration."""
        return f"model-{(number // self.writers + number) % self.models}"


@dataclass(frozen=True)
class Outcome:
    """Seconds in all and of each registration, kills that hit, writers that were started again, and what is wrong."""

    seconds: float
    each: tuple[float, ...]
    kills: int
    restarts: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        done = sorted(self.each)
        p95 = done[int(len(done) * 0.95)] if done else 0
        middle = statistics.median(done) if done else 0
        return (
            f"{len(done)} registrations in {self.seconds:.0f} s: {len(done) / self.seconds:.1f} a second, "
            f"median {middle:.2f} s, p95 {p95:.2f} s; {self.kills} kills, {self.restarts} restarts"
        )


def run_id(number: int) -> str:
    """The run of one registration."""
    return f"run-{number:06}"


def write(plan: Plan, writer: int, clone: str, times: str) -> None:
    """Log and register what is this writer's; a line in the file `times` for each that is done."""
    warnings.simplefilter("error")  # a registration that only waits for the origin is none
    if writer in CLOCKS:
        os.environ["GITREG_NOW"] = CLOCKS[writer]
    with open(times, "a+", buffering=1) as done:
        done.seek(0)
        for number in plan.share(writer)[len(done.read().splitlines()) :]:
            begun = time.monotonic()
            gitreg.log_model(
                functools.partial(operator.mul, number), run_id=run_id(number), registry=clone,
                register_as=plan.model(number), pip_requirements=["cloudpickle"],
            )  # fmt: skip
            done.write(f"{time.monotonic() - begun}\n")


def disturb(plan: Plan, clone: str, stop: str) -> None:
    """Note, retire, and push runs of its own, until the file `stop` is there."""
    chosen, n = random.Random(plan.seed), 0
    while not Path(stop).exists():
        n += 1
        gitreg.log_model(
            functools.partial(operator.mul, -n), run_id=f"unregistered-{n:06}", push=True, registry=clone,
            pip_requirements=["cloudpickle"],
        )  # fmt: skip
        with contextlib.suppress(GitregError):  # nothing is registered yet, or it is retired already
            version = gitreg.resolve(f"model-{chosen.randrange(plan.models)}", registry=clone)
            gitreg.note(version, {"seen": n}, registry=clone)
            if n % 5 == 0:
                gitreg.retire(version, "soaked", registry=clone)
        time.sleep(0.2)


def git(*words: str | Path) -> str:
    """What git prints."""
    return subprocess.run(["git", *map(str, words)], check=True, capture_output=True, text=True).stdout


def soak(plan: Plan, folder: Path) -> Outcome:
    """Do all of it below `folder`."""
    os.environ |= IDENTITY
    origin, first = folder / "origin.git", folder / "first"
    gitreg.init(first, origin=str(origin))
    clones = [folder / f"clone-{writer}" for writer in range(plan.writers + 1)]
    for clone in clones:
        git("clone", "-q", origin, clone)
    times = [folder / f"times-{writer}" for writer in range(plan.writers)]
    stop = folder / "stop"

    begun = time.monotonic()
    beside = _started(disturb, plan, str(clones[-1]), str(stop))
    kills, restarts, wrong = _until_all_is_written(plan, clones, times, begun)
    seconds = time.monotonic() - begun
    stop.touch()
    beside.join()
    wrong += [f"the program beside the writers ended with {beside.exitcode}"] if beside.exitcode else []
    each = [float(line) for path in times if path.exists() for line in path.read_text().splitlines()]
    return Outcome(seconds, tuple(each), kills, restarts, (*wrong, *_looked_through(plan, origin, folder / "last")))


def _started(program: object, *given: object) -> BaseProcess:
    process: BaseProcess = _SERVER.Process(target=program, args=given)  # type: ignore[arg-type]  # any of them
    process.start()
    return process


def _until_all_is_written(
    plan: Plan, clones: Sequence[Path], times: Sequence[Path], begun: float
) -> tuple[int, int, list[str]]:
    """Start the writers, kill one now and then, and start again what ended before it was done."""
    chosen, kills, failures = random.Random(plan.seed), 0, dict.fromkeys(range(plan.writers), 0)
    restarts, wrong = 0, list[str]()

    def started(writer: int) -> BaseProcess:
        return _started(write, plan, writer, str(clones[writer]), str(times[writer]))

    running = {writer: started(writer) for writer in range(plan.writers)}
    killed: set[int] = set()
    said = begun
    while running:
        time.sleep(0.05)
        done = sum(path.read_text().count("\n") for path in times if path.exists())
        # Kills are spread over the work, wherever each writer happens to be.
        if kills < plan.kills and done > (kills + 1) * plan.writes / (plan.kills + 2):
            writer = chosen.choice(sorted(running))
            running[writer].kill()
            killed.add(writer)
            kills += 1
        for writer, process in list(running.items()):
            if process.exitcode is None:
                continue
            if process.exitcode == 0:
                del running[writer]
                continue
            failures[writer] += writer not in killed
            killed.discard(writer)
            if failures[writer] > 3:  # each may find the registry too busy, as a job that its scheduler repeats
                wrong.append(f"writer {writer} ended with {process.exitcode} four times")
                del running[writer]
                continue
            running[writer] = started(writer)
            restarts += 1
        if time.monotonic() > said + 60:
            said = time.monotonic()
            print(f"{done} of {plan.writes} after {said - begun:.0f} s", file=sys.stderr, flush=True)
    return kills, restarts, wrong


def _looked_through(plan: Plan, origin: Path, clone: Path) -> list[str]:
    """What a fresh clone shows to be lost, doubled or damaged."""
    git("clone", "-q", origin, clone)
    wrong = [
        f"{fault.thing}: {fault.message}" for fault in fsck(remote=True, registry=clone).faults if not fault.remark
    ]
    found = gitreg.search_versions(order_by=["model", "number"], limit=plan.writes + 1000, registry=clone)
    for name in {plan.model(number) for number in range(plan.writes)}:
        chain = [version for version in found if version.model == name]
        if [version.number for version in chain] != list(range(1, len(chain) + 1)):
            wrong.append(f"the numbers of {name} are not 1 to {len(chain)}")
        if [version.previous for version in chain] != ["", *(version.tag for version in chain[:-1])]:
            wrong.append(f"the chain of {name} is broken")
        expected = {run_id(number) for number in range(plan.writes) if plan.model(number) == name}
        runs = [version.run_id for version in chain]
        wrong += [f"{one} is no version of {name}" for one in sorted(expected - set(runs))]
        wrong += [f"{one} is more than one version of {name}" for one in sorted({r for r in runs if runs.count(r) > 1})]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, value in (("writers", 32), ("writes", 10_000), ("models", 8), ("kills", 100), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="gitreg-soak-") as folder:
        outcome = soak(plan, Path(folder))
    print(outcome)
    for what in outcome.wrong[:20]:
        print(f"wrong: {what}")
    print("nothing lost, nothing doubled" if not outcome.wrong else f"{len(outcome.wrong)} things are wrong")
    return bool(outcome.wrong)


if __name__ == "__main__":
    raise SystemExit(main())
