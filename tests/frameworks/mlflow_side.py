"""MLflow's side of the contract; runs with an interpreter that has MLflow and the frameworks, and no gitreg.

TABLE is the module of a table of models. `mlflow_side.py save TABLE FOLDER`: saves each of its models that MLflow has.
What it predicts, natively before it was saved and through pyfunc afterwards, goes to `FOLDER/wanted.pickle`:
{name: (data, native, pyfunc)}.

`mlflow_side.py load TABLE JOBS`: JOBS is a pickle of {name: (folder, data)}; what MLflow predicts with each of these
directories goes to the same file: {name: (native, pyfunc)}.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import pickle
import sys
import warnings
from pathlib import Path

assert importlib.util.find_spec("gitreg") is None

sys.path.insert(0, str(Path(__file__).parents[1]))

import mlflow.pyfunc  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402

from flavors.asking import plain, rows  # noqa: E402

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

verb, table, where = sys.argv[1:]
kinds = importlib.import_module(table).MODELS
# What MLflow expects to be running before it loads a model: H2O, a Spark session.
getattr(importlib.import_module(table), "prepare", lambda: None)()


def through_pyfunc(folder, data):
    return plain(mlflow.pyfunc.load_model(str(folder)).predict(data))


done = {}
if verb == "save":
    for name, kind in kinds.items():
        if not kind.mlflow:
            continue
        model, data = kind.make()
        native = kind.ask(model, data)
        folder = Path(where, name)
        own = {"signature": infer_signature(rows(data, 3))} if kind.signed else {}
        module = importlib.import_module(f"mlflow.{kind.flavor}")
        module.save_model(model, str(folder), pip_requirements=[kind.flavor], **own, **kind.options)
        done[name] = (data, native, through_pyfunc(folder, data))
    Path(where, "wanted.pickle").write_bytes(pickle.dumps(done))
else:
    for name, (folder, data) in pickle.loads(Path(where).read_bytes()).items():
        native = importlib.import_module(f"mlflow.{kinds[name].flavor}").load_model(str(folder))
        done[name] = (kinds[name].ask(native, data), through_pyfunc(folder, data))
    Path(where).write_bytes(pickle.dumps(done))
