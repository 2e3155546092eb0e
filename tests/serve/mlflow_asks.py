"""MLflow's own client asks a server. `python mlflow_asks.py PORT ROWS`: prints what it heard.

Runs in MLflow's environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", int(sys.argv[1]))
frame = pd.DataFrame(json.loads(Path(sys.argv[2]).read_bytes()))
client.wait_server_ready(timeout=10)
client.ping()
heard = {
    "version": client.get_version(),
    "frame": client.invoke(frame).get_predictions().to_dict(orient="list"),
    "array": client.invoke(frame.to_numpy()).get_predictions().to_dict(orient="list"),
    "params": client.invoke(frame, params={"times": 2}).get_predictions().to_dict(orient="list"),
}
try:
    client.invoke(frame.iloc[:, 1:])
except Exception as error:  # the client's own error
    heard["refused"] = str(error)
json.dump(heard, sys.stdout)
