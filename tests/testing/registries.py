"""Registries made by plain git, and small models to fill them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gitreg
from gitreg.format.compatibility import Promise
from gitreg.format.runs import LoggedModel
from gitreg.format.schema import Schema, Signature
from testing.gitcli import git
from testing.signatures import columns

SETTINGS = "format: 1\n"
DVC_CONFIG = "[core]\n    remote = payloads\n['remote \"payloads\"']\n    url = {url}\n"


@dataclass(frozen=True)
class Place:
    """A registry of a test: the clone or lone repository, the origin (None without one), the payload store."""

    path: Path
    origin: Path | None
    payloads: Path

    def tags(self, *patterns: str) -> list[str]:
        """The names of the tags here that match, in git's order."""
        return git(self.path, "tag", "--list", *patterns).splitlines()

    def at_origin(self, *patterns: str) -> list[str]:
        """The names of the origin's tags that match."""
        assert self.origin is not None
        return git(self.origin, "tag", "--list", *patterns).splitlines()

    def clone(self, path: Path) -> Place:
        """Another clone of the origin."""
        git(path.parent, "clone", "-q", str(self.origin), path)
        return Place(path, self.origin, self.payloads)

    def stage(self, stage: str, model: str, text: str) -> None:
        """Put a stage file on main, as a merged promotion does; an empty text takes it away."""
        target = self.path / "stages" / stage / f"{model}.yaml"
        if text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            git(self.path, "add", target)
        else:
            git(self.path, "rm", "-q", target)
        git(self.path, "commit", "-q", "-m", f"{stage}: {model}")
        if self.origin:
            git(self.path, "push", "-q", "origin", "main")


def lone(path: Path, *, settings: str = SETTINGS) -> Place:
    """A registry without an origin; its payloads are in a folder beside it."""
    payloads = path.parent / f"{path.name}-payloads"
    git(path.parent, "init", "-q", "-b", "main", path)
    _fill(path, payloads, settings)
    return Place(path, None, payloads)


def cloned(path: Path, *, settings: str = SETTINGS) -> Place:
    """A clone of a bare origin beside it; payloads are in a folder inside the origin."""
    origin = path.parent / f"{path.name}-origin.git"
    payloads = origin / "payloads"
    git(path.parent, "init", "-q", "-b", "main", "--bare", origin)
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(path.parent, "clone", "-q", origin, path)
    _fill(path, payloads, settings)
    git(path, "push", "-q", "origin", "main")
    git(path, "remote", "set-head", "origin", "main")
    return Place(path, origin, payloads)


def _fill(path: Path, payloads: Path, settings: str) -> None:
    payloads.mkdir()
    (path / ".dvc").mkdir()
    (path / ".dvc/config").write_text(DVC_CONFIG.format(url=payloads))
    (path / "gitreg.yaml").write_text(settings)
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "a registry")


def times(factor: float) -> Callable[[Any], Any]:
    """A model that any Python can load: it multiplies what it is given."""
    return functools.partial(operator.mul, factor)


def signature(outputs: Schema | None = None, **inputs: str) -> Signature:
    """`signature(a="long", b="string?")`."""
    return Signature(columns(**inputs), outputs, None)


def promised(found: Signature) -> Promise:
    """What a version of `times` with this signature promises."""
    return Promise(found, ("python_function",))


def log(factor: float, model: str | None = None, *, found: Signature | None = None, **options: Any) -> LoggedModel:
    """Log (and register) `times(factor)` in a run of its own; cheap, and unlike that of any other factor."""
    return gitreg.log_model(
        times(factor), signature=found, register_as=model, pip_requirements=["cloudpickle"], **options
    )
