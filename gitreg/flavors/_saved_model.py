"""TensorFlow's SavedModels: looked into before TensorFlow loads them.

A SavedModel is a program for TensorFlow. Loading one runs no Python, but TensorFlow has operations that read and write
files: those are refused by name. The list cannot be complete, and TensorFlow checks a graph less well than its own
compiler does: load models of people you trust.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.flavors._base import framework
from gitreg.flavors.saving.pickles import install_again

_FILE = "saved_model.pb"
_REFUSED = """
CreateSummaryDbWriter CreateSummaryFileWriter DatasetToTFRecord DatasetToTFRecordV2 DebugIdentity DebugIdentityV2
DebugIdentityV3 DistributedSave EagerPyFunc FixedLengthRecordDataset FixedLengthRecordDatasetV2 ImportEvent
LoadDataset MatchingFiles PyFunc PyFuncStateless ReadFile RpcCall SaveDataset SaveDatasetV2 SnapshotDataset
SnapshotDatasetV2 SummaryWriter TFRecordDataset TFRecordDatasetV2 TextLineDataset WholeFileReader WholeFileReaderV2
WriteFile
"""
_LARGEST = (1 << 31) - 1  # bytes: protobuf's limit


def read_saved_model(folder: Path, model: Path, trust: Sequence[str], tags: Sequence[str] | None = None) -> Any:
    """What TensorFlow loads from the SavedModel `folder` of the model directory `model`; `tags` choose its graph.

    Raises `Refused` where the graph has an operation that reads or writes files and is not trusted by its name
    ("tensorflow.ReadFile"), `Damaged` where TensorFlow cannot load it.
    """
    tf = framework("tensorflow", "tensorflow")
    graphs = _graphs(folder)
    found = {op for graph in graphs for op in _operations(graph)} & frozenset(_REFUSED.split())
    if wanted := sorted(op for op in found if f"tensorflow.{op}" not in trust):
        names = ", ".join(wanted)
        message = f"the SavedModel in {folder.name} reads or writes files or calls Python when it is asked: {names}"
        raise Refused(message, f"trust={[f'tensorflow.{op}' for op in wanted]}")
    try:
        return tf.saved_model.load(str(folder), **({} if tags is None else {"tags": list(tags)}))
    except Exception as error:  # TensorFlow's errors have no class in common but this one
        text = _said(error)
        if "Op type not registered" in text or "unknown op" in text.lower():
            raise Unsupported(
                f"{folder.name} needs what TensorFlow has not here: {text}", install_again(model / _FILE)
            ) from error
        raise Damaged(f"{folder.name} is no complete SavedModel: {text}") from error


def _graphs(folder: Path) -> list[Any]:
    file = folder / _FILE
    if not file.is_file():
        raise Damaged(f"{folder.name} is no SavedModel: it has no {_FILE}")
    if file.stat().st_size > _LARGEST:
        raise Damaged(f"{file.name} is longer than {_LARGEST} bytes")
    protos = framework("tensorflow.core.protobuf.saved_model_pb2", "tensorflow")
    message = framework("google.protobuf.message", "protobuf")
    try:
        held = protos.SavedModel.FromString(file.read_bytes())
    except (message.DecodeError, ValueError, RecursionError) as error:
        raise Damaged(f"{folder.name}/{file.name} is no SavedModel: {_said(error)}") from error
    if not held.meta_graphs:
        raise Damaged(f"{folder.name}/{file.name} holds no graph")
    return [meta.graph_def for meta in held.meta_graphs]


def _operations(graph: Any) -> Iterator[str]:
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            # A print goes to the terminal as a rule, and to a file where it says so.
            writes = node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:")
            yield "WriteFile" if writes else node.op


def _said(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
