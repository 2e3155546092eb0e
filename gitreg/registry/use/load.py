"""Loading: resolve, fetch one commit, fetch payloads, verify every byte, and only then ask a framework."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from gitreg.errors import Damaged, NotFound, Refused, shown
from gitreg.flavors import load as load_native
from gitreg.flavors import load_pyfunc as load_generic
from gitreg.flavors.pyfunc import PyFunc
from gitreg.format.mlmodel import MLModel, parse_mlmodel
from gitreg.registry.contents import MODEL_FILE
from gitreg.registry.environments.compare import warn_of_differences
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.use.locate import Located, Named, locate
from gitreg.registry.use.snapshot import snapshot

T = TypeVar("T")

_ATTEMPTS = 3


def load_model(
    ref: Named,
    *,
    trust: Sequence[str] | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    progress: Progress = silent,
) -> object:
    """The native object of the framework: a fitted scikit-learn estimator, or what was logged as python_function.

    `trust` names types that a format which checks types (skops) may build; pickles run code when they are loaded,
    so load only what you would run. Damaged, naming the file, where a byte is not what was registered.
    """
    trusted = names_of(trust)
    place = open_registry(registry, offline=offline)
    found = locate(place, ref)

    def load(folder: Path, mlmodel: MLModel) -> object:
        warn_of_differences(folder, mlmodel, found.name)
        return load_native(folder, mlmodel, trust=trusted, name=found.name)

    return with_snapshot(place, found, progress, load)


def load_pyfunc(
    ref: Named,
    *,
    trust: Sequence[str] | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    progress: Progress = silent,
) -> PyFunc:
    """The model behind `.predict(data, params=None)`, which enforces the signature whatever the framework."""
    trusted = names_of(trust)
    place = open_registry(registry, offline=offline)
    found = locate(place, ref)

    def load(folder: Path, mlmodel: MLModel) -> PyFunc:
        warn_of_differences(folder, mlmodel, found.name)
        return load_generic(folder, mlmodel, trust=trusted, name=found.name, version=found.version)

    return with_snapshot(place, found, progress, load)


def names_of(trust: Sequence[str] | None) -> tuple[str, ...]:
    """The names of types in `trust`; Refused where it is no list."""
    if isinstance(trust, str) or not isinstance(trust or (), Iterable):
        raise Refused(f"bad trust {shown(trust)}", "a list of the types' names: trust=['module.Class']")
    return tuple(trust or ())


def with_snapshot(registry: Registry, found: Located, progress: Progress, ask: Callable[[Path, MLModel], T]) -> T:
    """What `ask` makes of the model's snapshot; asked again where that was removed meanwhile."""
    for _ in range(_ATTEMPTS):
        there = snapshot(registry, found, progress)
        try:
            return ask(there.path, _mlmodel(there.path, found))
        except Exception:  # each framework has words of its own for files that go while it reads them
            if there.is_there():
                raise
    raise NotFound(f"{there.path} goes while {found.name} is loaded", "give the command again when that is over")


def _mlmodel(folder: Path, found: Located) -> MLModel:
    try:
        text = (folder / MODEL_FILE).read_bytes()
    except FileNotFoundError:
        raise Damaged(f"{found.name} has no {MODEL_FILE}") from None
    return parse_mlmodel(text, f"{MODEL_FILE} of {found.name}")
