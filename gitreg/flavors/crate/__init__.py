"""R: crates, which are functions with an environment of their own. R itself loads them and predicts.

MLflow's R package writes and reads them; in Python nothing but gitreg does. Reading one runs R, and R code of whoever
made it when it predicts: load what you would run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from gitreg.errors import Damaged, Refused, Unsupported, warn
from gitreg.flavors._base import ModelDirectory, Options, Predict, Saved, has_base, inside, text_option
from gitreg.flavors.crate.rscript import RError, Rscript
from gitreg.format.mlmodel import NAME as MLMODEL

NAME = "crate"
DISTRIBUTIONS: tuple[str, ...] = ()
PREDICTS_ALONE = True

_MAKE = "gitreg_crate(function(data) ..., model = model) in R makes one"
_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9.]*")
_LONGEST = 300


class Crate:
    """An R function: called with data, it gives what R gives. Its Rscript ends with it."""

    def __init__(self, rscript: Rscript) -> None:
        self._rscript = rscript

    def __repr__(self) -> str:
        return f"<gitreg.Crate in R {self._rscript.version}>"

    def __call__(self, data: object, **params: object) -> object:
        return self.predict(data, params)

    def predict(self, data: object, params: Mapping[str, object] | None = None) -> object:
        """What the R function gives for `data` (a frame is a data.frame): a frame, or an array."""
        return self._rscript.predict(data, params)

    def close(self) -> None:
        """End the Rscript now."""
        self._rscript.close()


def detect(model: object) -> bool:
    return has_base(model, __name__, "Crate")


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Refused: R alone makes crates."""
    raise Refused(
        "a crate is made and logged in R", "gitreg_log_model() of docs/r.md; gitreg commit DIR takes one that is there"
    )


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    """The crate, in an Rscript of its own.

    Raises `Unsupported` where there is no R, or one that is too old, or one without a package that the crate says it
    needs; `Damaged` where the file is none of R's, `Refused` where it holds something else than a crate.
    """
    file = inside(path, options.get("model"), "model")
    if file.is_dir():
        raise Damaged(f"{file.name} is a folder, no crate")
    made_with = text_option(options, "r_version", "")
    try:
        rscript = Rscript(file, _packages(options))
    except RError as error:
        raise _not_loaded(file, made_with, error) from error
    if _is_newer(made_with, rscript.version):
        warn(f"{file.name} was made by R {made_with}; this is R {rscript.version}")
    return Crate(rscript)


def _packages(options: Options) -> list[str]:
    """What the crate needs of R beside its own packages, as gitreg.R writes it: {name: version}."""
    found = options.get("packages") or {}
    names = list(found) if isinstance(found, Mapping) else None
    if names is None or not all(isinstance(name, str) and _PACKAGE.fullmatch(name) for name in names):
        raise Damaged(f"{MLMODEL}: crate: packages is no mapping of packages' names")
    return cast(list[str], names)


def _not_loaded(file: Path, made_with: str, error: RError) -> Damaged | Refused | Unsupported:
    said = " ".join(error.text.split())[:_LONGEST]
    if error.kind == "package":
        return Unsupported(
            f"{file.name} needs the R package {said}, which is not installed", f"install.packages('{said}') in R"
        )
    if error.kind == "version":
        by = f" by R {made_with}" if made_with else ""
        return Unsupported(f"{file.name} was written{by} in a form that this R does not read: {said}", "a newer R")
    if error.kind == "load":
        return Unsupported(f"R cannot load {file.name}: {said}", "install.packages() it in R")
    if error.kind == "other":
        return Refused(f"{file.name} holds {said}, not a crate", _MAKE)
    return Damaged(f"{file.name} is no complete crate: {said}")


def _is_newer(made_with: str, here: str) -> bool:
    """Whether R's minor version is above the one here."""
    first, second = ([int(part) for part in re.findall("[0-9]+", text)[:2]] for text in (made_with, here))
    return first > second


def predictor(native: object, options: Options) -> Predict:
    """The crate, called; params go to its arguments of that name."""
    crate = cast(Crate, native)
    return lambda data, params: crate.predict(data, params)
