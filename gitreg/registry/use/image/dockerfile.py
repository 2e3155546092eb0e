"""An image with a model baked in: the Dockerfile and all that it copies, in one folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import Conflict, NotFound, Refused, Unsupported
from gitreg.format.environment import format_requirements
from gitreg.format.mlmodel import PREDICT_ALONE
from gitreg.format.references import parse_reference
from gitreg.format.versions import ModelVersion
from gitreg.registry.environments.recipe import needed_to_answer, wanted_by
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.use.image.text import (
    IGNORE,
    MODEL,
    REQUIREMENTS,
    WHEELS,
    Image,
    Manager,
    check_base,
    format_dockerfile,
)
from gitreg.registry.use.locate import Located, Named, locate
from gitreg.registry.use.pull import pull
from gitreg.stores.disk import told_of
from gitreg.stores.git.program import without_credentials
from gitreg.stores.scratch import scratch

_OLDEST = (3, 11)  # Python that gitreg itself runs on
_OCI = "org.opencontainers.image"
_GITREG = "gitreg"
_OF_GITREG = ("packaging", "pyyaml")  # what gitreg brings anyway
_DOWNLOAD = "pip download --dest wheels --only-binary :all: -r requirements.txt"


@dataclass(frozen=True)
class Baked:
    """What was written: the model `name` (`asked` is what was asked for, which may `move`) in the folder `path`.

    `packages` are Debian's that the image installs, `remarks` what its user should know.
    """

    asked: str
    name: str
    version: ModelVersion | None
    moves: bool
    path: Path
    image: Image
    remarks: tuple[str, ...] = ()

    @property
    def build(self) -> str:
        """The command that builds the image."""
        tag = self.name.lower().replace("@", ":").replace("run:", "run-").replace("/", "-")
        return f"docker build -t {tag} {self.path}"

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "ref": self.name,
            "version": self.version.to_dict() if self.version else None,
            "path": str(self.path.absolute()),
            "digest": self.image.digest,
            "base": self.image.base,
            "port": self.image.port,
            "manager": self.image.manager,
            "packages": self.image.system_packages,
            "build": self.build,
            "remarks": list(self.remarks),
        }


def write_dockerfile(
    ref: Named,
    dir: str | os.PathLike[str] | None = None,
    *,
    base: str | None = None,
    port: int = 8080,
    manager: Manager = "pip",
    wheel: str | os.PathLike[str] | None = None,
    wheels: str | os.PathLike[str] | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Baked:
    """Write a Dockerfile, the verified model and its requirements into `dir` (by default MODEL-image, here).

    `base` is by default the slim image of the model's Python. `wheel` is one of gitreg itself, where the package index
    has none; `wheels` a folder with the wheels of everything, for an image that is built without an index. The same
    version gives the same bytes. The folder appears complete or not at all; Conflict where there is something in it.
    """
    place = open_registry(registry, offline=offline)
    found = locate(place, ref)
    target = Path(dir) if dir is not None else Path(f"{_short(found)}-image")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is there already and not empty", f"gitreg dockerfile {ref} -o ANOTHER-DIR")
    wanted, mlmodel = wanted_by(place, found)
    if mlmodel.pyfunc is None and not PREDICT_ALONE & set(mlmodel.flavors):
        hint = "an image serves what predicts: log it with a flavor that does"
        raise Unsupported(f"{found.name} has no python_function, so it has no predict", hint)
    brought = _wheels(wheel, wheels, manager)
    image = Image(
        name=found.name,
        digest=found.digest,
        base=check_base(base) if base else _base(wanted.recipe.python, found),
        port=port,
        manager=manager,
        needs=frozenset({*mlmodel.flavors, *map(_package, wanted.recipe.requirements)}),
        labels=_labels(place, found),
        wheel=_own(brought) if brought else "",
        offline=wheels is not None,
    )
    text = format_dockerfile(image)
    needed = [name for name in needed_to_answer(mlmodel.signature) if name not in _OF_GITREG]
    lines = list(wanted.to_answer(needed).recipe.requirements)
    if not brought:
        from gitreg import __version__

        lines.append(f"gitreg[serve]=={__version__}")
    done = Baked(str(ref), found.name, found.version, _moves(ref), target, image, wanted.remarks)
    with told_of(target.absolute().parent), scratch(target.absolute().parent, f".{target.name}.") as partial:
        context = partial / "context"
        context.mkdir()
        pull(found.name, context / MODEL, registry=place, dry_run=dry_run, progress=progress)
        if dry_run:
            return done
        (context / "Dockerfile").write_text(text, encoding="utf-8")
        (context / ".dockerignore").write_text(IGNORE, encoding="utf-8")
        (context / REQUIREMENTS).write_text(format_requirements(lines), encoding="utf-8")
        for name, path in brought.items():
            (context / WHEELS).mkdir(exist_ok=True)
            shutil.copyfile(path, context / WHEELS / name)
        for path in (context, *context.rglob("*")):  # whoever runs in the image is another user than who builds it
            path.chmod(0o755 if path.is_dir() else 0o644)
        context.replace(target)
    return done


def _short(found: Located) -> str:
    return found.version.model if found.version else Path(found.path).name


def _moves(ref: Named) -> bool:
    return parse_reference(str(ref)).moves


def _package(line: str) -> str:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return canonicalize_name(Requirement(line).name)


def _base(python: str, found: Located) -> str:
    if tuple(map(int, python.split("."))) < _OLDEST:
        needs = ".".join(map(str, _OLDEST))
        raise Unsupported(
            f"{found.name} asks for Python {python}, and gitreg in its image for {needs} or later",
            f"--base python:{needs}-slim, if the model loads there",
        )
    return f"python:{python}-slim"


def _labels(place: Registry, found: Located) -> Mapping[str, str]:
    origin = place.git.config(f"remote.{place.remote}.url") if place.remote else None
    version = found.version
    labels = {
        f"{_OCI}.title": _short(found),
        f"{_OCI}.version": version.version if version else "",
        f"{_OCI}.revision": found.commit,
        f"{_OCI}.source": without_credentials(origin or place.where),
        "gitreg.run": version.run_id if version else found.name.removeprefix("run:").partition("/")[0],
        "gitreg.number": str(version.number or "") if version else "",
        "gitreg.digest": found.digest,
    }
    return {name: value for name, value in labels.items() if value}


def _wheels(
    wheel: str | os.PathLike[str] | None, wheels: str | os.PathLike[str] | None, manager: Manager
) -> dict[str, Path]:
    """The wheels to bring, by their names."""
    found: dict[str, Path] = {}
    if wheels is not None:
        folder = Path(wheels)
        if not folder.is_dir():
            raise NotFound(f"no folder {folder}", _DOWNLOAD)
        found = {path.name: path for path in sorted(folder.glob("*.whl"))}
        if manager == "uv" and "uv" not in map(_wheel_of, found):
            raise NotFound(f"{folder} has no wheel of uv", "pip download uv; or --manager pip")
    if wheel is not None:
        path = Path(wheel)
        if not path.is_file():
            raise NotFound(f"no file {path}", "pip wheel --no-deps gitreg makes one")
        if _wheel_of(path.name) != _GITREG:
            raise Refused(f"{path} is no wheel of gitreg", "it is called gitreg-VERSION-py3-none-any.whl")
        found = {name: other for name, other in found.items() if _wheel_of(name) != _GITREG} | {path.name: path}
    if wheel is not None or wheels is not None:
        _own(found)
    return dict(sorted(found.items()))


def _own(wheels: Mapping[str, Path]) -> str:
    own = [name for name in wheels if _wheel_of(name) == _GITREG]
    if len(own) != 1:
        there = f"{len(own)} wheels" if own else "no wheel"
        raise NotFound(f"there is {there} of gitreg among the wheels", "--wheel gitreg-VERSION-py3-none-any.whl")
    return own[0]


def _wheel_of(name: str) -> str:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return parse_wheel_filename(name)[0]
    except InvalidWheelFilename:
        raise Refused(f"{name!r} is no name of a wheel", "it is written as NAME-VERSION-py3-none-any.whl") from None
