"""MLmodel: it parses, what its flavors name is there, and no path leaves the model directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitreg.checks._base import Contents, Problem, Proposal
from gitreg.checks._words import problem_at
from gitreg.errors import GitregError
from gitreg.format.mlmodel import NAME, PREDICT_ALONE, MLModel, check_inside, parse_mlmodel
from gitreg.format.pointer import SUFFIX
from gitreg.format.sums import NAME as SUMS

ABOUT = "MLmodel parses, names what a flavor needs to load, and no path leaves the model directory"

_HINT = "save the model again, log it and register that"
_NEEDED: Mapping[str, tuple[str, ...]] = {  # of each flavor one of these keys, which names what is loaded
    "python_function": ("loader_module",),
    "sklearn": ("pickled_model",),
    "xgboost": ("data",),
    "lightgbm": ("data",),
    "onnx": ("data",),
    "h2o": ("data",),
    "keras": ("data",),
    "tensorflow": ("data", "saved_model_dir"),
    "pytorch": ("model_data",),
    "spark": ("model_data",),
    "crate": ("model",),
}
_PATHS = frozenset({"pickled_model", "data", "model_data", "saved_model_dir", "model", "code", "model_path"})


def applies(proposal: Proposal) -> bool:
    """Where there is a version."""
    return proposal.candidate is not None


def problems(proposal: Proposal) -> Iterator[Problem]:
    """What a loader would stumble over."""
    assert proposal.candidate
    contents = proposal.candidate
    if NAME not in contents.texts:
        yield problem_at(proposal, f"{contents.version} has no {NAME}", "digest", hint=_HINT)
        return
    model = parse_mlmodel(contents.texts[NAME], f"{NAME} of {contents.version}")
    there = _files(contents)
    for flavor, entry in sorted(model.flavors.items()):
        for problem in (*_missing(flavor, entry), *_leading(flavor, entry, there)):
            yield problem_at(proposal, f"{NAME}: {flavor}: {problem}", "digest", hint=_HINT)
    yield from _pyfunc(proposal, model, there)


def found(proposal: Proposal) -> str:
    """The flavors."""
    assert proposal.candidate
    return ", ".join(parse_mlmodel(proposal.candidate.texts.get(NAME, b"")).flavor_names)


def _files(contents: Contents) -> frozenset[str]:
    """The files of the directory by their real names, and the folders they lie in."""
    files = [path.removesuffix(SUFFIX) for path in contents.sizes if path != SUMS]
    folders = {path[:at] for path in files for at, letter in enumerate(path) if letter == "/"}
    return frozenset({*files, *folders, "."})


def _missing(flavor: str, entry: Mapping[str, object]) -> Iterator[str]:
    needed = _NEEDED.get(flavor, ())
    if needed and not any(isinstance(entry.get(key), str) and entry[key] for key in needed):
        yield f"it names no {' or '.join(needed)}"


def _leading(flavor: str, entry: Mapping[str, object], there: frozenset[str]) -> Iterator[str]:
    """What is wrong with the paths that a flavor names; which settings are paths is known of some only."""
    for key, value in sorted(entry.items()):
        if not isinstance(value, str) or not value:
            continue
        if key in _PATHS:
            try:
                check_inside(value, key)
            except GitregError as error:
                yield error.message
                continue
            if value.rstrip("/").removeprefix("./") not in there:
                yield f"{key} is {value}, which is not in the model directory"
        elif value.startswith("/") or ".." in value.split("/"):
            yield f"{key} is {value[:100]!r}, which leaves the model directory"


def _pyfunc(proposal: Proposal, model: MLModel, there: frozenset[str]) -> Iterator[Problem]:
    if "python_function" not in model.flavors:
        if PREDICT_ALONE & set(model.flavors):
            return
        text = f"{NAME} has no python_function: load_model works, predict and serving do not"
        yield problem_at(proposal, text, "digest", hint=_HINT, blocks=False)
        return
    try:
        pyfunc = model.pyfunc
    except GitregError as error:
        if "loader_module" not in error.message:  # told of already
            yield problem_at(proposal, error.message, "digest", hint=_HINT)
        return
    for file in sorted(pyfunc.env_files.values()) if pyfunc else ():
        if file not in there:
            yield problem_at(proposal, f"{NAME}: python_function: env: {file} is not there", "digest", blocks=False)
