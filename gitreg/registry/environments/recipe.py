"""What a model's environment is built of: read from its own files, and trusted with nothing but names and versions."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gitreg.errors import Damaged, Unsupported
from gitreg.format.environment import (
    CONDA,
    PYTHON_ENV,
    REQUIREMENTS,
    CondaEnv,
    PythonEnv,
    check_requirement,
    model_requirements,
    parse_conda_env,
    parse_python_env,
)
from gitreg.format.mlmodel import MLModel, parse_mlmodel
from gitreg.format.schema import Signature, Tensor
from gitreg.registry.contents import MODEL_FILE
from gitreg.registry.files import CommittedFile
from gitreg.registry.place import Registry
from gitreg.registry.use.locate import Located, model_files
from gitreg.registry.use.pull import read_file
from gitreg.stores.environments import Recipe

OLDEST = (3, 10)
"""The version of Python that a worker runs in at least."""

_VERSION = re.compile(r"([0-9]{1,3}\.[0-9]{1,3})(?:\.[0-9A-Za-z.+]+)?")
_CONDA_NAME = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._-]*)\s*([=<>!~ ,|*.+0-9A-Za-z_-]*)")
_CHANNELS = frozenset({"conda-forge", "defaults", "nodefaults"})
_INSTALLERS = frozenset({"pip", "setuptools", "wheel"})
_ITS_FILE = f"-r {REQUIREMENTS}"

Read = Callable[[str], bytes | None]
"""A file of the model directory by its name, None where there is none."""


@dataclass(frozen=True)
class Wanted:
    """What a model says about its environment: `python` is the version as it is written there, "" where it is not."""

    recipe: Recipe
    python: str
    remarks: tuple[str, ...] = ()

    def to_answer(self, also: Iterable[str]) -> Wanted:
        """With what gitreg imports there: the packages `also`. Unsupported where Python is too old for gitreg."""
        if tuple(map(int, self.recipe.python.split("."))) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise Unsupported(
                f"{self.recipe.name} needs Python {self.recipe.python}, and gitreg predicts with {oldest} and later",
                f"gitreg env create {self.recipe.name} -p DIR builds it for your own program",
            )
        there = {_name(line) for line in self.recipe.requirements}
        added = [name for name in dict.fromkeys(also) if name not in there]
        conda = self.recipe.conda
        in_conda = {_name(line) for line in (*conda.dependencies, *(conda.pip or ()))}
        dependencies = (*conda.dependencies, *(name for name in added if name not in in_conda))
        recipe = replace(
            self.recipe,
            requirements=(*self.recipe.requirements, *added),
            conda=replace(conda, dependencies=dependencies),
        )
        return replace(self, recipe=recipe)


def wanted_by(registry: Registry, found: Located) -> tuple[Wanted, MLModel]:
    """What the model says about its environment; its files are verified, and no payload is fetched for it."""
    files = {file.path: file for file in model_files(registry, found)}
    return read_wanted(lambda name: _read(registry, found, files.get(name)), found.name)


def wanted_in(folder: Path, name: str) -> tuple[Wanted, MLModel]:
    """The same for a verified model directory."""
    return read_wanted(lambda file: (folder / file).read_bytes() if (folder / file).is_file() else None, name)


def _read(registry: Registry, found: Located, file: CommittedFile | None) -> bytes | None:
    if file is None:
        return None
    if file.payload is not None:
        return read_file(found.name, file.path, registry=registry)
    [(_, _, content)] = registry.git.objects([file.blob])
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise Damaged(f"{file.path} of {found.name} is damaged in git: its sha256 is not {file.sha256}", "git fsck")
    return content


def read_wanted(read: Read, name: str) -> tuple[Wanted, MLModel]:
    """What the files that `read` gives say. Damaged where one asks for more than packages by name and version."""
    text = read(MODEL_FILE)
    if text is None:
        raise Damaged(f"{name} has no {MODEL_FILE}")
    mlmodel = parse_mlmodel(text, f"{MODEL_FILE} of {name}")
    named = mlmodel.pyfunc.env_files if mlmodel.pyfunc else {}
    virtualenv, conda_text = read(named.get("virtualenv", PYTHON_ENV)), read(named.get("conda", CONDA))
    listed = read(REQUIREMENTS)
    own = parse_python_env(virtualenv, f"{PYTHON_ENV} of {name}") if virtualenv is not None else PythonEnv()
    conda = parse_conda_env(conda_text, f"{CONDA} of {name}") if conda_text is not None else None
    found = model_requirements(listed.decode("utf-8", "replace") if listed is not None else None, conda_text)
    lines = tuple(dict.fromkeys((*_beside(own, name), *found.lines)))
    python = own.python or (conda.python if conda else None) or _python_of(mlmodel)
    minor = _minor(python, name) if python else f"{sys.version_info.major}.{sys.version_info.minor}"
    remarks = list(found.warnings)
    safe = _safe_conda(conda, name, remarks) if conda else CondaEnv((f"python={minor}", "pip"), lines, ("conda-forge",))
    return Wanted(Recipe(name, minor, lines, safe), python or "", tuple(remarks)), mlmodel


def _beside(env: PythonEnv, name: str) -> Iterable[str]:
    """What python_env.yaml asks for beside requirements.txt. pip and what builds packages is the tool's own matter."""
    for line in (*env.build_dependencies, *env.dependencies):
        if line.strip() != _ITS_FILE:
            check_requirement(line.strip(), f"{PYTHON_ENV} of {name}")
            if _name(line) not in _INSTALLERS:
                yield line.strip()


def _python_of(mlmodel: MLModel) -> str | None:
    version = mlmodel.flavors.get("python_function", {}).get("python_version")
    return version if isinstance(version, str) else None


def _minor(version: str, name: str) -> str:
    found = _VERSION.fullmatch(version)
    if not found:
        raise Damaged(f"{name} needs Python {version[:40]!r}, which is no version", "it is written as 3.11.7")
    return found[1]


def _safe_conda(conda: CondaEnv, name: str, remarks: list[str]) -> CondaEnv:
    """conda.yaml with names only: a channel is a place that packages come from, and those are the user's to name."""
    dependencies = []
    for line in conda.dependencies:
        channel, _, bare = line.strip().rpartition("::")
        if channel and channel not in _CHANNELS:
            remarks.append(f"the channel {channel[:60]!r} of {CONDA} is left out")
        if not _CONDA_NAME.fullmatch(bare):
            raise Damaged(f"{CONDA} of {name}: {line[:100]!r} is no package", "name packages and versions: numpy=2.1.0")
        dependencies.append(bare)
    for line in conda.pip or ():
        if line.strip() != _ITS_FILE:
            check_requirement(line.strip(), f"{CONDA} of {name}, pip")
    foreign = [channel for channel in conda.channels if channel not in _CHANNELS]
    if foreign:
        shown = ", ".join(channel[:60] for channel in foreign)
        remarks.append(f"the channel {shown} of {CONDA} is left out: conda config --append channels makes it yours")
    pip = conda.pip and tuple(line.strip() for line in conda.pip if line.strip() != _ITS_FILE)
    return CondaEnv(tuple(dependencies), pip, tuple(c for c in conda.channels if c in _CHANNELS))


def needed_to_answer(signature: Signature | None, *, parquet: bool = False) -> Sequence[str]:
    """What gitreg imports where it loads a model and answers; tables are read with pandas."""
    inputs = (signature.inputs if signature else None) or ()
    tensors = bool(inputs) and all(isinstance(entry, Tensor) for entry in inputs)
    return ("packaging", "pyyaml", "numpy" if tensors else "pandas", *(("pyarrow", "pandas") if parquet else ()))


def _name(line: str) -> str:
    """The package of a requirement, spelled as PEP 503 has it."""
    found = re.match(r"[A-Za-z0-9._-]+", line.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""
