"""A model into a directory in MLflow Models format.

The same model and the same arguments give the same bytes: there is no clock and no chance in here.
"""

from __future__ import annotations

import copy
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from gitreg.errors import GitregError, Refused, check_type, warn
from gitreg.flavors import detect_flavor, get_flavor
from gitreg.flavors._base import Flavor, ModelDirectory, Saved, SavesByExample
from gitreg.flavors._frames import Data, imported, is_array, is_frame, is_polars_frame
from gitreg.flavors._types import Unknown
from gitreg.flavors.enforcing import enforce
from gitreg.flavors.saving.code import CODE, CodePath, copy_code, imported_by_code, shipped_modules
from gitreg.flavors.saving.environment import (
    ENV_FILES,
    Conda,
    Lines,
    read_conda,
    read_lines,
    with_extra,
    write_environment,
)
from gitreg.flavors.saving.examples import EXAMPLE, SERVING_EXAMPLE, Example, format_example
from gitreg.flavors.saving.infer import infer_schema, infer_signature
from gitreg.flavors.saving.requirements import infer_requirements, installed_version
from gitreg.format.environment import CondaEnv
from gitreg.format.mlmodel import NAME, MLModel, format_mlmodel
from gitreg.format.schema import AnyType, Column, Schema, Signature

PYFUNC = "python_function"


def save(
    model: object,
    directory: ModelDirectory,
    *,
    artifact_path: str | None,
    run_id: str | None,
    created: str,
    model_uuid: str,
    flavor: str | None = None,
    input_example: object = None,
    signature: Signature | None = None,
    pip_requirements: Lines | None = None,
    extra_pip_requirements: Lines | None = None,
    conda_env: Conda | None = None,
    code_paths: Sequence[CodePath] = (),
    metadata: Mapping[str, object] | None = None,
    **flavor_options: object,
) -> MLModel:
    """Write `model` and all that belongs to it into `directory`, which is empty, and return its MLmodel.

    `created` is the text of `utc_time_created`. The flavor is found from the object unless `flavor` names it. Without
    a `signature` it is inferred from `input_example` and what the model predicts for it. Requirements are inferred
    from the modules that the payload names, unless `pip_requirements` or `conda_env` gives them;
    `extra_pip_requirements` adds to the inferred ones. Raises `Refused` for what cannot be saved.
    """
    environment = _environment(pip_requirements, extra_pip_requirements, conda_env)
    if isinstance(code_paths, str | os.PathLike):
        raise Refused("code_paths is one path, not a list of paths", f"code_paths=[{str(code_paths)!r}]")
    rule = "gitreg.infer_signature(inputs, outputs) makes one; input_example=inputs infers it"
    check_type(signature, (Signature, type(None)), "signature", rule)
    chosen = get_flavor(flavor) if flavor is not None else detect_flavor(model)
    example = None if input_example is None else format_example(input_example)

    copy_code(code_paths, directory.path)
    if isinstance(chosen, SavesByExample):
        data = None if example is None else example.data
        saved = chosen.save_by_example(model, directory, data, signature, **flavor_options)
    else:
        saved = chosen.save(model, directory, **flavor_options)
    if example is not None:
        _write(directory.path / EXAMPLE, example.text)
        _write(directory.path / SERVING_EXAMPLE, example.serving_text)
        if signature is None:
            signature = _signature_from(example, chosen, model, saved)
        else:
            _compare(example, signature)
    lines, conda = environment
    if lines is None or extra_pip_requirements is not None:
        inferred = _requirements(saved, directory.path, example, signature)
        lines = inferred if lines is None else with_extra(inferred, lines)
    write_environment(directory.path, lines, conda)

    mlmodel = MLModel(
        flavors=_entries(saved, directory.path),
        artifact_path=artifact_path,
        run_id=run_id,
        utc_time_created=created,
        model_uuid=model_uuid,
        model_size_bytes=saved.size + _size(directory.path, saved),
        signature=signature,
        saved_input_example_info=None if example is None else dict(example.info),
        metadata=None if metadata is None else dict(metadata),
    )
    _write(directory.path / NAME, format_mlmodel(mlmodel))
    return mlmodel


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))


def _environment(
    pip: Lines | None, extra: Lines | None, conda: Conda | None
) -> tuple[tuple[str, ...] | None, CondaEnv | None]:
    given = {"pip_requirements": pip, "extra_pip_requirements": extra, "conda_env": conda}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise Refused(f"{' and '.join(names)} are given, but only one of them can count", f"leave out {names[-1]}")
    if conda is not None:
        env, lines = read_conda(conda)
        return lines, env
    if pip is not None:
        return read_lines(pip, "pip_requirements"), None
    return (None if extra is None else read_lines(extra, "extra_pip_requirements")), None


def _requirements(
    saved: Saved, directory: Path, example: Example | None, signature: Signature | None
) -> tuple[str, ...]:
    needs = list(saved.distributions)
    if example is not None and is_polars_frame(example.data):
        needs.append("polars")
    elif (example is not None and is_frame(example.data)) or _takes_table(signature):
        needs += ["pandas"] if installed_version("pandas") else []
    found = infer_requirements(saved.modules | imported_by_code(directory), needs, shipped_modules(directory))
    if found.local:
        names = ", ".join(found.local)
        warn(
            f"the model needs modules that no installed distribution holds: {names}; "
            "send them along with code_paths=[...], or the model loads only where they are",
        )
    return found.lines


def _takes_table(signature: Signature | None) -> bool:
    return signature is not None and bool(signature.inputs) and isinstance((signature.inputs or ())[0], Column)


def _entries(saved: Saved, directory: Path) -> dict[str, dict[str, object]]:
    code: dict[str, object] = {"code": CODE} if (directory / CODE).is_dir() else {}
    entries = {name: {**entry, **code} for name, entry in saved.flavors.items()}
    if PYFUNC in entries:
        entries[PYFUNC] |= {"env": dict(ENV_FILES), "python_version": platform.python_version()}
    return entries


def _size(directory: Path, saved: Saved) -> int:
    """The bytes of all files but the payloads, which may or may not be in the folder."""
    payloads = {str(entry.get(key)) for entry in saved.flavors.values() for key in _PAYLOADS} | set(saved.beside)
    files = (path for path in directory.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if str(path.relative_to(directory)) not in payloads)


_PAYLOADS = ("pickled_model", "model_path", "data", "python_model")


def _signature_from(example: Example, flavor: Flavor, model: object, saved: Saved) -> Signature | None:
    """The signature that the example and the model's predictions for it give; what fails is a warning."""
    inferred = infer_signature(example.data, params=example.params)
    entry = saved.flavors.get(PYFUNC)
    if entry is None:
        return inferred
    try:
        data, params = enforce(copy.deepcopy(example.data), inferred, example.params)
    except GitregError as error:
        warn(f"no signature: the input_example does not fit its own types: {error.message}")
        return None
    try:
        predictions = (saved.predict or flavor.predictor(model, entry))(data, params)
        outputs = infer_outputs(predictions, inferred.inputs)
    except Exception as error:  # the user's own code: the model is saved, and only the outputs stay undeclared
        name = type(error).__name__
        warn(f"outputs stay undeclared: predicting on the input_example failed: {name}: {error}")
        return inferred
    return Signature(inferred.inputs, outputs, inferred.params)


def _compare(example: Example, signature: Signature) -> None:
    try:
        enforce(copy.deepcopy(example.data), signature, example.params)
    except GitregError as error:
        warn(f"the input_example does not fit the signature: {error.message}")


def infer_outputs(predictions: object, inputs: Schema | None) -> Schema | None:
    """What the outputs of a model with `inputs` are, judging by `predictions`.

    For a table, a vector is one prediction to a row, and so a column and not a tensor.
    """
    if predictions is None:
        return None
    table = inputs is not None and isinstance(inputs[0], Column)
    try:
        if table and is_array(predictions) and cast(Data, predictions).ndim == 1:
            pandas = imported("pandas")
            predictions = cast(Data, predictions).tolist() if pandas is None else pandas.Series(predictions)
        return infer_schema(predictions)
    except Unknown as reason:
        warn(f"the type of the outputs is not known: {reason}")
        return (Column(None, AnyType()),)
