"""Makes the corpus mlflow-VERSION: model directories as that release of MLflow writes them.

`PYTHON tests/corpus/make_mlflow.py`, run once with the Python of each release; it has no gitreg. Text stays as it is,
what is not text becomes a payload with a pointer. expected.json tells what MLflow itself predicted for which rows.

The releases and what was beside them: requirements.json of each folder.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.models.signature import infer_signature

HERE = Path(__file__).parent
RELEASE = mlflow.__version__
MAJOR = int(RELEASE.partition(".")[0])
TARGET = HERE / f"mlflow-{RELEASE}"
PAYLOADS = (".pkl", ".xgb", ".ubj", ".json.gz", ".skops", ".pth", ".pt2", ".onnx", ".h5", ".keras", ".bin")
BESIDE = (
    *("cloudpickle", "keras", "lightgbm", "mlflow", "numpy", "onnx", "pandas", "scikit-learn", "skops"),
    *("tensorflow-cpu", "torch", "xgboost", "xgboost-cpu"),
)

LOADER = """\
import json


class Scaled:
    def __init__(self, factor):
        self.factor = factor

    def predict(self, data):
        return (data["a"] * self.factor).tolist()


def _load_pyfunc(path):
    with open(path) as file:
        return Scaled(json.load(file)["factor"])
"""


def frame() -> pd.DataFrame:
    """The rows that every model is asked for."""
    chance = np.random.RandomState(3)
    return pd.DataFrame({"a": chance.normal(size=20).round(3), "b": chance.normal(size=20).round(3)})


DATA = frame()
TARGETS = (DATA["a"] * 2 - DATA["b"]).round(3)


def sklearn(path: Path, **options: Any) -> None:
    import mlflow.sklearn
    from sklearn.linear_model import LinearRegression

    signature = infer_signature(DATA, TARGETS.to_numpy())
    model = LinearRegression().fit(DATA, TARGETS)
    mlflow.sklearn.save_model(model, str(path), signature=signature, input_example=DATA[:2], **options)


def loader(path: Path) -> None:
    code = path.with_name("own_loader.py")
    code.write_text(LOADER)
    data = path.with_name("factor.json")
    data.write_text('{"factor": 3}')
    own = {"code_path" if MAJOR == 1 else "code_paths": [str(code)]}
    mlflow.pyfunc.save_model(str(path), loader_module="own_loader", data_path=str(data), **own)
    code.unlink()
    data.unlink()


def xgboost(path: Path, **options: Any) -> None:
    import mlflow.xgboost
    import xgboost as xgb

    settings = {"max_depth": 2, "seed": 0, "nthread": 1}
    mlflow.xgboost.save_model(xgb.train(settings, xgb.DMatrix(DATA, TARGETS), 3), str(path), **options)


def lightgbm(path: Path) -> None:
    import lightgbm as lgb
    import mlflow.lightgbm

    settings = {"num_leaves": 3, "min_data_in_leaf": 2, "verbose": -1, "num_threads": 1}
    mlflow.lightgbm.save_model(lgb.train(settings, lgb.Dataset(DATA, TARGETS), 3), str(path))


def onnx(path: Path) -> None:
    import mlflow.onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    sides = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, k]) for n, k in (("x", 2), ("y", 1))]
    weights = numpy_helper.from_array(np.array([[2.0], [-1.0]], "float32"), "w")
    graph = helper.make_graph(nodes, "graph", sides[:1], sides[1:], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    mlflow.onnx.save_model(made, str(path))


def pytorch(path: Path, **options: Any) -> None:
    import mlflow.pytorch
    import torch

    torch.manual_seed(0)
    if MAJOR > 2:
        options["serialization_format"] = "pickle"
    mlflow.pytorch.save_model(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)),
                              str(path), **options)  # fmt: skip


def keras_model() -> Any:
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1)])


def keras_by_tensorflow(path: Path, **options: Any) -> None:
    import mlflow.tensorflow

    mlflow.tensorflow.save_model(keras_model(), str(path), **options)


def keras_by_keras(path: Path) -> None:
    import mlflow.keras

    mlflow.keras.save_model(keras_model(), str(path))


def module(path: Path) -> None:
    import mlflow.tensorflow
    import tensorflow as tf

    class Doubled(tf.Module):
        def __init__(self) -> None:
            self.factor = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float64)])
        def __call__(self, x: Any) -> Any:
            return tf.cast(x, tf.float32) * self.factor

    mlflow.tensorflow.save_model(Doubled(), str(path), signature=infer_signature(DATA.to_numpy()))


# Name -> the first and the last major release that has it, and what saves it.
KINDS: dict[str, tuple[int, int, Callable[[Path], None]]] = {
    "sklearn": (1, 3, lambda path: sklearn(path, serialization_format="cloudpickle")),
    "sklearn-pickle": (1, 3, lambda path: sklearn(path, serialization_format="pickle")),
    "sklearn-default": (3, 3, sklearn),
    "loader": (1, 3, loader),
    "xgboost": (1, 3, xgboost),
    "xgboost-json": (2, 3, lambda path: xgboost(path, model_format="json")),
    "lightgbm": (1, 3, lightgbm),
    "onnx": (2, 3, onnx),
    "pytorch": (1, 3, pytorch),
    "tensorflow-keras": (2, 3, keras_by_tensorflow),
    "tensorflow-module": (2, 3, module),
    "keras": (3, 3, keras_by_keras),
}


def main() -> None:
    """Write the folder of this release."""
    warnings.simplefilter("ignore")
    TARGET.mkdir()
    expected: dict[str, Any] = {}
    for name, (first, last, save) in KINDS.items():
        if not first <= MAJOR <= last:
            continue
        save(TARGET / name)
        model = mlflow.pyfunc.load_model(str(TARGET / name))
        array = name in {"tensorflow-module"}
        said = model.predict(DATA.to_numpy() if array else DATA.astype("float32") if needs_float32(name) else DATA)
        expected[name] = {
            "data": DATA.to_dict("list"),
            "dtype": dtype(name),
            "array": array,
            "predictions": plain(said),
        }
        keep(TARGET / name)
    (TARGET / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    beside = {name: version(name) for name in BESIDE if version(name)}
    (TARGET / "requirements.json").write_text(json.dumps({"python": sys.version.split()[0], **beside}, indent=1) + "\n")


def needs_float32(name: str) -> bool:
    return dtype(name) == "float32"


def dtype(name: str) -> str:
    """What the rows are turned into before the model is asked."""
    return "float32" if name.startswith(("onnx", "pytorch", "tensorflow-keras", "keras")) else "float64"


def version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def plain(found: Any) -> Any:
    """Predictions as JSON holds them."""
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items()}
    if hasattr(found, "to_dict"):
        return found.to_dict("list") if hasattr(found, "columns") else found.to_list()
    return np.asarray(found).tolist()


def keep(folder: Path) -> None:
    """Move what is not text into the payloads of the corpus, and leave pointers."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and path.name == "__pycache__":
            shutil.rmtree(path)
        if not path.is_file() or is_text(path):
            continue
        content = path.read_bytes()
        md5 = hashlib.md5(content).hexdigest()
        stored = HERE / "payloads/files/md5" / md5[:2] / md5[2:]
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(content)
        pointer = path.with_name(f"{path.name}.dvc")
        pointer.write_text(f'outs:\n- md5: {md5}\n  size: {len(content)}\n  hash: md5\n  path: "{path.name}"\n')
        path.unlink()


def is_text(path: Path) -> bool:
    if path.name.endswith(PAYLOADS):
        return False
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in path.read_bytes()


if __name__ == "__main__":
    main()
