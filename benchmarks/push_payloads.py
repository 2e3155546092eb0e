"""Twenty models of 50 MiB pushed to a payload store that speaks S3 (rclone, on this machine), beside `dvc push`.

Both begin with their payloads in their own cache and an empty bucket; gitreg also pushes the runs to an origin in a
folder. When gitreg's time ends, the store has told the hash of everything that it took.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

from measure import Row, at_most, gitreg_command, in_turns, timed, tool

import gitreg
from testing.models import write_model
from testing.rclone import S3Server, serving_s3

_MIB = 1 << 20
_buckets = count(1)


def measure(place: Path, quick: bool) -> list[Row]:
    """One row."""
    models, size = (4, 4 * _MIB) if quick else (20, 50 * _MIB)
    (place / "s3").mkdir()
    with serving_s3(place / "s3") as server:
        ours, theirs = _make_ours(place, models, size), _make_peer(place, models, size)

        def push() -> float:
            url, private = _bucket(server)
            subprocess.run(["git", "init", "-q", "--bare", place / f"{url[5:]}.git"], check=True)
            subprocess.run(["git", "push", "-q", place / f"{url[5:]}.git", "main"], cwd=ours, check=True)
            subprocess.run(["git", "remote", "set-url", "origin", place / f"{url[5:]}.git"], cwd=ours, check=True)
            subprocess.run(["git", "config", "gitreg.payloads", url], cwd=ours, check=True)
            (ours / ".dvc/config.local").write_text(f"['remote \"payloads\"']\n    url = {url}\n{private}")
            os.sync()
            return timed([*gitreg_command(), "push", "--all"], ours)

        def dvc_push() -> float:
            url, private = _bucket(server)
            (theirs / ".dvc/config.local").write_text(
                f"[core]\n    remote = payloads\n['remote \"payloads\"']\n    url = {url}\n{private}"
            )
            os.sync()
            return timed([tool("DVC"), "push", "-q"], theirs)

        push(), dvc_push()  # imports are in the page cache from here on
        taken = in_turns({"gitreg": push, "dvc": dvc_push}, 2 if quick else 5)
    goal = at_most(1, "not slower")
    return [Row(f"push {models} models of {size // _MIB} MiB to S3", taken["gitreg"], "`dvc push`", taken["dvc"], goal)]


def _bucket(server: S3Server) -> tuple[str, str]:
    """A new bucket, and how DVC's settings tell of it; the last one goes, so that the disk does not fill."""
    n = next(_buckets)
    shutil.rmtree(server.folder / f"bucket-{n - 2}", ignore_errors=True)
    server.make_bucket(f"bucket-{n}")
    return f"s3://bucket-{n}", "".join(f"    {key} = {value}\n" for key, value in server.settings().items())


def _make_ours(place: Path, models: int, size: int) -> Path:
    """A clone with runs that its origin has not."""
    folder = place / "ours"
    _run([*gitreg_command(), "init", str(folder), "--origin", str(place / "origin.git")], place)
    for n in range(models):
        gitreg.commit(write_model(place / f"model-{n}", weights=os.urandom(size)), run_id=f"run-{n}", registry=folder)
        shutil.rmtree(place / f"model-{n}")
    return folder


def _make_peer(place: Path, models: int, size: int) -> Path:
    folder = place / "peer"
    folder.mkdir()
    for command in (
        ["git", "init", "-q"],
        [tool("DVC"), "init", "-q"],
        [tool("DVC"), "config", "core.analytics", "false"],
    ):
        _run(command, folder)
    for n in range(models):
        (folder / f"model-{n}.pkl").write_bytes(os.urandom(size))
    _run([tool("DVC"), "add", "-q", *(f"model-{n}.pkl" for n in range(models))], folder)
    return folder


def _run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace')}")
