"""What the parts of the server say to each other: a predictor answers, a slot holds the one in use."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gitreg.format.mlmodel import MLModel
from gitreg.format.versions import ModelVersion
from gitreg.registry.use.answering import Answer


@dataclass(frozen=True)
class Served:
    """A verified model directory that is served.

    `name` is `churn@v1.3.0`, or what a model without a registry is called; `version` is None for such. `digest` is
    `sha256:...`. `folder` stays where it is while the model is served.
    """

    name: str
    folder: Path
    mlmodel: MLModel
    digest: str
    version: ModelVersion | None = None


class Predictor(Protocol):
    """A loaded model that answers requests. `answer` is called from several threads at once."""

    @property
    def served(self) -> Served:
        """What answers."""
        ...

    @property
    def version(self) -> ModelVersion | None:
        """The version that answers; None for a model directory without a registry."""
        ...

    def answer(self, content_type: str, body: bytes) -> Answer:
        """The answer to one request. Raises nothing: what goes wrong is an answer of 400 or 500."""
        ...

    def close(self) -> None:
        """Give back what it holds. Nobody asks it any more."""
        ...


@dataclass(frozen=True)
class State:
    """How the server stands, for /health and /metrics.

    `status` is `ok`, `stale` (the origin did not answer when it was last asked), `failed-to-update` (a newer version
    cannot be served) or `too-stale` (beyond --max-stale: nothing is answered). Times are UTC, as in
    2026-11-22T13:37:00Z; `checked` is when the origin last told what is to be served, None if it is not asked.
    `failed` is `{"version", "message"}`. `swaps` counts the versions that replaced another one.
    """

    status: str = "ok"
    since: str = ""
    checked: str | None = None
    age: float = 0.0
    failed: Mapping[str, str] | None = None
    swaps: int = 0
    updating: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def answers(self) -> bool:
        """Whether requests are answered at all."""
        return self.status != "too-stale"


class Slot(Protocol):
    """Holds the predictor in use. gitreg.serve.current has the one whose predictor changes."""

    def use(self) -> AbstractContextManager[Predictor]:
        """The predictor, which is not closed before the block ends."""
        ...

    def state(self) -> State:
        """How the server stands."""
        ...

    def close(self) -> None:
        """Stop following, and close the predictor when its last request is answered."""
        ...
