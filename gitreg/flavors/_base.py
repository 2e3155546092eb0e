"""What a flavor is: how one framework's models are saved, loaded and asked for predictions.

A flavor is a module with the names of `Flavor`. It is handed a directory and never a store, and it never
imports a framework because it looks at an object.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, Protocol, runtime_checkable

from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.format.mlmodel import NAME, check_inside
from gitreg.format.schema import Signature

Options = Mapping[str, object]
Predict = Callable[[object, Mapping[str, object] | None], object]

_OF_ALL = (
    "artifact_path", "code_paths", "conda_env", "extra_pip_requirements", "flavor", "input_example", "metadata",
    "pip_requirements", "push", "register_as", "registry", "run_id", "signature",
)  # fmt: skip

PASS = "pass an object with predict, or a function of the data"
"""The hint for an object that is no model."""


class ModelDirectory(Protocol):
    """A directory that a model is saved to.

    `path` is a real folder for text files. `create` gives a file for a payload, written as one stream; the
    file need not be found under `path` afterwards.
    """

    @property
    def path(self) -> Path: ...

    def create(self, name: str) -> AbstractContextManager[BinaryIO]: ...


@dataclass(frozen=True)
class PlainDirectory:
    """A `ModelDirectory` that is nothing but a folder."""

    path: Path

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        return open(file, "xb")


@dataclass(frozen=True)
class Saved:
    """What a flavor says about the model it has saved.

    `flavors` holds the entries for MLmodel's `flavors:`, without the keys about code and environment.
    `modules` are the modules the payload imports when it is loaded, `distributions` what it needs besides
    (pip names). `size` counts the bytes of the payloads; `beside` are those of them that no entry names.
    `predict` asks the model that was saved, where the flavor's `predictor` cannot ask it before it is loaded.
    """

    flavors: Mapping[str, Mapping[str, object]]
    modules: frozenset[str] = frozenset()
    distributions: tuple[str, ...] = ()
    size: int = 0
    beside: tuple[str, ...] = ()
    predict: Predict | None = None


@runtime_checkable
class Flavor(Protocol):
    """The module of one framework."""

    NAME: str
    DISTRIBUTIONS: tuple[str, ...]

    def detect(self, model: object) -> bool:
        """Whether `model` is of this framework, by its classes' names and without any import."""

    def save(self, model: object, directory: ModelDirectory, **options: object) -> Saved:
        """Write the payloads of `model`. Raises `Refused` where it cannot be saved."""

    def load(self, path: Path, options: Options, trust: Sequence[str]) -> object:
        """The native object saved at `path` with the flavor's MLmodel entry `options`.

        `trust` names types that may be loaded though their format does not trust them by itself.
        """

    def predictor(self, native: object, options: Options) -> Predict:
        """How predictions are asked of `native`; `options` is the python_function entry."""


@runtime_checkable
class LoadsToPredict(Protocol):
    """A flavor that predicts with something else than its native object: it loads that at once."""

    def load_to_predict(self, path: Path, options: Options, trust: Sequence[str]) -> tuple[object, Predict]:
        """What predicts, and how it is asked, of what is saved at `path` with the flavor's entry `options`."""


@runtime_checkable
class SavesByExample(Protocol):
    """A flavor that may have to call the model to save it, and so asks for the data that it takes."""

    def save_by_example(
        self, model: object, directory: ModelDirectory, example: object, signature: Signature | None, **options: object
    ) -> Saved:
        """`save`, with the data of the input example and the signature that were given, None where none was."""


def has_base(model: object, module: str, name: str) -> bool:
    """Whether a class `name` of `module` is among the classes of `model`, told by names alone."""
    return any(c.__module__ == module and c.__qualname__ == name for c in type(model).__mro__)


class Missing(Unsupported):
    """A module is not installed: `module` as it is imported, `distribution` as pip calls it."""

    def __init__(self, module: str, distribution: str) -> None:
        super().__init__(f"{distribution} is not installed", f"pip install {distribution}")
        self.module = module
        self.distribution = distribution


def framework(module: str, distribution: str) -> ModuleType:
    """Import `module` of a framework. Raises `Missing` where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise Missing(module, distribution) from error


def loaded_version(module: str) -> str:
    """The `__version__` of a module that is imported already, or an empty text."""
    return str(getattr(sys.modules.get(module), "__version__", ""))


def inside(path: Path, name: object, key: str) -> Path:
    """The file `name` of the model directory `path`, as MLmodel's `key` gives it.

    Raises `Damaged` if it is not there or not inside the directory.
    """
    if name is None:
        raise Damaged(f"{NAME}: {key} is missing")
    file = path / check_inside(name, f"{NAME}: {key}")
    if not file.exists():
        raise Damaged(f"{name} is missing from {path.name}")
    return file


def text_option(options: Options, key: str, default: str) -> str:
    """The text under `key`, or `default` where there is none."""
    value = options.get(key)
    return value if isinstance(value, str) and value else default


def take_options(options: Mapping[str, object], known: Sequence[str], flavor: str) -> None:
    """Refuse options of `save` that the flavor does not know, by name."""
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, [*known, *_OF_ALL])
            hint = f"did you mean {' or '.join(near)}?" if near else f"its options: {', '.join(known) or 'none'}"
            raise Refused(f"{flavor} does not know the option {name}", hint)
