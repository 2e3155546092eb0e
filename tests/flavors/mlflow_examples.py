"""Prints what MLflow makes of example_data.py, as JSON; run with an interpreter that has MLflow.

`python mlflow_examples.py > mlflow_examples.json` records the table that the tests compare with.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings

import example_data
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.models.utils import _enforce_schema, _Example
from mlflow.types.schema import Schema

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


def signature(**parts):
    try:
        return infer_signature(**parts).to_dict()
    except (MlflowException, TypeError, ValueError):
        return "refused"


def example(data):
    try:
        found = _Example(data)
        return {"info": found.info, "example": found.json_input_example, "serving": found.json_serving_input}
    except (MlflowException, TypeError, ValueError, AttributeError, RecursionError):
        return "refused"


def enforced(schema, data):
    try:
        return example_data.described(_enforce_schema(data, Schema.from_json(json.dumps(schema))))
    except (MlflowException, TypeError, ValueError, KeyError):
        return "refused"


table = {
    "inputs": {name: signature(model_input=make()) for name, make in example_data.INPUTS.items()},
    "params": {name: signature(model_input=[1], params=make()) for name, make in example_data.PARAMS.items()},
    "examples": {name: example(make()) for name, make in example_data.EXAMPLES.items()},
    "enforced": {name: enforced(schema, make()) for name, (schema, make) in example_data.ENFORCED.items()},
}
json.dump(table, sys.stdout, indent=1, sort_keys=True, ensure_ascii=True)
print()
