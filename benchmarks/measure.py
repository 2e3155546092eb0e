"""What all benchmarks share: rows of the table, timing in turns, and programs that are kept warm."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Goal:
    """What was promised: in words, and as a question about (gitreg, peer)."""

    words: str
    met: Callable[[float, float], bool]
    more: bool = False  # whether more is better


def at_most(factor: float, words: str) -> Goal:
    """gitreg takes at most `factor` times what the peer takes."""
    return Goal(words, lambda ours, theirs: ours <= factor * theirs)


def at_least(factor: float, words: str) -> Goal:
    """gitreg does at least `factor` times what the peer does: of amounts of which more is better."""
    return Goal(words, lambda ours, theirs: ours >= factor * theirs, more=True)


def within(seconds: float) -> Goal:
    """gitreg takes at most `seconds` more than the peer."""
    return Goal(f"within {seconds:g} s", lambda ours, theirs: ours <= theirs + seconds)


FASTER = at_most(1, "faster")


@dataclass(frozen=True)
class Row:
    """One line of the results: medians of gitreg and of its peer, in seconds or MiB."""

    what: str
    ours: float
    peer: str
    theirs: float
    goal: Goal
    unit: str = "s"

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.goal.met(self.ours, self.theirs)


def tool(name: str) -> str:
    """The program that the variable GITREG_TEST_<name> names."""
    found = os.environ.get(f"GITREG_TEST_{name}")
    if not found:
        sys.exit(f"GITREG_TEST_{name} is not set: make bench sets it")
    return found


def gitreg_command() -> list[str]:
    """How the command line of this environment is started."""
    script = Path(sys.executable).with_name("gitreg")
    return [str(script)] if script.exists() else [sys.executable, "-m", "gitreg"]


def in_turns(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of `rounds` measurements of each, taken in turns, so that a busy moment meets them all.

    Each begins a round once in a while: what a predecessor leaves behind (full caches, a busy disk) meets them all too.
    """
    names = list(contestants)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            taken[name].append(contestants[name]())
    return {name: statistics.median(values) for name, values in taken.items()}


def timed(command: list[str], cwd: Path | None = None) -> float:
    """Seconds that a command takes from start to end; it must succeed."""
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace')}")
    return seconds


class Warm:
    """A program that is kept running: one JSON object a line goes in, one comes back."""

    def __init__(self, interpreter: str, script: str, *args: str | Path, cwd: Path) -> None:
        self.log = cwd / f"{Path(script).stem}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [interpreter, str(HERE / script), *map(str, args)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=cwd,
            )  # fmt: skip

    def __enter__(self) -> Warm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()

    def ask(self, **question: object) -> dict[str, Any]:
        """Send a question and wait for the answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.process.args} ended:\n{self.log.read_text(errors='replace')[-4000:]}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def seconds(self, **question: object) -> float:
        """The seconds in the answer."""
        return float(self.ask(**question)["seconds"])


def serve(answer: Callable[[dict[str, Any]], dict[str, object]]) -> None:
    """Be a warm program: answer each line of standard input. What is printed meanwhile goes to standard error."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")
