"""Keras itself, and the classes of others that a Keras model needs: from the model's code/, or trusted by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gitreg.errors import Refused, Unsupported
from gitreg.flavors._base import Missing, framework, has_base
from gitreg.flavors.keras.config import Named
from gitreg.flavors.saving.pickles import read_pickle

BACKENDS: Mapping[str, str] = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch", "openvino": "openvino"}
"""Keras' backends and the distributions they are in."""

_PICKLES = ("global_custom_objects.cloudpickle", "custom_objects.cloudpickle")
"""What MLflow's tensorflow flavor writes beside a model; of two objects with one name the second file's counts."""


def is_keras_model(model: object) -> bool:
    """Whether `model` is a model of Keras 3, told by the names of its classes."""
    return has_base(model, "keras.src.models.model", "Model")


def import_keras() -> Any:
    """Keras 3 with its backend. Raises `Missing` for the one that is not installed, `Unsupported` for Keras 2."""
    try:
        keras = framework("keras", "keras")
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        if top in BACKENDS:
            raise Missing(top, BACKENDS[top]) from error
        raise
    version = str(getattr(keras, "__version__", "0"))
    if int(version.partition(".")[0]) < 3:
        raise Unsupported(
            f"keras {version} is installed, and gitreg reads and writes with Keras 3", "pip install -U keras"
        )
    return keras


def pickled_objects(folder: Path) -> dict[str, object]:
    """The custom objects that MLflow pickled beside a model, by name; loading them runs code of the model's author."""
    found: dict[str, object] = {}
    for name in _PICKLES:
        if (folder / name).is_file():
            read = read_pickle(folder / name, "cloudpickle")
            found.update(cast(dict[str, object], read) if isinstance(read, dict) else {})
    return found


@dataclass(frozen=True)
class Source:
    """Where classes that Keras does not have may come from.

    `code` is the model's own code/, `trust` the names that the consumer trusts, `objects` those that are there already,
    by the names they are registered as.
    """

    code: Path | None = None
    trust: Sequence[str] = ()
    objects: Mapping[str, object] = field(default_factory=dict)

    def missing(self, names: Iterable[Named]) -> tuple[Named, ...]:
        """Those of `names` that are neither registered nor may be imported. What may be is imported."""
        return tuple(named for named in names if not self._provide(named))

    def _provide(self, named: Named) -> bool:
        if named.module.partition(".")[0] in sys.stdlib_module_names:
            raise Refused(f"the model names {named} of Python itself, which is no part of a Keras model")
        saving = import_keras().saving
        if named.registered in self.objects or named.name in self.objects:
            return True
        if self._ships(named.module) or str(named) in self.trust:
            found = _imported(named)
            # The class of this model, and not one that another model or the program registered under its name.
            saving.get_custom_objects()[named.registered] = found
            return True
        return saving.get_registered_object(named.registered) is not None

    def _ships(self, module: str) -> bool:
        if self.code is None or not all(part.isidentifier() for part in module.split(".")):
            return False
        top = self.code / module.partition(".")[0]
        return top.is_dir() or top.with_suffix(".py").is_file()


def _imported(named: Named) -> object:
    found: object
    try:
        found = importlib.import_module(named.module)
    except ModuleNotFoundError as error:
        top = (error.name or named.module).partition(".")[0]
        raise Missing(top, top) from error
    for part in named.name.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise Unsupported(f"the module {named.module} has no {named.name}, which the model needs")
    saveable = sys.modules["keras.src.saving.keras_saveable"].KerasSaveable if isinstance(found, type) else object
    if not callable(found) or (isinstance(found, type) and not issubclass(found, saveable)):
        raise Refused(f"{named} is no class of a Keras model, nor a function")
    return found


def needs(file: str, missing: Sequence[Named]) -> Unsupported:
    """The error for classes that are not there."""
    names = ", ".join(dict.fromkeys(map(str, missing)))
    first = missing[0]
    what = "is not registered" if len(missing) == 1 else "are not registered"
    hint = f"import {first.module} before, or trust=['{first}'] imports it"
    if first.module == "__main__":
        hint = f"register it here as '{first.registered}', or log the model with it in a module of code_paths"
    return Unsupported(f"{file} needs {names}, which {what} with Keras here", hint)
