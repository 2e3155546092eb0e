"""`gitreg serve` beside `mlflow models serve --env-manager local`: the same model, requests and client.

A small decision tree of scikit-learn, logged once; MLflow serves the folder that `gitreg pull` gives. The client is a
process of its own. It keeps its connections and sends the next request on each when the last is answered. Both
servers are as they are installed and started: gitreg's extra brings uvloop and httptools, MLflow brings neither and
writes a line for each request, here to a file. Every answer is compared; both servers must give the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from measure import Row, Warm, at_least, at_most, gitreg_command, in_turns, tool
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import gitreg

_PEER = "`mlflow models serve`"
_TWICE, _HALF = at_least(2, "2x"), at_most(0.5, "half")


def measure(place: Path, quick: bool) -> list[Row]:
    """Requests a second and how long one takes, by workers, rows of a request and connections."""
    x, y = load_iris(return_X_y=True, as_frame=True)
    subprocess.run([*gitreg_command(), "init", "registry"], cwd=place, check=True, capture_output=True)
    with gitreg.start_run(registry=place / "registry"):
        tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(x, y)
        gitreg.log_model(tree, input_example=x[:3], register_as="iris")
    folder = gitreg.pull("iris@v1.0.0", place / "folder", registry=place / "registry")
    bodies = {count: json.dumps({"dataframe_split": x[:count].to_dict("split")}) for count in (1, 100)}
    rows: list[Row] = []
    for workers in (1, 2):
        with (
            _gitreg(place, workers) as ours,
            _mlflow(place, folder, workers) as theirs,
            Warm(sys.executable, "serving_client.py", cwd=place) as client,
        ):
            for count, body in bodies.items():
                for connections in (1, 8):
                    amounts = {"worker": workers, "row": count, "connection": connections}
                    what = ", ".join(f"{n} {one}" if n == 1 else f"{n} {one}s" for one, n in amounts.items())
                    settings = {"body": body, "connections": connections}
                    rows += _compare(what, client, {"gitreg": ours, "mlflow": theirs}, settings, quick)
    return rows


def _compare(what: str, client: Warm, ports: dict[str, int], settings: dict[str, object], quick: bool) -> list[Row]:
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in ports}

    def ask(name: str, seconds: float) -> float:
        told[name].append(client.ask(port=ports[name], seconds=seconds, **settings))
        return float(told[name][-1]["rate"])

    for name in ports:
        ask(name, 0.5 if quick else 2)
        told[name].clear()
    in_turns({name: lambda name=name: ask(name, 0.5 if quick else 3) for name in ports}, 2 if quick else 5)
    answers = {name: {once["answer"] for once in found} for name, found in told.items()}
    if len({json.dumps(json.loads(text)) for found in answers.values() for text in found}) > 1:
        sys.exit(f"the servers do not answer the same: {answers}")
    taken = {
        name: {key: median(once[key] for once in found) for key in ("rate", "p50", "p99")}
        for name, found in told.items()
    }
    ours, theirs = taken["gitreg"], taken["mlflow"]
    return [
        Row(f"/invocations, {what}", ours["rate"], _PEER, theirs["rate"], _TWICE, "requests/s"),
        Row(f"median of a request, {what}", ours["p50"], _PEER, theirs["p50"], _HALF),
        Row(f"99th percentile, {what}", ours["p99"], _PEER, theirs["p99"], _HALF),
    ]


def _gitreg(place: Path, workers: int) -> contextlib.AbstractContextManager[int]:
    command = [*gitreg_command(), "serve", "iris@v1.0.0", "--registry", str(place / "registry")]
    return _served([*command, "--workers", str(workers)], place / f"gitreg-{workers}.log")


def _mlflow(place: Path, folder: Path, workers: int) -> contextlib.AbstractContextManager[int]:
    program = Path(tool("MLFLOW")).with_name("mlflow")
    command = [str(program), "models", "serve", "-m", str(folder), "--env-manager", "local"]
    return _served([*command, "--workers", str(workers)], place / f"mlflow-{workers}.log")


@contextlib.contextmanager
def _served(command: list[str], log: Path) -> Iterator[int]:
    """The port of a server that answers. It and all that it started end with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    # mlflow starts the uvicorn that is installed beside it by name.
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "PATH": path}, start_new_session=True,
        )  # fmt: skip
    try:
        _await(server, port, log)
        yield port
    finally:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(20)


def _await(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=10):
            return
        time.sleep(0.2)
    sys.exit(f"{server.args} does not answer:\n{log.read_text(errors='replace')[-4000:]}")
