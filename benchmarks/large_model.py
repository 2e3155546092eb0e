"""A model of 1 GiB, logged and registered in a registry without an origin, from a process that is warm.

Beside it: DVC and GTO with the same model, pickled before and lying in the work tree; and md5 alone over that file, in
the page cache, which is the least that anything must do that stores payloads as DVC names them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

from measure import Goal, Row, Warm, at_most, gitreg_command, in_turns, timed, tool

_MIB = 1 << 20
_seeds = count(1)


def measure(place: Path, quick: bool) -> list[Row]:
    """One array of 1 GiB, and 1,024 arrays of 1 MiB."""
    total = 64 if quick else 1024
    subprocess.run([*gitreg_command(), "init", "lone"], cwd=place, check=True, capture_output=True)
    peers = _make_peer(place / "peer")
    rows: list[Row] = []
    with Warm(sys.executable, "log_gitreg.py", "lone", cwd=place) as ours:
        ours.ask(do="small")
        for shape, arrays in (("one array", 1), (f"{total} arrays", total)):
            ours.ask(do="grow", count=arrays, size=total // arrays * _MIB)
            rows += _measure_shape(place / "lone", peers, ours, f"{total} MiB in {shape}", 2 if quick else 5)
    return rows


def _measure_shape(lone: Path, peer: Path, ours: Warm, what: str, rounds: int) -> list[Row]:
    peaks: list[float] = []

    def log() -> float:
        _forget(lone / ".git/gitreg/cache/files")
        found = ours.ask(do="large", seed=next(_seeds))
        peaks.append(float(found["peak"]))
        return float(found["seconds"])

    def add_commit_register() -> float:
        _forget(peer / ".dvc/cache/files")
        (peer / "model.pkl").unlink(missing_ok=True)  # may be read-only: a link to the cache
        seed = next(_seeds)
        ours.ask(do="dump", path=str(peer / "model.pkl"), seed=seed)
        os.sync()
        return (
            timed([tool("DVC"), "add", "-q", "model.pkl"], peer)
            + timed(["git", "add", "model.pkl.dvc", ".gitignore"], peer)
            + timed(["git", "commit", "-q", "-m", f"model {seed}"], peer)
            + timed([tool("GTO"), "register", "large", "HEAD", "--version", f"v1.0.{seed}"], peer)
        )

    def md5() -> float:
        begun = time.perf_counter()
        with (peer / "model.pkl").open("rb") as file:
            hashlib.file_digest(file, "md5")
        return time.perf_counter() - begun

    add_commit_register()  # makes the file
    log()
    peaks.clear()
    taken = in_turns({"gitreg": log, "dvc": add_commit_register, "md5": md5}, rounds)
    chain = "`dvc add`, `git commit`, `gto register`"
    limit = Goal("at most 100 MiB", lambda used, allowed: used <= allowed)
    return [
        Row(f"log and register {what}", taken["gitreg"], chain, taken["dvc"], at_most(1 / 3, "at most a third")),
        Row(f"log and register {what}", taken["gitreg"], "md5 of the file", taken["md5"], at_most(1.3, "at most 1.3x")),
        Row(f"peak memory beside the model, {what}", max(peaks), "limit", 100, limit, "MiB"),
    ]


def _make_peer(path: Path) -> Path:
    path.mkdir()
    for command in (
        ["git", "init", "-q"],
        [tool("DVC"), "init", "-q"],
        [tool("DVC"), "config", "core.analytics", "false"],
        ["git", "add", "."],
        ["git", "commit", "-q", "-m", "begin"],
    ):
        timed(command, path)
    return path


def _forget(payloads: Path) -> None:
    """Make room for the next model; what the last one left for the disk to do is done first."""
    shutil.rmtree(payloads, ignore_errors=True)
    os.sync()
