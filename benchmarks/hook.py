"""The server's hook at a push of 10,000 objects: files of a commit, files of a run, and versions of a registry.

The hook is timed as git starts it, a process of its own with the push in quarantine; beside it git's own listing of
the same objects, which any hook that looks at every object does at the least. The push is refused in the end, so
that every round has the same objects.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import many_versions
from measure import Goal, Row, at_most, gitreg_command, in_turns, timed

import gitreg
from gitreg.registry.hooks.install import install

_TIMER = f"""\
#!{sys.executable}
import json, os, subprocess, sys, time
given = sys.stdin.buffer.read()
alone = {{**os.environ, "GIT_OBJECT_DIRECTORY": os.environ["GIT_QUARANTINE_PATH"]}}
alone.pop("GIT_ALTERNATE_OBJECT_DIRECTORIES")
commands = {{
    "hook": (["hooks/judge"], None),
    "list": (["git", "cat-file", "--batch-all-objects", "--batch-check", "--unordered"], alone),
}}
taken = {{name: [] for name in commands}}
for turn in range(int(os.environ["ROUNDS"]) + 1):
    for name, (command, env) in commands.items():
        begun = time.perf_counter()
        done = subprocess.run(command, input=given, capture_output=True, env=env)
        if turn:  # the first one compiles
            taken[name].append(time.perf_counter() - begun)
        assert done.returncode == 0, done.stderr
        if name == "list":
            taken["objects"] = done.stdout.count(b"\\n")
print("TAKEN", json.dumps(taken), file=sys.stderr)
sys.exit(1)
"""
_GOAL = Goal("at most 100 ms", lambda ours, theirs: ours <= 0.1)


def measure(place: Path, quick: bool) -> list[Row]:
    """The hook beside git's listing of the same objects, and a push with the hook beside one without."""
    files, versions, rounds = (500, 1, 3) if quick else (10_000, 15, 21)
    pushes: dict[str, Callable[[], tuple[Path, list[str]]]] = {
        "a commit": partial(_commit, place / "commit", files),
        "a run": partial(_run, place / "run", files),
        "versions": partial(_versions, place / "versions", versions),
    }
    rows = []
    for name, make in pushes.items():
        source, refs = make()
        taken = _in_quarantine(place, source, refs, rounds)
        size = f"{taken['objects']:,} objects of {name}"
        hook, listing = (statistics.median(taken[which]) for which in ("hook", "list"))
        rows.append(Row(f"pre-receive, {size}", hook, "`git cat-file --batch-check` of them", listing, _GOAL))
        if name != "versions":
            rows.append(_whole(place, source, refs, size, 3 if quick else 7))
    return rows


def _bare(path: Path) -> Path:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
    return path


def _in_quarantine(place: Path, source: Path, refs: list[str], rounds: int) -> dict[str, list[float]]:
    """What the hook and the listing took, round by round."""
    bare = _bare(place / f"{source.name}-timed.git")
    (hook,) = install(bare, server=True)
    Path(hook.path).rename(bare / "hooks/judge")
    Path(hook.path).write_text(_TIMER)
    Path(hook.path).chmod(0o755)
    push = ["git", "push", "-q", str(bare), *refs]
    env = os.environ | {"ROUNDS": str(rounds)}
    done = subprocess.run(push, cwd=source, env=env, capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        if "TAKEN " in line:
            found: dict[str, list[float]] = json.loads(line.partition("TAKEN ")[2])
            return found
    sys.exit(done.stderr)


def _whole(place: Path, source: Path, refs: list[str], size: str, rounds: int) -> Row:
    """A push to a repository with the hook, and to one without."""
    count = 0

    def push(hooked: bool) -> float:
        nonlocal count
        count += 1
        bare = _bare(place / f"{source.name}-{count}.git")
        if hooked:
            install(bare, server=True)
        return timed(["git", "push", "-q", str(bare), *refs], cwd=source)

    taken = in_turns({"with": lambda: push(True), "without": lambda: push(False)}, rounds)
    return Row(
        f"push, {size}, with the hook", taken["with"], "without it", taken["without"], at_most(2, "less than twice")
    )


def _fill(folder: Path, files: int) -> None:
    for n in range(files):
        path = folder / f"d{n % 100:02}" / f"f{n}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{n}\n")


def _commit(place: Path, files: int) -> tuple[Path, list[str]]:
    subprocess.run(["git", "init", "-q", "-b", "main", str(place)], check=True)
    _fill(place, files)
    for command in (["add", "."], ["commit", "-q", "-m", "files"]):
        subprocess.run(["git", *command], cwd=place, check=True)
    return place, ["main"]


def _run(place: Path, files: int) -> tuple[Path, list[str]]:
    subprocess.run([*gitreg_command(), "init", str(place)], check=True, capture_output=True)
    _fill(place.with_name("artifacts"), files)
    gitreg.use(place)
    with gitreg.start_run() as run:
        gitreg.log_artifacts(place.with_name("artifacts"), "artifacts")
    return place, [f"refs/tags/run/{run.id}"]


def _versions(place: Path, versions: int) -> tuple[Path, list[str]]:
    subprocess.run([*gitreg_command(), "init", str(place)], check=True, capture_output=True)
    many_versions.build(place, 50, versions)  # fewer models at once would have no chains
    return place, ["main", "refs/tags/*:refs/tags/*"]
