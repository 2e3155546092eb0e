"""Predictors that only tell what they are and whether they were closed, and waiting for what must come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from gitreg.format.mlmodel import MLModel
from gitreg.format.versions import ModelVersion
from gitreg.registry.use.answering import Answer
from gitreg.serve._base import Served

PATIENCE = 60.0
"""Seconds for what comes in a moment on a machine that does nothing else."""


def until(ready: Callable[[], object], what: str = "what was waited for", seconds: float = PATIENCE) -> None:
    """Wait until `ready()`; fail where that takes long."""
    ends = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < ends, f"{what} does not come"
        time.sleep(0.01)


def version_of(name: str, *, as_of: str = "2026-03-02T09:30:00.000Z", stale: bool = False) -> ModelVersion:
    """A version of a name such as churn@v1.0.0."""
    model, _, number = name.partition("@")
    return ModelVersion(model, number, 1, "run", "model", f"sha256:{number}", "none", 1, (), tag=f"tag of {name}",
                        as_of=as_of, stale=stale)  # fmt: skip


class Told:
    """A predictor that answers with its name; it fails the test where it is asked after it was closed."""

    def __init__(self, version: ModelVersion, folder: Path = Path("/nowhere"), status: int = 200) -> None:
        self.served = Served(str(version), folder, MLModel({}), version.digest, version)
        self.status = status
        self.asked: list[bytes] = []
        self.closed = threading.Event()

    @property
    def version(self) -> ModelVersion | None:
        return self.served.version

    def answer(self, content_type: str, body: bytes) -> Answer:
        assert not self.closed.is_set(), f"{self.served.name} was closed"
        self.asked.append(body)
        return Answer(self.status, content_type, b'{"message": "%s"}' % self.served.name.encode())

    def close(self) -> None:
        assert not self.closed.is_set(), f"{self.served.name} was closed before"
        self.closed.set()
