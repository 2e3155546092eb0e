"""Small fitted models of XGBoost, LightGBM and ONNX, with data of every type they take.

Each function gives the model and 100 rows for it. Also read in MLflow's environment, which has no gitreg.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from onnx import TensorProto, helper, numpy_helper
from scipy.sparse import csr_matrix

ROWS = 100
SMALL = {"max_depth": 3, "nthread": 1, "seed": 0}
_TREES = {"n_estimators": 4, "n_jobs": 1, "random_state": 0}
_LEAVES = {**_TREES, "num_leaves": 4, "min_child_samples": 2, "verbose": -1}


def measured() -> pd.DataFrame:
    """Numbers of each type, the fractions with missing values."""
    chance = np.random.default_rng(3)
    whole = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
    table = pd.DataFrame({kind: chance.integers(0, 100, ROWS).astype(kind) for kind in whole})
    for kind in ("float32", "float64"):
        table[kind] = chance.normal(size=ROWS).astype(kind)
        table.loc[chance.random(ROWS) < 0.2, kind] = np.nan
    table["bool"] = chance.random(ROWS) < 0.5
    return table


def masked() -> pd.DataFrame:
    """Numbers of pandas' own types with missing values in all of them, and categories."""
    chance = np.random.default_rng(4)
    table = pd.DataFrame({"Int32": pd.array(chance.integers(0, 9, ROWS), "Int32")})
    table["Float64"] = pd.array(chance.normal(size=ROWS), "Float64")
    table["boolean"] = pd.array(chance.random(ROWS) < 0.5, "boolean")
    table["category"] = pd.Categorical(chance.choice(["basic", "plus", "pro"], ROWS))
    for name in table:
        table.loc[chance.random(ROWS) < 0.2, name] = None
    return table


def target(table: pd.DataFrame) -> Any:
    """What the models learn: some of the rows."""
    first = table.iloc[:, 0].astype("Float64").fillna(0)
    return (first > first.median()).astype(int).to_numpy()


def labels(table: pd.DataFrame) -> Any:
    """One of three texts to each row."""
    return np.array(["basic", "plus", "pro"])[np.arange(len(table)) % 3]


def xgb_booster() -> tuple[Any, Any]:
    x = measured()
    return xgboost.train(SMALL, xgboost.DMatrix(x, target(x)), 4), x


def xgb_sparse() -> tuple[Any, Any]:
    x, y = measured(), target(measured())
    sparse = csr_matrix(x.fillna(0).to_numpy("float32"))
    return xgboost.train(SMALL, xgboost.DMatrix(sparse, y), 4), sparse


def xgb_stopped_early() -> tuple[Any, Any]:
    x = measured().to_numpy("float64")
    data = xgboost.DMatrix(x, target(measured()))
    seen = [(xgboost.DMatrix(x, 1 - target(measured())), "other")]
    quiet = {"evals": seen, "early_stopping_rounds": 1, "verbose_eval": False}
    return xgboost.train({**SMALL, "objective": "binary:logistic"}, data, 6, **quiet), x


def xgb_classifier() -> tuple[Any, Any]:
    x = measured()
    return xgboost.XGBClassifier(max_depth=3, **_TREES).fit(x, np.arange(ROWS) % 3), x


def xgb_regressor() -> tuple[Any, Any]:
    x = masked()
    return xgboost.XGBRegressor(max_depth=3, enable_categorical=True, **_TREES).fit(x, np.arange(ROWS) / 3), x


def xgb_ranker() -> tuple[Any, Any]:
    x = measured().to_numpy("float32")
    return xgboost.XGBRanker(max_depth=2, **_TREES).fit(x, target(measured()), qid=np.arange(ROWS) // 10), x


def lgb_booster() -> tuple[Any, Any]:
    x = measured()
    settings = {"num_leaves": 4, "num_threads": 1, "min_data_in_leaf": 2, "verbose": -1, "deterministic": True}
    return lightgbm.train({**settings, "objective": "binary"}, lightgbm.Dataset(x, target(x)), 4), x


def lgb_categories() -> tuple[Any, Any]:
    x = masked()[["Int32", "Float64", "category"]]
    settings = {"num_leaves": 4, "num_threads": 1, "min_data_in_leaf": 2, "verbose": -1, "deterministic": True}
    settings |= {"min_data_per_group": 2, "cat_smooth": 1}
    y = (x["category"] == "pro").to_numpy().astype(int)
    return lightgbm.train({**settings, "objective": "binary"}, lightgbm.Dataset(x, y), 4), x


def xgb_categories() -> tuple[Any, Any]:
    x = masked()[["Float64", "category"]].astype({"Float64": "float64"})
    return xgboost.XGBClassifier(max_depth=3, enable_categorical=True, **_TREES).fit(x, np.arange(ROWS) % 2), x


def lgb_classifier() -> tuple[Any, Any]:
    x = measured()
    return lightgbm.LGBMClassifier(**_LEAVES).fit(x, labels(x)), x


def lgb_regressor() -> tuple[Any, Any]:
    x = measured().to_numpy("float64")
    return lightgbm.LGBMRegressor(**_LEAVES).fit(x, np.arange(ROWS)), x


def onnx_graph(nodes: Any, inputs: Any, outputs: Any, constants: Any = ()) -> Any:
    """A model of `nodes`; inputs and outputs are (name, type, shape)."""
    entries = [[helper.make_tensor_value_info(*entry) for entry in side] for side in (inputs, outputs)]
    found = helper.make_graph(nodes, "graph", *entries, list(constants))
    return helper.make_model(found, opset_imports=[helper.make_opsetid("", 21)], ir_version=10, producer_name="tests")


def onnx_linear() -> tuple[Any, Any]:
    """One input, one output to a row, and a tensor too large for the graph."""
    weights = np.random.default_rng(5).normal(size=(300, 1)).astype("float32")
    model = onnx_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [("x", TensorProto.FLOAT, [None, 300])],
        [("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(weights, "w")],
    )
    return model, np.random.default_rng(6).normal(size=(ROWS, 300)).astype("float32")


def onnx_of_a_frame() -> tuple[Any, Any]:
    """The same, asked with a frame of doubles, as pandas has them."""
    model, x = onnx_linear()
    return model, pd.DataFrame(x.astype("float64"), columns=[f"c{number}" for number in range(x.shape[1])])


def onnx_columns() -> tuple[Any, Any]:
    """Each column of a frame an input of its own."""
    model = onnx_graph(
        [helper.make_node("Cast", ["i"], ["f"], to=TensorProto.DOUBLE), helper.make_node("Mul", ["f", "d"], ["y"])],
        [("i", TensorProto.INT64, [None]), ("d", TensorProto.DOUBLE, [None])],
        [("y", TensorProto.DOUBLE, [None])],
    )
    return model, pd.DataFrame({"d": np.arange(ROWS) / 7, "i": np.arange(ROWS), "more": 1.0})


_TYPES = {
    "bool": TensorProto.BOOL,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "str": TensorProto.STRING,
}


def onnx_every_type() -> tuple[Any, Any]:
    """Tensors of each type go in and come out; of the fractions, which of them are missing."""
    nodes, outputs = [], []
    for name, kind in _TYPES.items():
        missing = name.startswith("float")
        nodes.append(helper.make_node("IsNaN" if missing else "Identity", [name], [f"out_{name}"]))
        outputs.append((f"out_{name}", TensorProto.BOOL if missing else kind, [None, 2]))
    model = onnx_graph(nodes, [(name, kind, [None, 2]) for name, kind in _TYPES.items()], outputs)
    numbers = np.arange(2 * ROWS).reshape(ROWS, 2) % 100
    data = {name: numbers.astype(name) for name in _TYPES}
    for name in ("float16", "float32", "float64"):
        data[name][::7] = np.nan
    return model, data


def onnx_of_sklearn() -> tuple[Any, Any]:
    """A classifier of scikit-learn: labels, and for each row a dict of probabilities."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    x = np.random.default_rng(8).normal(size=(ROWS, 3)).astype("float32")
    fitted = LogisticRegression().fit(x, np.array(["no", "yes"])[(x[:, 0] > 0).astype(int)])
    return to_onnx(fitted, x[:1], target_opset=17), pd.DataFrame(x, columns=list("abc"))


def onnx_with_a_branch() -> tuple[Any, Any]:
    """A graph in a graph, with a large tensor in it."""
    large = numpy_helper.from_array(np.arange(300, dtype="float32").reshape(1, 300), "large")
    out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [None, 300])]
    then = helper.make_graph([helper.make_node("Add", ["x", "large"], ["z"])], "then", [], out, [large])
    other = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "else", [], out)
    model = onnx_graph(
        [
            helper.make_node("ReduceMin", ["x"], ["least"], keepdims=0),
            helper.make_node("Less", ["least", "zero"], ["negative"]),
            helper.make_node("If", ["negative"], ["y"], then_branch=then, else_branch=other),
        ],
        [("x", TensorProto.FLOAT, [None, 300])],
        [("y", TensorProto.FLOAT, [None, 300])],
        [numpy_helper.from_array(np.float32(0), "zero")],
    )
    return model, np.full((ROWS, 300), -1, dtype="float32")


Make = Callable[[], tuple[Any, Any]]

# Name -> flavor, model and rows, options that MLflow and gitreg take alike, how the native model is asked.
MODELS: dict[str, tuple[str, Make, dict[str, Any], str]] = {
    "xgb booster": ("xgboost", xgb_booster, {}, "booster"),
    "xgb booster in json": ("xgboost", xgb_booster, {"model_format": "json"}, "booster"),
    "xgb of sparse rows": ("xgboost", xgb_sparse, {}, "booster"),
    "xgb stopped early": ("xgboost", xgb_stopped_early, {}, "booster"),
    "xgb classifier": ("xgboost", xgb_classifier, {}, "predict"),
    "xgb regressor": ("xgboost", xgb_regressor, {}, "predict"),
    "xgb categories": ("xgboost", xgb_categories, {}, "predict"),
    "xgb ranker": ("xgboost", xgb_ranker, {"model_format": "json"}, "predict"),
    "lgb booster": ("lightgbm", lgb_booster, {}, "predict"),
    "lgb categories": ("lightgbm", lgb_categories, {}, "predict"),
    "lgb classifier": ("lightgbm", lgb_classifier, {"serialization_format": "cloudpickle"}, "predict"),
    "lgb pickle": ("lightgbm", lgb_regressor, {"serialization_format": "pickle"}, "predict"),
    "lgb skops": ("lightgbm", lgb_regressor, {"serialization_format": "skops"}, "predict"),
    "onnx": ("onnx", onnx_linear, {}, "graph"),
    "onnx in one file": ("onnx", onnx_linear, {"save_as_external_data": False}, "graph"),
    "onnx of a frame": ("onnx", onnx_of_a_frame, {"onnx_session_options": {"intra_op_num_threads": 1}}, "graph"),
    "onnx of columns": ("onnx", onnx_columns, {"onnx_execution_providers": ["CPUExecutionProvider"]}, "graph"),
    "onnx of every type": ("onnx", onnx_every_type, {}, "graph"),
    "onnx of scikit-learn": ("onnx", onnx_of_sklearn, {}, "graph"),
    "onnx with a branch": ("onnx", onnx_with_a_branch, {}, "graph"),
}

NO_SIGNATURE = frozenset({"xgb regressor", "xgb categories", "lgb categories"})
"""With a signature MLflow takes neither categories nor whole numbers with missing values; without one it takes both."""
