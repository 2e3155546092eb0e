"""ONNX: the graph natively, and a session of onnxruntime to predict; large tensors lie in a file of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from gitreg.errors import Damaged, Refused
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
)
from gitreg.flavors.onnx.files import check_files
from gitreg.flavors.onnx.session import PROVIDERS, check_session_options, open_session, predictor_of

NAME = "onnx"
DISTRIBUTIONS = ("onnx", "onnxruntime")

_FILE = "model.onnx"
_TENSORS = "model.onnx.data"
_OPTIONS = ("onnx_execution_providers", "onnx_session_options", "save_as_external_data")
_LARGE = 1024  # bytes: onnx's own limit, from which on a tensor is kept outside
_ALIGNED = 4096  # so that the file can be mapped to memory
_LARGEST = 2**31 - 1  # bytes: protobuf's limit


def detect(model: object) -> bool:
    return has_base(model, "onnx.onnx_ml_pb2", "ModelProto")


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Write the graph to model.onnx and the tensors of a KiB or more to model.onnx.data beside it.

    `save_as_external_data=False` keeps the tensors in the graph. `onnx_execution_providers` and `onnx_session_options`
    are what onnxruntime is given where the model predicts. The model itself is not changed.
    """
    take_options(options, _OPTIONS, NAME)
    if not detect(model):
        raise Refused(f"a {type(model).__qualname__} is no ONNX model", "leave out flavor='onnx'")
    providers = _providers(options.get("onnx_execution_providers"))
    session = options.get("onnx_session_options")
    own: dict[str, object] = {
        "onnx_version": loaded_version("onnx"),
        "data": _FILE,
        "providers": providers,
        **({} if session is None else {"onnx_session_options": check_session_options(session)}),
    }
    graph = _copy_of(model)
    size, beside = 0, tuple[str, ...]()
    if options.get("save_as_external_data", True) and any(map(_is_large, _initializers(graph))):
        with directory.create(_TENSORS) as file:
            size, beside = _move_out(graph, file), (_TENSORS,)
    if graph.ByteSize() > _LARGEST:
        message = f"the graph has {graph.ByteSize()} bytes, protobuf takes {_LARGEST}"
        raise Refused(message, "save_as_external_data=True")
    content = graph.SerializeToString(deterministic=True)
    with directory.create(_FILE) as file:
        file.write(content)
    pyfunc = {"loader_module": "mlflow.onnx", "data": _FILE}
    needs = (*DISTRIBUTIONS, "numpy")
    return Saved({NAME: own, "python_function": pyfunc}, frozenset(), needs, size + len(content), beside)


def _providers(given: object) -> list[object]:
    if given is None:
        return list(PROVIDERS)
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise Refused("onnx_execution_providers is no list of names", f"onnx_execution_providers=['{PROVIDERS[-1]}']")
    return [list(entry) if isinstance(entry, tuple) else entry for entry in given]


def _copy_of(model: object) -> Any:
    """A copy to work on, of a model that is whole and valid. Raises `Refused`."""
    onnx = framework("onnx", "onnx")
    graph: Any = onnx.ModelProto()
    graph.CopyFrom(model)
    for tensor in _initializers(graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            message = f"the tensor {tensor.name} lies in a file that is not loaded"
            raise Refused(message, "model = onnx.load(path) loads it")
    if graph.ByteSize() <= _LARGEST:
        try:
            onnx.checker.check_model(graph)
        except onnx.checker.ValidationError as error:
            raise Refused(f"the model is not valid: {_first_line(error)}") from error
    return graph


def _initializers(part: Any) -> Iterator[Any]:
    """The tensors of a model, or of a graph, and of all graphs in it."""
    graph = part.graph if hasattr(part, "graph") else part
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ((attribute.g,) if attribute.HasField("g") else ()) + tuple(attribute.graphs):
                yield from _initializers(inner)


def _is_large(tensor: Any) -> bool:
    return bool(tensor.HasField("raw_data")) and len(tensor.raw_data) >= _LARGE


def _move_out(graph: Any, file: BinaryIO) -> int:
    """Write the large tensors to `file` and leave their places in the graph; the size of the file."""
    at = 0
    for tensor in filter(_is_large, _initializers(graph)):
        gap = -at % _ALIGNED
        file.write(b"\0" * gap)
        content = tensor.raw_data
        file.write(content)
        at += gap
        tensor.ClearField("raw_data")
        tensor.data_location = framework("onnx", "onnx").TensorProto.EXTERNAL
        for key, value in (("location", _TENSORS), ("offset", at), ("length", len(content))):
            tensor.external_data.add(key=key, value=str(value))
        at += len(content)
    return at


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    onnx = framework("onnx", "onnx")
    file = _checked(path, options)
    try:
        onnx.checker.check_model(str(file.resolve()))
        return onnx.load(str(file.resolve()), format="protobuf")
    except Exception as error:  # onnx, protobuf and the system each have classes of their own for what is wrong
        raise Damaged(f"{file.name} is no valid ONNX model: {_first_line(error)}") from error


def load_to_predict(path: Path, options: Options, trust: Sequence[str]) -> tuple[object, Predict]:
    """A session, straight from the files: the graph is not loaded a second time."""
    framework("onnxruntime", "onnxruntime")
    session = open_session(_checked(path, options), options, trust)
    return session, predictor_of(session)


def _checked(path: Path, options: Options) -> Path:
    file = inside(path, options.get("data"), "data")
    check_files(path, file)
    return file


def predictor(native: object, options: Options) -> Predict:
    session = native if not detect(native) else open_session(cast(Any, native).SerializeToString(), {}, ())
    return predictor_of(session)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
