"""Ask the real MLflow how it writes signatures, and which texts it reads.

    MLFLOW_PYTHON tests/format/signatures_from_mlflow.py > tests/format/signatures_mlflow.json

Runs in an environment that has MLflow and need not have gitreg. With texts as JSON on standard input and the
argument `read`, it prints what MLflow writes after reading each of them, or null where it refuses one.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature

warnings.filterwarnings("ignore")
logging.disable()

NESTED = [
    {"a": 1, "b": None, "c": [{"d": 1.5}, {"d": 1.5, "e": True}], "ü": {"z": "s"}},
    {"a": 2, "b": None, "c": [], "ü": {"z": "s", "y": [[1.0]]}},
]
PARAMS: dict[str, Any] = {
    "t": 0.5,
    "n": 3,
    "many": [1, 2],
    "s": "x",
    "flag": True,
    "f": np.float32(1.5),
    "when": np.datetime64("2024-01-02T03:04:05"),
    "o": {"a": 1, "b": [1]},
    "nan": float("nan"),
    "inf": float("inf"),
    "words": ["a", "é"],
}
TABLE = pd.DataFrame(
    {
        "day": pd.to_datetime(["2024-01-01"]),
        "list": [[1, 2]],
        "kind": pd.Categorical(["a"]),
        "short": np.array([1], dtype="int32"),
        "raw": [b"x"],
        "single": np.array([1], dtype="float32"),
        "yes": [True],
        "a b": ["text"],
    }
)
EXAMPLES: dict[str, dict[str, Any]] = {
    "table": {"model_input": TABLE, "model_output": np.zeros(2)},
    "numbered columns": {"model_input": pd.DataFrame(np.zeros((2, 2))), "model_output": pd.Series([1, 2])},
    "mixed labels": {"model_input": pd.DataFrame([[1, 2]], columns=["a", 1])},
    "a column without letters": {"model_input": pd.DataFrame({"": [2]})},
    "missing values": {"model_input": pd.DataFrame({"a": [1.0, None], "b": ["x", None]})},
    "tensor": {"model_input": np.zeros((3, 4), dtype="float32"), "model_output": np.array([b"a"])},
    "tensors": {"model_input": {"x": np.zeros((2, 28, 28)), "y": np.array(["a"])}},
    "nested": {"model_input": NESTED, "model_output": [1.0]},
    "params": {"model_input": ["text"], "model_output": ["text"], "params": PARAMS},
    "days": {"model_input": np.array(["2024-01-01"], dtype="datetime64[ns]")},
}

# Texts that no MLflow of today writes: what does it make of them?
TEXTS: dict[str, dict[str, str]] = {
    "no required": {"inputs": '[{"type":"long","name":"a"}]'},
    "no names": {"inputs": '[{"type":"long"},{"type":"string"}]'},
    "other order and spaces": {"inputs": '[{"required":false, "name":"a",  "type":"long"}]'},
    "tensor of other keys": {
        "inputs": '[{"tensor-spec":{"shape":[-1,4],"dtype":"float32"},"type":"tensor","name":"x"}]'
    },
    "escapes": {"inputs": '[{"type":"long","name":"\\u00fc","required":true}]'},
    "vector": {"inputs": '[{"type":"sparkml_vector","name":"v","required":true}]'},
    "map and any": {"inputs": '[{"type":"map","values":{"type":"any"},"name":"m","required":false}]'},
    "properties sorted": {
        "inputs": '[{"type":"object","properties":{"b":{"type":"long"},"a":{"type":"any","required":false}},'
        '"name":"o","required":true}]'
    },
    "deep": {
        "outputs": '[{"type":"array","items":{"type":"map","values":{"type":"array","items":{"type":"any"}}},'
        '"required":true}]'
    },
    "params with dtype": {"params": '[{"name":"a","dtype":"float","default":2,"shape":null}]'},
    "params without shape": {"params": '[{"name":"a","type":"double","default":1}]'},
    "param of a day": {"params": '[{"name":"a","type":"datetime","default":"2024-01-01","shape":null}]'},
    "param with null": {"params": '[{"name":"a","type":"long","default":null,"shape":null}]'},
    "params with nulls": {"params": '[{"name":"a","type":"long","default":[1,null],"shape":[-1]}]'},
    "param too large for its type": {"params": '[{"name":"a","type":"integer","default":99999999999,"shape":null}]'},
    "param of an object": {
        "params": '[{"name":"a","type":"object","properties":{"x":{"type":"long"}},"default":{"x":1},"shape":null}]'
    },
    "no params": {"inputs": '[{"type":"long","name":"a"}]', "params": "[]"},
    "nothing": {},
    "empty inputs": {"inputs": "[]"},
    "unknown type": {"inputs": '[{"type":"decimal","name":"a"}]'},
    "no type": {"inputs": '[{"name":"a"}]'},
    "unknown dtype": {"inputs": '[{"type":"tensor","tensor-spec":{"dtype":"?!","shape":[1]}}]'},
    "named and unnamed": {"inputs": '[{"type":"long","name":"a"},{"type":"long"}]'},
    "columns and tensors": {
        "inputs": '[{"type":"long"},{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[1]}}]'
    },
    "two unnamed tensors": {
        "inputs": '[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[1]}},'
        '{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[1]}}]'
    },
    "optional without a name": {"inputs": '[{"type":"long","required":false}]'},
    "object without properties": {"inputs": '[{"type":"object","properties":{},"name":"a"}]'},
    "array without items": {"inputs": '[{"type":"array","name":"a"}]'},
    "map without values": {"inputs": '[{"type":"map","name":"a"}]'},
    "param without default": {"params": '[{"name":"a","type":"long"}]'},
    "param without name": {"params": '[{"default":1,"type":"long"}]'},
    "param of bytes": {"params": '[{"name":"a","type":"binary","default":"x"}]'},
    "param of any": {"params": '[{"name":"a","type":"any","default":null}]'},
    "param of an array": {"params": '[{"name":"a","type":"array","items":{"type":"long"},"default":[1]}]'},
    "long given a float": {"params": '[{"name":"a","type":"long","default":1.0}]'},
    "long given a boolean": {"params": '[{"name":"a","type":"long","default":true}]'},
    "string given a number": {"params": '[{"name":"a","type":"string","default":1}]'},
    "list given a number": {"params": '[{"name":"a","type":"long","default":1,"shape":[-1]}]'},
    "list in a list": {"params": '[{"name":"a","type":"long","default":[[1]],"shape":[-1]}]'},
    "two dimensions": {"params": '[{"name":"a","type":"long","default":[[1]],"shape":[-1,-1]}]'},
    "object given null": {"params": '[{"name":"a","type":"object","properties":{"x":{"type":"long"}},"default":null}]'},
    "a param twice": {"params": '[{"name":"a","type":"long","default":1},{"name":"a","type":"long","default":1}]'},
    "no JSON": {"inputs": "inputs"},
    "no list": {"inputs": '{"type":"long"}'},
}


def read(texts: dict[str, str]) -> dict[str, str | None] | None:
    try:
        return dict(ModelSignature.from_dict(texts).to_dict())
    except Exception:
        return None


def record() -> dict[str, Any]:
    return {
        "written": {name: infer_signature(**example).to_dict() for name, example in EXAMPLES.items()},
        "read": {name: {"texts": texts, "rewritten": read(texts)} for name, texts in TEXTS.items()},
    }


if __name__ == "__main__":
    answer = [read(texts) for texts in json.load(sys.stdin)] if sys.argv[1:] == ["read"] else record()
    json.dump(answer, sys.stdout, indent=2, sort_keys=True)
    print()
