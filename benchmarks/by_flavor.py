"""A model of each flavor logged and loaded, beside MLflow doing the same.

Both are warm processes, a pair to a flavor: the framework is imported (that takes both the same) and the JVM of H2O and
Spark runs. The same model goes with the same three rows as its example, from which both infer the signature; with Keras
both are told the signature, as MLflow's fails with an example there. gitreg logs to a registry without an origin,
MLflow to SQLite and a folder; each registers a version, and loads its first by name. MLflow finds requirements in a
process that it starts each time, which imports the framework, loads the model and predicts.

R's crate is not here: MLflow has no crate in Python.
"""

from __future__ import annotations

import math
import subprocess
import sys
from functools import partial
from pathlib import Path

from measure import Row, Warm, at_most, gitreg_command, in_turns, tool

_TEN = at_most(0.1, "10x faster")
_SAME = at_most(1, "not slower")


def measure(place: Path, quick: bool) -> list[Row]:
    """The frameworks that gitreg's own environment has."""
    names = ("sklearn", "xgboost", "lightgbm", "onnx")
    return _measure(place, quick, names, sys.executable, tool("MLFLOW"))


def measure_large(place: Path, quick: bool) -> list[Row]:
    """Those that `make test-flavors` has, in its environments."""
    names = ("pytorch", "keras", "tensorflow", "h2o", "spark")
    return _measure(place, quick, names, tool("FRAMEWORKS"), tool("FRAMEWORKS_MLFLOW"))


def _measure(place: Path, quick: bool, names: tuple[str, ...], ours: str, theirs: str) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        print(f"  {name}", file=sys.stderr, flush=True)
        folders = place / name / "gitreg", place / name / "mlflow"
        for folder in folders:
            folder.mkdir(parents=True)
        subprocess.run([*gitreg_command(), "init", "registry"], cwd=folders[0], check=True, capture_output=True)
        with (
            Warm(ours, "flavor_side.py", "gitreg", name, cwd=folders[0]) as gitreg,
            Warm(theirs, "flavor_side.py", "mlflow", name, cwd=folders[1]) as mlflow,
        ):
            rows += _flavor(name, gitreg, mlflow, quick)
    return rows


def _flavor(name: str, gitreg: Warm, mlflow: Warm, quick: bool) -> list[Row]:
    rows = []
    for what, goal, rounds, question in (
        ("log and register, requirements given", _SAME, 15, {"do": "log", "given": True}),
        ("log and register, requirements inferred", _TEN, 3, {"do": "log", "given": False}),
        ("load", _SAME, 15, {"do": "load"}),
        ("load as pyfunc", _SAME, 15, {"do": "load_pyfunc"}),
    ):
        calls = {"gitreg": partial(gitreg.seconds, **question), "mlflow": partial(mlflow.seconds, **question)}
        gitreg.ask(**question)
        if goal is not _TEN:  # then MLflow works in a new process, which is never warm
            mlflow.ask(**question)
        taken = in_turns(calls, (1 if goal is _TEN else 3) if quick else rounds)
        rows.append(Row(f"{name}: {what}", taken["gitreg"], "MLflow, SQLite", taken["mlflow"], goal))
    _check_same(name, gitreg.ask(do="predict")["predictions"], mlflow.ask(do="predict")["predictions"])
    return rows


def _check_same(name: str, ours: list[float], theirs: list[float]) -> None:
    """Each made and trained the model itself, with the same seed: nearly the same numbers."""
    same = (math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-5) for a, b in zip(ours, theirs, strict=True))
    if len(ours) < 100 or not all(same):
        sys.exit(f"{name}: gitreg's model and MLflow's do not predict the same: {ours[:5]}, {theirs[:5]}")
