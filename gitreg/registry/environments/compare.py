"""What this interpreter lacks of what a model asks for, or has in another version."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from gitreg.errors import GitregError, warn
from gitreg.flavors.saving.requirements import VARIANTS, normalized
from gitreg.format.environment import CONDA, PYTHON_ENV, REQUIREMENTS, model_requirements, parse_python_env
from gitreg.format.mlmodel import MLModel

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_EXACT = re.compile(r"===?\s*([^,;\s*]+)")
_MOST = 12  # packages that are named
_INFO = ".dist-info"


def warn_of_differences(folder: Path, mlmodel: MLModel, name: str) -> None:
    """Warn once, naming each package, where this interpreter is not what the model directory `folder` asks for."""
    found = differences(folder, mlmodel)
    if found:
        more = f", and {len(found) - _MOST} more" if len(found) > _MOST else ""
        warn(
            f"this environment is not the one of {name}: {', '.join(found[:_MOST])}{more}"
            " (gitreg env create builds the model's own, --env uses it)"
        )


def differences(folder: Path, mlmodel: MLModel) -> tuple[str, ...]:
    """As in "scikit-learn 1.5.2 wanted, 1.9.1 here", one for each package and one for Python's minor version.

    What cannot be read of the model's files makes no difference.
    """
    try:
        lines = model_requirements(_text(folder / REQUIREMENTS), _text(folder / CONDA)).lines
        python = _text(folder / PYTHON_ENV)
        wanted = parse_python_env(python).python if python else None
    except (GitregError, UnicodeDecodeError):
        return ()
    return (*_python(wanted), *_packages(lines, _not_needed(mlmodel)))


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except OSError:
        return None


def _python(wanted: str | None) -> Iterable[str]:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    minor = re.match(r"[0-9]{1,3}\.[0-9]{1,3}(?![0-9])", wanted or "")
    if minor and minor[0] != here:
        yield f"Python {minor[0]} wanted, {here} here"


def _not_needed(mlmodel: MLModel) -> frozenset[str]:
    """MLflow is in every list that MLflow wrote; gitreg loads all but its own kind of model without it."""
    loader = str(mlmodel.flavors.get("python_function", {}).get("loader_module", ""))
    return frozenset() if loader.startswith("mlflow.pyfunc") else frozenset({"mlflow", "mlflow-skinny"})


def _packages(lines: Sequence[str], ignored: frozenset[str]) -> Iterable[str]:
    from packaging.requirements import Requirement

    installed = _installed()
    for line in lines:
        asked = Requirement(line)
        name = normalized(asked.name)
        if name in ignored or not _is_meant(asked):
            continue
        version = next(filter(None, (_version(each, installed) for each in (name, *VARIANTS.get(name, ())))), None)
        if version is None:
            yield f"{asked.name} {_shown(str(asked.specifier))}wanted, not here".replace("  ", " ")
        elif not asked.specifier.contains(version, prereleases=True):
            yield f"{asked.name} {_shown(str(asked.specifier))}wanted, {version} here"


def _is_meant(asked: Requirement) -> bool:
    """Whether a requirement is one for this interpreter; one that compares what cannot be compared is not."""
    try:
        return asked.marker is None or asked.marker.evaluate()
    except (ValueError, LookupError):  # platform_machine ~= "x86"; "gpu" in dependency_groups
        return False


def _shown(specifier: str) -> str:
    exact = _EXACT.fullmatch(specifier)
    return f"{exact[1] if exact else specifier} " if specifier else ""


def _version(name: str, installed: Mapping[str, str]) -> str | None:
    if name in installed:
        return installed[name]
    try:  # an egg, or a module that an importer of its own finds
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _installed() -> dict[str, str]:
    """Name to version of what is on sys.path, from the names of folders alone: reading each takes milliseconds."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for entry in names:
            if entry.endswith(_INFO):
                name, _, version = entry.removesuffix(_INFO).partition("-")
                found.setdefault(normalized(name), version)
    return found
