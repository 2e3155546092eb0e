"""How an ONNX model is asked: a session of onnxruntime, what is fed to it and what comes back, as MLflow has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from gitreg.errors import Damaged, Refused, Unsupported, shown, warn
from gitreg.flavors._base import Options, Predict, framework
from gitreg.flavors._frames import Data, is_array, is_frame

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
CPU = "CPUExecutionProvider"

_THREADS = ("inter_op_num_threads", "intra_op_num_threads")
_MODES = {"SEQUENTIAL": "ORT_SEQUENTIAL", "PARALLEL": "ORT_PARALLEL"}
_LEVELS = (0, 1, 2, 99)
_EXTRA = "extra_session_config"
_NAMES_A_FILE = ("path", "file", "folder", "dir", "lib", "cache")


def check_session_options(options: object) -> dict[str, object]:
    """The option onnx_session_options, if MLflow takes it too. Raises `Refused`, naming what it does not take."""
    if not isinstance(options, Mapping):
        raise Refused(f"onnx_session_options is {shown(options)}, not a dict", "{'intra_op_num_threads': 1}")
    for key, value in options.items():
        if key in _THREADS:
            good = isinstance(value, int) and value >= 0
        elif key == "execution_mode":
            good = isinstance(value, str) and value.upper() in _MODES
        elif key == "graph_optimization_level":
            good = value in _LEVELS
        elif key == _EXTRA:
            good = isinstance(value, Mapping)
        else:
            known = (*_THREADS, "execution_mode", "graph_optimization_level", _EXTRA)
            raise Refused(f"onnx_session_options has no {key}", f"it has: {', '.join(known)}")
        if not good:
            raise Refused(f"onnx_session_options: {key} is {shown(value)}", _RULES.get(key, "a whole number"))
    return {str(key): value for key, value in options.items()}


_RULES = {
    "execution_mode": "sequential or parallel",
    "graph_optimization_level": "0, 1, 2 or 99",
    _EXTRA: "a dict of texts",
}


def open_session(model: Path | bytes, own: Options, trust: Sequence[str]) -> Any:
    """A session for the model in a file, or for its bytes, with the settings of MLmodel's entry `own`.

    Settings that name files or libraries lead out of the model: they are taken only where `trust` has their names.
    """
    runtime = framework("onnxruntime", "onnxruntime")
    settings = _settings(runtime, own.get("onnx_session_options"), trust)
    wanted = _providers(own.get("providers"), trust)
    there = set(runtime.get_available_providers())
    usable = [provider for provider in wanted if _name(provider) in there] or [CPU]
    source = str(model.resolve()) if isinstance(model, Path) else model
    called = model.name if isinstance(model, Path) else "the model"
    try:
        return runtime.InferenceSession(source, sess_options=settings, providers=usable)
    except Exception as error:  # each failure is a class of its own, known only once the runtime is loaded
        if usable == [CPU]:
            raise _failed(error, called) from error
        warn(f"onnxruntime cannot use {', '.join(map(_name, usable))}: {_said(error)}; it uses the CPU")
    try:
        return runtime.InferenceSession(source, sess_options=settings, providers=[CPU])
    except Exception as error:  # as above
        raise _failed(error, called) from error


def _failed(error: Exception, called: str) -> Damaged | Unsupported:
    if type(error).__name__ in ("NotImplemented", "EPFail"):
        return Unsupported(f"{called} cannot be run by the installed onnxruntime: {_said(error)}")
    return Damaged(f"{called} is no ONNX model that onnxruntime takes: {_said(error)}")


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _settings(runtime: Any, options: object, trust: Sequence[str]) -> Any:
    settings = runtime.SessionOptions()
    settings.log_severity_level = 3  # what fails is raised: it need not be printed too
    given = check_session_options(options or {})
    for name in _THREADS:
        if given.get(name):
            setattr(settings, name, given[name])
    if mode := given.get("execution_mode"):
        settings.execution_mode = getattr(runtime.ExecutionMode, _MODES[str(mode).upper()])
    if level := given.get("graph_optimization_level"):
        settings.graph_optimization_level = runtime.GraphOptimizationLevel(level)
    for key, value in cast(Mapping[object, object], given.get(_EXTRA) or {}).items():
        _refuse_files(f"{_EXTRA} {key}", {str(key): value}, str(key), trust)
        settings.add_session_config_entry(str(key), str(value))
    return settings


def _providers(given: object, trust: Sequence[str]) -> list[str | tuple[str, dict[str, str]]]:
    """The providers as onnxruntime takes them; a pair of name and options is a list in MLmodel."""
    entries = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
    found: list[str | tuple[str, dict[str, str]]] = []
    for entry in entries or PROVIDERS:
        if isinstance(entry, list | tuple) and len(entry) == 2 and isinstance(entry[1], Mapping):
            name, options = str(entry[0]), {str(key): str(value) for key, value in entry[1].items()}
            _refuse_files(f"the provider {name}", options, name, trust)
            found.append((name, options))
        elif isinstance(entry, str):
            found.append(entry)
    return found


def _name(provider: str | tuple[str, dict[str, str]]) -> str:
    return provider if isinstance(provider, str) else provider[0]


def _refuse_files(what: str, options: Mapping[str, object], name: str, trust: Sequence[str]) -> None:
    for key, value in options.items():
        leads = any(word in key.lower() for word in _NAMES_A_FILE) or any(sign in str(value) for sign in "/\\")
        if leads and name not in trust:
            raise Refused(f"{what} has {key}: {shown(value)}, which leads out of the model", f"trust=['{name}']")


def predictor_of(session: Any) -> Predict:
    """How a session predicts: a frame for a frame, and else a dict of arrays."""
    inputs = {entry.name: entry.type for entry in session.get_inputs()}
    outputs = [entry.name for entry in session.get_outputs()]

    def predict(data: object, params: Mapping[str, object] | None) -> object:
        found = session.run(outputs, _narrowed(_fed(data, list(inputs)), inputs))
        named = dict(zip(outputs, found, strict=True))
        return _frame(named) if is_frame(data) else named

    return predict


def _fed(data: object, names: list[str]) -> dict[str, Data]:
    if isinstance(data, dict):
        return dict(data)
    if is_array(data):
        if len(names) != 1:
            message = f"the model takes {len(names)} inputs, the data is one array"
            raise Refused(message, f"pass a dict of: {', '.join(names)}")
        return {names[0]: data}
    if not is_frame(data):
        raise Refused(f"an ONNX model takes no {type(data).__qualname__}", "pass a pandas frame, an array or a dict")
    frame = cast(Data, data)
    if len(names) == 1:
        return {names[0]: frame.to_numpy()}
    if missing := [name for name in names if name not in frame]:
        raise Refused(f"the data lacks {', '.join(missing)}", f"it has: {', '.join(map(str, frame.columns))}")
    return {name: frame[name].to_numpy() for name in names}


def _narrowed(fed: dict[str, Data], inputs: Mapping[str, str]) -> dict[str, Data]:
    """Doubles where the model takes floats come from JSON and CSV: they become floats, nothing else is changed."""
    return {
        name: value.astype("float32")
        if inputs.get(name) == "tensor(float)" and is_array(value) and value.dtype == "float64"
        else value
        for name, value in fed.items()
    }


def _frame(found: Mapping[str, object]) -> Data:
    numpy, pandas = framework("numpy", "numpy"), framework("pandas", "pandas")
    columns = {name: numpy.asarray(value).reshape(-1) for name, value in found.items()}
    if len({len(column) for column in columns.values()}) > 1:
        sizes = ", ".join(f"{name}: {len(column)}" for name, column in columns.items())
        raise Refused(f"the outputs are no table, they hold different numbers of values ({sizes})", "data.to_numpy()")
    return pandas.DataFrame(columns)
