"""`make soak`, much smaller."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_writers_that_are_killed_and_started_again_lose_and_double_nothing(tmp_path: Path) -> None:
    wanted = {"writers": 4, "writes": 24, "models": 2, "kills": 3}
    words = [word for name, value in wanted.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks/soak.py", *words], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    if done.returncode:
        pytest.fail(f"{done.stdout}\n{done.stderr}", pytrace=False)
    assert done.stdout.startswith("24 registrations in ")
    assert "; 3 kills, " in done.stdout
    assert " 0 restarts" not in done.stdout
    assert done.stdout.endswith("nothing lost, nothing doubled\n")
