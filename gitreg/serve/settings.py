"""What is served, and how: what the command was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gitreg.registry.place import Registry, open_registry

LOCAL = "local"


@dataclass(frozen=True)
class How:
    """How models are loaded: `env` is `local` (this process) or what makes the model's own environment."""

    env: str = LOCAL
    trust: Sequence[str] = ()


HERE = How()
"""In this process, with nothing to be trusted by name."""


@dataclass(frozen=True)
class What:
    """What is served: what `ref` names in `registry`, or the model directory `folder`, called `name` in answers.

    With `every` (seconds) the reference is looked up again and again; what was not looked up for `max_stale` seconds
    does not answer.
    """

    ref: str | None = None
    folder: Path | None = None
    digest: str | None = None
    registry: str | None = None
    offline: bool | None = None
    every: float | None = None
    max_stale: float | None = None
    how: How = field(default_factory=How)
    name: str | None = None

    def place(self) -> Registry:
        """The registry, opened."""
        return open_registry(self.registry, offline=self.offline, max_stale=self.max_stale)


@dataclass(frozen=True)
class Settings:
    """How it is served. `timeout` is in seconds, `max_body` in bytes; `verbose` logs each request."""

    what: What
    host: str = "127.0.0.1"
    port: int = 5000
    workers: int = 1
    max_body: int = 64 << 20
    timeout: float = 60.0
    verbose: bool = False
