"""Building a model's own environment: once for all models that need the same, complete or not at all.

<cache>/environments/<key>/env           a link to the finished environment, made last
<cache>/environments/<key>/env-<8 hex>/  an environment, under the name that it was built with: they do not move
<cache>/environments/<key>/used          its time says when the environment was last asked for

Whoever builds holds the lock of <key>/; the next one finds what was built meanwhile, or what a killed one left.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from gitreg.errors import Conflict, Unsupported
from gitreg.registry.environments.recipe import Wanted, needed_to_answer, wanted_by, wanted_in
from gitreg.registry.homes import cache_home
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Steps, unseen
from gitreg.registry.use.locate import Located, Named, locate
from gitreg.stores.disk import remove_folder, told_of, write_whole
from gitreg.stores.environments import Tell, Tool, default_tool, get_tool, interpreter_version, python_of
from gitreg.stores.scratch import locked, scratch

ENVIRONMENTS = "environments"
LINK = "env"
USED = "used"
FACTS = "gitreg-environment.json"
"""In an environment: what it was built for and of. It is written when all else is done."""


@dataclass(frozen=True)
class Environment:
    """A model's environment: `name` is the model, `path` the folder, `version` Python's own, `manager` what built it.

    `requirements` is what was asked for. `reused` tells whether it was there already; `remarks` is what its user
    should know.
    """

    name: str
    path: Path
    manager: str
    version: str
    requirements: tuple[str, ...]
    reused: bool
    remarks: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_of(self.path)

    @property
    def activate(self) -> str:
        """The line that makes a shell use it."""
        return f"conda activate {self.path}" if self.manager == "conda" else f". {self.path / 'bin' / 'activate'}"

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "ref": self.name,
            "path": str(self.path),
            "python": str(self.python),
            "python_version": self.version,
            "manager": self.manager,
            "requirements": list(self.requirements),
            "activate": self.activate,
            "reused": self.reused,
            "remarks": list(self.remarks),
        }


def environments_home() -> Path:
    """Where the environments lie that all models share."""
    return cache_home() / ENVIRONMENTS


def create_environment(
    ref: Named,
    folder: str | os.PathLike[str] | None = None,
    *,
    manager: str | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    dry_run: bool = False,
    steps: Steps = unseen,
) -> Environment:
    """Build the model's own environment: a plain one in `folder`, or in the cache one that predictions are made in.

    `manager` is uv, venv or conda; by default uv where it is installed, else venv. The Python is of the minor version
    that the model names. Conflict where there is something in `folder`; Unsupported where a Python or a package is
    not to be had; Unreachable where an index does not answer.
    """
    place = open_registry(registry, offline=offline)
    found = locate(place, ref)
    tool = get_tool(manager) if manager else default_tool()
    if folder is None:
        return environment_of(place, found, tool.NAME, dry_run=dry_run, steps=steps)
    wanted, _ = wanted_by(place, found)
    target = Path(folder).absolute()
    _check_free(target)
    if dry_run:
        return _environment(wanted, tool, target, wanted.recipe.python, reused=False)
    with told_of(target), steps(f"building the environment of {found.name}") as tell:
        return _build_at(target, wanted, tool, tell)


def environment_of(
    place: Registry,
    found: Located,
    manager: str,
    *,
    parquet: bool = False,
    dry_run: bool = False,
    steps: Steps = unseen,
) -> Environment:
    """The environment in the cache that predictions of the model are made in; built where it is not there.

    With `parquet` it reads that, too. Raises as `create_environment` does.
    """
    wanted, mlmodel = wanted_by(place, found)
    return cached_environment(
        wanted.to_answer(needed_to_answer(mlmodel.signature, parquet=parquet)), manager, dry_run=dry_run, steps=steps
    )


def environment_in(folder: Path, name: str, manager: str, *, steps: Steps = unseen) -> Environment:
    """The same for the verified model directory `folder`, which errors call `name`."""
    wanted, mlmodel = wanted_in(folder, name)
    return cached_environment(wanted.to_answer(needed_to_answer(mlmodel.signature)), manager, steps=steps)


def cached_environment(wanted: Wanted, manager: str, *, dry_run: bool = False, steps: Steps = unseen) -> Environment:
    """The environment in the cache for `wanted`, built where it is not there."""
    tool = get_tool(manager)
    home = environments_home() / key_of(wanted, tool.NAME)
    if there := _finished(home, wanted, tool):
        return there
    if dry_run:
        return _environment(wanted, tool, home / LINK, wanted.recipe.python, reused=False)
    with told_of(home):
        home.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            tell = held.enter_context(steps(f"building the environment of {wanted.recipe.name}"))
            alone = held.enter_context(locked(home, wait=False))
            if not alone:
                tell(f"another program builds {home}: waiting for it")
                alone = held.enter_context(locked(home, wait=True))
            # Where this file system has no locks, two may build at once; the first to make the link wins.
            return _finished(home, wanted, tool) or _build(home, wanted, tool, tell, alone)


def key_of(wanted: Wanted, manager: str) -> str:
    """The name of an environment in the cache: all that it is built of is in it."""
    recipe = wanted.recipe
    conda = [recipe.conda.dependencies, recipe.conda.pip, recipe.conda.channels] if manager == "conda" else []
    parts = json.dumps([manager, recipe.python, sorted(recipe.requirements), conda])
    return f"{manager}-{recipe.python}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def _finished(home: Path, wanted: Wanted, tool: Tool) -> Environment | None:
    path = home / LINK
    try:
        facts = json.loads((path / FACTS).read_bytes())
        if not python_of(path).exists():  # the Python that it was made from is gone
            return None
        (home / USED).touch()
    except (OSError, ValueError):
        return None
    return _environment(wanted, tool, path, str(facts["python_version"]), reused=True)


def _build(home: Path, wanted: Wanted, tool: Tool, tell: Tell, alone: bool) -> Environment:
    link = home / LINK
    if alone:
        link.unlink(missing_ok=True)
        for left in home.glob(f"{LINK}-*"):
            with locked(left, wait=False) as free:  # a program that predicts in it holds it
                if free:
                    remove_folder(left)
    folder = home / f"{LINK}-{uuid.uuid4().hex[:8]}"
    made = _build_at(folder, wanted, tool, tell)
    try:
        link.symlink_to(folder.name)
    except FileExistsError:
        pass
    finally:  # Ctrl-C, too
        if not link.is_symlink() or os.readlink(link) != folder.name:
            remove_folder(folder)
    (home / USED).touch()
    return replace(made, path=link)


def _build_at(folder: Path, wanted: Wanted, tool: Tool, tell: Tell) -> Environment:
    """Build in `folder`, where it will be used; what is left of a build that fails is removed."""
    was_there = folder.is_dir()
    try:
        with scratch(cache_home() / "tmp") as files:
            tool.build(wanted.recipe, folder, files / "build", tell)
        version = interpreter_version(folder)
        if not version:
            raise Unsupported(f"{python_of(folder)} does not run", f"{tool.NAME} has made it")
        made = _environment(wanted, tool, folder, version, reused=False)
        facts = {**made.to_dict(), "path": str(folder)}
        write_whole(folder / FACTS, json.dumps(facts, indent=2).encode())
    except BaseException:  # Ctrl-C, too
        remove_folder(folder)
        if was_there:
            folder.mkdir()
        raise
    return made


def _environment(wanted: Wanted, tool: Tool, path: Path, version: str, *, reused: bool) -> Environment:
    remarks = list(wanted.remarks)
    exact = wanted.python.count(".") >= 2
    if exact and version.count(".") >= 2 and version != wanted.python:
        remarks.append(f"Python {wanted.python} wanted, {version} here")
    return Environment(
        wanted.recipe.name, path, tool.NAME, version, wanted.recipe.requirements, reused, tuple(remarks)
    )  # fmt: skip


def _check_free(folder: Path) -> None:
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if (folder / FACTS).is_file():
        raise Conflict(f"{folder} has an environment already", f"rm -r {folder}; or name another folder")
    if (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir():
        raise Conflict(
            f"{folder} has an environment that gitreg did not make, or did not finish",
            f"rm -r {folder}; or name another folder",
        )
    raise Conflict(f"{folder} is there already and not empty", "name another folder")
