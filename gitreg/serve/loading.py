"""From a reference or a folder to a predictor: fetched, verified, and only then loaded."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from gitreg.errors import Damaged, GitregError, Unsupported
from gitreg.flavors import load_pyfunc
from gitreg.flavors.saving.examples import EXAMPLE, SERVING_EXAMPLE
from gitreg.format.mlmodel import PREDICT_ALONE, MLModel, check_inside, parse_mlmodel
from gitreg.registry.contents import MODEL_FILE
from gitreg.registry.environments.compare import warn_of_differences
from gitreg.registry.place import Registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.use.answering import JSON
from gitreg.registry.use.directory import verify_directory
from gitreg.registry.use.locate import Named, locate
from gitreg.registry.use.snapshot import snapshot
from gitreg.serve._base import Predictor, Served
from gitreg.serve.local import LocalPredictor
from gitreg.serve.settings import HERE, LOCAL, How

_LARGEST_EXAMPLE = 1 << 20
_log = logging.getLogger("gitreg.serve")


def fetch_model(registry: Registry, ref: Named, progress: Progress = silent) -> Served:
    """The model that `ref` names, fetched and verified. Raises as `gitreg.load_pyfunc` does."""
    found = locate(registry, ref)
    folder = snapshot(registry, found, progress).path
    return _checked(Served(found.name, folder, _mlmodel(folder, found.name), found.digest, found.version))


def read_folder(
    folder: Path, digest: str | None = None, name: str | None = None, progress: Progress = silent
) -> Served:
    """The model in a folder, verified against its SHA256SUMS and that against `digest`; `name` is what it is called."""
    folder = folder.absolute()
    digest = verify_directory(folder, digest, progress)
    mlmodel = _mlmodel(folder, str(folder))
    return _checked(Served(name or folder.name, folder, mlmodel, digest))


def load_served(served: Served, how: How = HERE) -> Predictor:
    """A predictor of a verified model. Raises as `gitreg.load_pyfunc` does."""
    if how.env != LOCAL:
        from gitreg.serve.own import OwnPredictor

        return OwnPredictor(served, how)
    warn_of_differences(served.folder, served.mlmodel, served.name)
    model = load_pyfunc(served.folder, served.mlmodel, trust=tuple(how.trust), name=served.name, version=served.version)
    return LocalPredictor(model, served)


def warm_up(predictor: Predictor) -> None:
    """Ask for a prediction of the input example, so that the first client does not wait for what is made once.

    Raises Unsupported where the model fails on its own example.
    """
    body = request_example(predictor.served)
    if body is None:
        return
    answer = predictor.answer(JSON, body)
    if answer.status >= 500:
        said = json.loads(answer.body)["message"]
        raise Unsupported(f"{predictor.served.name} fails on its own input example: {said}")
    if answer.status != 200:
        _log.warning("%s refuses its own input example: %s", predictor.served.name, answer.body.decode())


def request_example(served: Served) -> bytes | None:
    """The body of a request with the model's input example, None where it has none that can be sent."""
    info = served.mlmodel.saved_input_example_info or {}
    try:
        serving = served.folder / check_inside(info.get("serving_input_path", SERVING_EXAMPLE), SERVING_EXAMPLE)
        if serving.is_file():
            return serving.read_bytes() if serving.stat().st_size <= _LARGEST_EXAMPLE else None
        older = served.folder / check_inside(info.get("artifact_path", EXAMPLE), EXAMPLE)
        if not info or not older.is_file() or older.stat().st_size > _LARGEST_EXAMPLE:
            return None
        value = json.loads(older.read_bytes())
    except (OSError, ValueError, RecursionError, GitregError):  # an example is no reason not to serve
        return None
    if info.get("type") == "dataframe" and isinstance(value, dict):
        return json.dumps({"dataframe_split": value}).encode()
    return json.dumps(value if isinstance(value, dict) and "inputs" in value else {"inputs": value}).encode()


def _mlmodel(folder: Path, name: str) -> MLModel:
    try:
        return parse_mlmodel((folder / MODEL_FILE).read_bytes(), f"{MODEL_FILE} of {name}")
    except FileNotFoundError:
        raise Damaged(f"{name} has no {MODEL_FILE}") from None


def _checked(served: Served) -> Served:
    if served.mlmodel.pyfunc is None and not PREDICT_ALONE & set(served.mlmodel.flavors):
        raise Unsupported(
            f"{served.name} has no python_function, so it has no predict",
            "log it with a flavor that predicts; gitreg.load_model loads it as it is",
        )
    return served
