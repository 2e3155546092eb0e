"""Logs models to a gitreg registry, as often as it is asked to: log_gitreg.py REGISTRY."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from measure import serve
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import gitreg

MIB = 1 << 20
X, y = load_iris(return_X_y=True, as_frame=True)
tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, y)
REQUIREMENTS = ["cloudpickle==3.1.2", "scikit-learn==1.9.1"]


class Weights(BaseEstimator):
    """A model that is nothing but arrays."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []

    def predict(self, rows: object) -> object:
        return rows


large = Weights()


def answer(question: dict[str, object]) -> dict[str, object]:
    """Do what the question's `do` says: log a small model by default."""
    return {"grow": grow, "dump": dump, "large": log_large}.get(str(question.get("do")), log_small)(question)


def log_small(question: dict[str, object]) -> dict[str, object]:
    """One run with a small model."""
    requirements = REQUIREMENTS if question.get("given") else None
    example = X[:3] if question.get("example") else None
    begun = time.perf_counter()
    with gitreg.start_run():
        gitreg.log_params({"max_depth": 4, "criterion": "gini"})
        gitreg.log_metrics({"accuracy": 0.93, "loss": 0.2})
        gitreg.log_model(tree, input_example=example, pip_requirements=requirements, register_as="iris")
    return {"seconds": time.perf_counter() - begun}


def grow(question: dict[str, object]) -> dict[str, object]:
    """Let the large model have `count` arrays of `size` bytes each."""
    count, size = int(str(question["count"])), int(str(question["size"]))
    rng = np.random.default_rng(0)
    large.arrays = []
    large.arrays = [rng.integers(0, 256, size, np.uint8) for _ in range(count)]
    return {}


def dump(question: dict[str, object]) -> dict[str, object]:
    """Pickle the large model into a file, another one each time: as it would lie in a work tree."""
    import cloudpickle

    large.arrays[0][:8] = np.frombuffer(int(str(question["seed"])).to_bytes(8, "big"), np.uint8)
    with Path(str(question["path"])).open("wb") as file:
        cloudpickle.dump(large, file, protocol=5)
    return {}


def log_large(question: dict[str, object]) -> dict[str, object]:
    """One run with the large model. `peak` is how far the memory of this process grew meanwhile, in MiB."""
    large.arrays[0][:8] = np.frombuffer(int(str(question["seed"])).to_bytes(8, "big"), np.uint8)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = _memory("VmRSS")
    begun = time.perf_counter()
    with gitreg.start_run():
        gitreg.log_params({"layers": len(large.arrays)})
        gitreg.log_metrics({"accuracy": 0.93})
        gitreg.log_model(large, register_as="large")
    return {"seconds": time.perf_counter() - begun, "peak": _memory("VmHWM") - before}


def _memory(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what + ":"))


gitreg.use(sys.argv[1])
serve(answer)
