"""From modules to the distributions that hold them, pinned to what is installed here.

Asking importlib.metadata for all distributions takes a quarter of a second. So the likely ones are asked first:
the one of the module's own name, and a short table of those that have another.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

WELL_KNOWN: Mapping[str, str] = {
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "PyYAML",
    "PIL": "pillow",
    "cv2": "opencv-python",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "git": "GitPython",
    "attr": "attrs",
    "google.protobuf": "protobuf",
    "umap": "umap-learn",
    "imblearn": "imbalanced-learn",
    "pytorch_lightning": "pytorch-lightning",
}

# Builds of one framework under names of their own. They share their files, so only one of them can be installed.
VARIANTS: Mapping[str, tuple[str, ...]] = {
    "xgboost": ("xgboost-cpu",),
    "tensorflow": (
        "tensorflow-cpu",
        "tensorflow-intel",
        "tensorflow-cpu-aws",
        "tensorflow-macos",
        "tensorflow-gpu",
        "tensorflow-rocm",
        "tf-nightly",
        "tf-nightly-cpu",
    ),
    "keras": ("keras-nightly",),
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-qnn"),
}

# Names that modules of the standard library had in Python 2 and still have in old pickles.
_STANDARD = sys.stdlib_module_names | {"__builtin__", "__main__", "__mp_main__", "copy_reg"}


_SITES = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True)
class Inferred:
    """`lines` are pinned requirements, sorted; `local` are the modules that no distribution holds, sorted."""

    lines: tuple[str, ...]
    local: tuple[str, ...]


def infer_requirements(
    modules: Iterable[str], distributions: Iterable[str] = (), shipped: Iterable[str] = ()
) -> Inferred:
    """The requirements of `modules`, and of `distributions` (pip names) in any case.

    Modules whose first name is in `shipped` travel with the model and need nothing. One that is not installed
    appears without a version.
    """
    installed = [_variant(name) for name in distributions]
    found = {normalized(name): _pinned(name) for name in installed}
    local: set[str] = set()
    brought = frozenset(shipped)
    for module in sorted(set(modules)):
        top = module.partition(".")[0]
        if not top or top in _STANDARD or top in brought:
            continue
        names = _distributions_of(module)
        if not names:
            local.add(top)
        for name in names:
            found.setdefault(normalized(name), _pinned(name))
    return Inferred(tuple(found[name] for name in sorted(found)), tuple(sorted(local)))


def normalized(name: str) -> str:
    """A distribution's name in the form that all its spellings share (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_version(distribution: str) -> str | None:
    """The installed version of a distribution, None where it is not installed."""
    try:
        return _installed(distribution)[1]
    except metadata.PackageNotFoundError:
        return None


def _variant(distribution: str) -> str:
    """The build of a framework that is installed; the distribution itself where none is."""
    for name in (distribution, *VARIANTS.get(distribution, ())):
        if installed_version(name) is not None:
            return name
    return distribution


def _pinned(distribution: str) -> str:
    try:
        name, version = _installed(distribution)
    except metadata.PackageNotFoundError:
        return distribution
    # The part after + names a build that package indexes do not have.
    return f"{name}=={version.partition('+')[0]}"


@functools.cache
def _installed(distribution: str) -> tuple[str, str]:
    """Its own name and version, read once: parsing what it says of itself takes milliseconds."""
    found = metadata.distribution(distribution).metadata
    return found["Name"] or distribution, found["Version"]


@functools.cache
def _distributions_of(module: str) -> tuple[str, ...]:
    top = module.partition(".")[0]
    guesses = (WELL_KNOWN.get(top, top), WELL_KNOWN.get(".".join(module.split(".")[:2]), ""))
    for guess in (*guesses, *VARIANTS.get(top, ())):
        if guess and _holds(guess, top, module):
            return (guess,)
    file = getattr(sys.modules.get(module) or sys.modules.get(top), "__file__", None)
    if isinstance(file, str) and not _SITES & set(Path(file).parts):
        return ()
    names = _all_distributions().get(top, ())
    if len(names) > 1:
        # A package that several distributions share: the one that holds the module's file.
        exact = [name for name in names if isinstance(file, str) and _lists(name, Path(file))]
        names = tuple(exact) or names
    return names


def _holds(distribution: str, top: str, module: str) -> bool:
    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    if '"editable": true' in (found.read_text("direct_url.json") or ""):
        return True
    if top in (found.read_text("top_level.txt") or "").split():
        return True
    record = found.read_text("RECORD") or ""
    path = module.replace(".", "/")
    names = (f"{top}/__init__.py", f"{top}.py", f"{path}/__init__.py", f"{path}.py")
    return any(record.startswith(f"{name},") or f"\n{name}," in record for name in names)


@functools.lru_cache(maxsize=1)
def _all_distributions() -> Mapping[str, tuple[str, ...]]:
    return {top: tuple(dict.fromkeys(names)) for top, names in metadata.packages_distributions().items()}


def _lists(distribution: str, file: Path) -> bool:
    found = metadata.distribution(distribution)
    return any(Path(str(found.locate_file(PurePosixPath(entry)))) == file for entry in found.files or ())
