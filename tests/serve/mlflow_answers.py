"""What MLflow's scoring server answers. `python mlflow_answers.py JOBS`: prints a list of [status, body].

Runs in MLflow's environment. A job is [model directory, content type, body as latin-1].
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import mlflow.pyfunc
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server import invocations

warnings.simplefilter("ignore")
models = {}
answers = []
for folder, content_type, body in json.loads(Path(sys.argv[1]).read_bytes()):
    if folder not in models:
        models[folder] = mlflow.pyfunc.load_model(folder)
    model = models[folder]
    try:
        found = invocations(body.encode("latin-1"), content_type, model, model.metadata.get_input_schema())
        answers.append([found.status, found.response])
    except MlflowException as error:
        answers.append([error.get_http_status_code(), error.serialize_as_json()])
    except Exception as error:  # what becomes of it in the server: 500
        answers.append([500, repr(error)])
json.dump(answers, sys.stdout)
