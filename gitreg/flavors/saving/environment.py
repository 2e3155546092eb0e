"""conda.yaml, python_env.yaml and requirements.txt of a model: handed over, or inferred."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gitreg.errors import Damaged, Refused
from gitreg.flavors.saving.requirements import installed_version, normalized
from gitreg.format.environment import (
    CONDA,
    PYTHON_ENV,
    REQUIREMENTS,
    CondaEnv,
    PythonEnv,
    check_requirements,
    conda_env_from,
    conda_requirements,
    format_conda_env,
    format_python_env,
    format_requirements,
    parse_conda_env,
    parse_requirements,
)

ENV_FILES = {"conda": CONDA, "virtualenv": PYTHON_ENV}

Lines = str | os.PathLike[str] | Sequence[str]
Conda = str | os.PathLike[str] | Mapping[str, object]


def write_environment(directory: Path, requirements: Sequence[str], conda: CondaEnv | None = None) -> None:
    """Write the three files; `conda` is the user's own environment, if there is one."""
    python = platform.python_version()
    pip = installed_version("pip")
    if conda is None:
        pinned = (f"python={python}", f"pip<={pip}" if pip else "pip")
        conda = CondaEnv(pinned, tuple(requirements), ("conda-forge",), "mlflow-env")
    build = tuple(f"{name}=={v}" if (v := installed_version(name)) else name for name in ("pip", "setuptools", "wheel"))
    env = PythonEnv(conda.python or python, build, (f"-r {REQUIREMENTS}",))
    _write(directory / CONDA, format_conda_env(conda))
    _write(directory / PYTHON_ENV, format_python_env(env))
    _write(directory / REQUIREMENTS, format_requirements(requirements))


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))


def read_lines(lines: Lines, what: str) -> tuple[str, ...]:
    """Requirements given as a list, or as the path of a requirements file. Raises `Refused`."""
    if isinstance(lines, str | os.PathLike):
        return _from_file(Path(lines), what)
    return check_requirements(lines, what).lines


def _from_file(path: Path, what: str) -> tuple[str, ...]:
    text = _read(path, what)
    try:
        return parse_requirements(text, path.name).lines
    except Damaged as error:
        raise Refused(error.message, error.hint) from None


def read_conda(conda: Conda) -> tuple[CondaEnv, tuple[str, ...]]:
    """A conda environment given as a dict, or as the path of its file, and its requirements. Raises `Refused`."""
    try:
        if isinstance(conda, str | os.PathLike):
            env = parse_conda_env(_read(Path(conda), "conda_env"), Path(conda).name)
        else:
            env = conda_env_from(conda, "conda_env")
        lines = conda_requirements(env, "conda_env").lines
    except Damaged as error:
        raise Refused(error.message, error.hint) from None
    return replace(env, pip=env.pip or ()), lines


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        message = f"{what}: {path} cannot be read: {error.strerror}"
        raise Refused(message, "text is the path of a file; requirements are a list") from error


def with_extra(lines: Sequence[str], extra: Sequence[str]) -> tuple[str, ...]:
    """`lines` and `extra` together, sorted; of two for the same distribution the extra one counts.

    An extra one without a version keeps the inferred version.
    """
    from packaging.requirements import Requirement

    found = {normalized(Requirement(line).name): line for line in lines}
    for line in extra:
        requirement = Requirement(line)
        name = normalized(requirement.name)
        if requirement.specifier or requirement.extras or requirement.marker or name not in found:
            found[name] = line
    return tuple(found[name] for name in sorted(found))
