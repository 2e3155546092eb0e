"""Spark ML: pipelines, models and transformers, as Spark itself writes them: folders of parquet and JSON.

The names of files hold random ids, and the metadata the time: the same model saved twice is never the same bytes.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.flavors._base import (
    ModelDirectory,
    Options,
    Predict,
    Saved,
    framework,
    has_base,
    inside,
    loaded_version,
    take_options,
    text_option,
)
from gitreg.flavors.saving.folders import save_folder
from gitreg.flavors.saving.pickles import install_again
from gitreg.flavors.saving.requirements import installed_version
from gitreg.flavors.spark.files import check_spark_files, classes_in
from gitreg.flavors.spark.predict import predictor_of
from gitreg.flavors.spark.session import connected, has_ended, said
from gitreg.format.mlmodel import NAME as MLMODEL
from gitreg.format.mlmodel import parse_mlmodel
from gitreg.format.names import is_payload_name

NAME = "spark"
DISTRIBUTIONS = ("pyspark",)

_FOLDER = "sparkml"
_PIPELINE = "pyspark.ml.pipeline.PipelineModel"
_CONNECT = "pyspark.ml.connect."


def detect(model: object) -> bool:
    return _is_transformer(model) or _is_connect(model)


def _is_transformer(model: object) -> bool:
    return has_base(model, "pyspark.ml.base", "Transformer")


def _is_connect(model: object) -> bool:
    return any(kind.__module__.startswith(_CONNECT) for kind in type(model).__mro__)


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Let Spark write the model into sparkml/, one that is no pipeline as the only stage of one.

    `dfs_tmpdir` is a folder that all of Spark's machines see, for a cluster: the model is written there, and brought
    from there.
    """
    take_options(options, ("dfs_tmpdir",), NAME)
    if _is_connect(model):
        raise Unsupported("models of pyspark.ml.connect are not saved", "pyspark.ml has the same kinds")
    if not _is_transformer(model):
        is_estimator = has_base(model, "pyspark.ml.base", "Estimator")
        hint = "pass what its fit(...) gives" if is_estimator else "leave out flavor='spark'"
        raise Refused(f"a {type(model).__qualname__} is no model or transformer of Spark ML", hint)
    if not has_base(model, "pyspark.ml.util", "MLWritable"):
        raise Refused(f"a {type(model).__qualname__} cannot be written", "add pyspark.ml.util.DefaultParamsWritable")
    framework("pyspark.ml", "pyspark")
    from pyspark.ml import PipelineModel

    pipeline = model if isinstance(model, PipelineModel) else PipelineModel([model])
    shared = text_option(options, "dfs_tmpdir", "")
    foreign: frozenset[str] = frozenset()

    def write(folder: Path) -> None:
        nonlocal foreign
        with connected() as session, _plain_name(folder) as plain:
            _write(session, pipeline, folder, plain, shared)
        foreign = classes_in(folder)
        for kind in foreign:
            if kind.startswith("__main__."):
                message = f"{kind.removeprefix('__main__.')} is a class that no other program can import"
                raise Refused(message, "put it into a module of code_paths")
        _keep_texts(folder, directory.path / _FOLDER)

    written = save_folder(directory, _FOLDER, write)
    own = {"pyspark_version": loaded_version("pyspark"), "model_data": _FOLDER, "model_class": _PIPELINE}
    pyfunc = {"loader_module": "mlflow.spark", "data": _FOLDER}
    modules = frozenset(kind.rpartition(".")[0] for kind in foreign if not kind.startswith(("org.", "com.")))
    needs = ("pyspark", "numpy", "pandas", *(("pyarrow",) if installed_version("pyarrow") else ()))
    return Saved({NAME: own, "python_function": pyfunc}, modules, needs, written.size, written.files)


def _write(session: Any, pipeline: Any, folder: Path, plain: Path, shared: str) -> None:
    target = f"{shared.rstrip('/')}/gitreg-{uuid.uuid4().hex}" if shared else f"file://{plain}/model"
    try:
        pipeline.write().save(target)
        if shared:
            hadoop = session.sparkContext._jvm.org.apache.hadoop.fs
            source = hadoop.Path(target)
            system = source.getFileSystem(session.sparkContext._jsc.hadoopConfiguration())
            system.copyToLocalFile(True, source, hadoop.Path(f"file://{plain}/model"))
    except Exception as error:  # of py4j, of pyspark, and what a stage of the user's own raises
        if not _from_spark(error):
            raise
        raise Refused(f"the model cannot be written: {said(error)}") from error
    if not (folder / "model/metadata/_SUCCESS").is_file():
        message = "the machines of the cluster wrote the model to their own disks"
        raise Refused(message, "dfs_tmpdir='hdfs:///tmp' or another folder that all of them see")
    for part in sorted((folder / "model").iterdir()):
        part.rename(folder / part.name)
    shutil.rmtree(folder / "model")


def _keep_texts(folder: Path, target: Path) -> None:
    """Move what is no payload by its name into the model's directory: dozens of files of a few bytes."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and not is_payload_name(path.name)):
        place = target / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, place)


@contextlib.contextmanager
def _plain_name(folder: Path) -> Iterator[Path]:
    """Another name of `folder`, without characters that Spark takes for a pattern or an escape."""
    with tempfile.TemporaryDirectory(prefix="gitreg-spark-") as place:
        link = Path(place, "m")
        link.symlink_to(folder.resolve())
        yield link


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    """A PipelineModel, in the session of the program or in one of gitreg's own."""
    framework("pyspark.ml", "pyspark")
    if text_option(options, "model_class", _PIPELINE).startswith(_CONNECT):
        raise Unsupported("models of pyspark.ml.connect are not loaded", "mlflow.spark.load_model loads it")
    folder = inside(path, options.get("model_data") or options.get("data") or _FOLDER, "model_data")
    if not folder.is_dir():
        raise Damaged(f"{folder.name} is no folder of a Spark ML model")
    check_spark_files(folder, trust)
    from pyspark.ml import PipelineModel

    with connected():
        link = _kept_link(folder)
        try:
            return PipelineModel.load(f"file://{link}")
        except Exception as error:  # of py4j, of pyspark, and of the classes it names
            if has_ended():
                raise
            raise _unreadable(folder, options, error) from error


def _unreadable(folder: Path, options: Options, error: Exception) -> GitregError:
    saved_with, here = text_option(options, "pyspark_version", ""), loaded_version("pyspark")
    if isinstance(error, ImportError) or "ClassNotFoundException" in str(error):
        return Unsupported(f"{folder.name} needs a class that is not here: {said(error)}", install_again(folder))
    if _numbers(saved_with) > _numbers(here):
        message = f"{folder.name} was written by pyspark {saved_with}, and {here} does not read it"
        return Unsupported(message, install_again(folder))
    return Damaged(f"{folder.name} is no complete Spark ML model: {said(error)}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


_links: dict[str, Path] = {}


def _kept_link(folder: Path) -> Path:
    """As `_plain_name`, kept while the program runs: some models read their files when they are asked."""
    target = str(folder.resolve())
    if target not in _links or not _links[target].exists():
        place = tempfile.mkdtemp(prefix="gitreg-spark-")
        atexit.register(_drop, Path(place), os.getpid())
        _links[target] = Path(place, "m")
        _links[target].symlink_to(target)
    return _links[target]


def _drop(place: Path, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(place, ignore_errors=True)


def load_to_predict(path: Path, options: Options, trust: Sequence[str]) -> tuple[object, Predict]:
    model = load(path, options, trust)
    file = path / MLMODEL
    signature = parse_mlmodel(file.read_bytes()).signature if file.is_file() else None
    return model, predictor_of(model, signature, lambda: load(path, options, trust))


def predictor(native: object, options: Options) -> Predict:
    """The column `prediction` of what the model makes of a data frame, as a list."""
    return predictor_of(native, None)


def _from_spark(error: Exception) -> bool:
    return any(kind.__module__.partition(".")[0] in ("py4j", "pyspark") for kind in type(error).__mro__)
