"""A model of 1 GiB loaded a second time, beside MLflow loading the same file from a folder.

Both are warm processes that have imported what they need, and the file is in the page cache. The version is an exact
one: its registry is an address's, or a folder; nobody is asked.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from measure import Row, Warm, at_most, gitreg_command, in_turns, tool
from sklearn.neighbors import KNeighborsClassifier

import gitreg
from testing.registries import signature

_GOAL = at_most(1.1, "at most 1.1x")


def measure(place: Path, quick: bool) -> list[Row]:
    """One row: loading what was loaded before."""
    rows = 8 if quick else 128
    subprocess.run([*gitreg_command(), "init", "registry"], cwd=place, check=True, capture_output=True)
    points = np.random.default_rng(0).random((rows * 1024, 1024))  # 8 KiB a row
    model = KNeighborsClassifier(algorithm="brute").fit(points, np.arange(len(points)) % 2)
    with gitreg.start_run(registry=place / "registry"):
        gitreg.log_model(model, signature=signature(x="double"), register_as="big", pip_requirements=["scikit-learn"])
    del model, points
    folder = gitreg.pull("big@v1.0.0", place / "folder", registry=place / "registry")
    with (
        Warm(sys.executable, "load_model.py", "gitreg", place / "registry", cwd=place) as ours,
        Warm(tool("MLFLOW"), "load_model.py", "mlflow", folder, cwd=place) as theirs,
    ):
        ours.ask(), theirs.ask()  # the first makes gitreg's verified copy
        taken = in_turns({"gitreg": ours.seconds, "mlflow": theirs.seconds}, 3 if quick else 7)
    what = f"load {rows * 8} MiB that was loaded before"
    return [Row(what, taken["gitreg"], "`mlflow.sklearn.load_model` of a folder", taken["mlflow"], _GOAL)]
