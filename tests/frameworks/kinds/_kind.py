"""A kind of model: how it is made, saved and asked.

The tables beside this are read in MLflow's environment too, which has no gitreg; they import this as
`frameworks.kinds._kind`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A small fitted model of `flavor` with 100 rows of data for it.

    `make()` gives the model and the rows. `ask(native, data)` is what the native model predicts, for comparison brought
    to plain lists. `options` are taken by gitreg and by MLflow's module of the flavor alike; `only_gitreg` are taken
    by gitreg alone, and `mlflow` tells whether MLflow has this kind at all: whether it saves and loads it.
    `ask_pyfunc` says what pyfunc predicts, given what the native model does; without it that is compared with MLflow's
    alone. `trust` is what gitreg must be told to trust. Without `signed` the model is saved without an input example.
    Without `predicts` it has no python_function.
    """

    flavor: str
    make: Callable[[], tuple[Any, Any]]
    ask: Callable[[Any, Any], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    only_gitreg: Mapping[str, Any] = field(default_factory=dict)
    mlflow: bool = True
    trust: tuple[str, ...] = ()
    ask_pyfunc: Callable[[Any], Any] | None = None
    signed: bool = True
    predicts: bool = True
