"""A worker in another environment: what it is asked, what it may do meanwhile, and how it ends."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.flavors import save
from gitreg.flavors._base import PlainDirectory
from gitreg.registry.environments.apart import Elsewhere, Worker, open_worker
from gitreg.registry.environments.streams import predict_apart
from gitreg.registry.use.data.sources import Source
from testing.environments import Trained

JSON = "application/json"
Opened = Callable[[object], Worker]


@pytest.fixture
def opened(home: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """`opened(function)`: a worker, in the environment of the old scikit-learn, whose model is that function."""
    with contextlib.ExitStack() as closing:

        def open_one(model: object) -> Worker:
            # By value: there is no module of these tests in that environment.
            cloudpickle.register_pickle_by_value(sys.modules[__name__])
            closing.callback(cloudpickle.unregister_pickle_by_value, sys.modules[__name__])
            folder = home / "model"
            folder.mkdir()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                save(
                    model, PlainDirectory(folder), flavor="python_function", pip_requirements=["cloudpickle"],
                    artifact_path="model", run_id="r1", created="2026-11-22 13:37:00.123000", model_uuid="0" * 32,
                )  # fmt: skip
            worker = open_worker(folder, trained.environment.path, name="told@v1.0.0", version="told@v1.0.0")
            closing.callback(worker.close)
            return worker

        yield open_one


def asked(worker: Worker, data: object) -> Any:
    answer = worker.answer(JSON, json.dumps({"instances": data}).encode())
    assert answer.status == 200, answer
    return json.loads(answer.body)["predictions"]


def look_around(data: object) -> list[object]:
    modules = ["dvc", "git", "click", "fastapi", "tqdm", "pytest", "requests"]
    found = [name for name in modules if importlib.util.find_spec(name) is not None]
    imported = [name for name in ("dvc", "git", "click") if name in sys.modules]
    return [found, imported, sys.prefix, [path for path in sys.path if "gitreg" in Path(path).name]]


def test_it_needs_nothing_of_where_gitreg_is_installed(opened: Opened, trained: Trained) -> None:
    found, imported, prefix, leaked = asked(opened(look_around), [1])
    assert (found, imported, leaked) == ([], [], [])
    assert Path(prefix) == trained.environment.path
    listed = trained.environment.path.glob("lib/python*/site-packages/*.dist-info")
    names = {path.name.partition("-")[0].lower() for path in listed}
    assert not names & {"gitreg", "dvc", "click", "gitpython", "fastapi"}


def misbehave(data: Any) -> object:
    kind = data[0]
    print("printed " * 10_000)
    os.write(1, b"to the descriptor\n")
    os.system("echo from a process")
    if kind == "exits":
        os._exit(3)
    if kind == "dies":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "interrupts":
        raise KeyboardInterrupt
    if kind == "leaves":
        sys.exit(0)
    if kind == "reads":
        return [sys.stdin.read()]
    if kind == "raises":
        raise ValueError("no")
    return [os.getpid()]


def test_what_a_model_prints_is_no_answer(opened: Opened, capfd: pytest.CaptureFixture[str]) -> None:
    worker = opened(misbehave)
    first, second = asked(worker, ["fine"]), asked(worker, ["fine"])
    assert first == second != [os.getpid()]
    assert asked(worker, ["reads"]) == [""]
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("from a process") == said.err.count("to the descriptor") == 3


@pytest.mark.parametrize(("kind", "how"), [("exits", "with exit code 3"), ("dies", "by SIGSEGV")])
def test_one_that_ends_is_started_again(opened: Opened, kind: str, how: str) -> None:
    worker = opened(misbehave)
    [before] = asked(worker, ["fine"])
    with pytest.raises(Unsupported, match=f"the worker of told@v1.0.0 in its own environment ended {how}"):
        asked(worker, [kind])
    [after] = asked(worker, ["fine"])
    assert after != before
    assert worker.answer(JSON, b'{"instances": ["raises"]}').status == 500
    assert asked(worker, ["fine"]) == [after]


@pytest.mark.parametrize("kind", ["interrupts", "leaves"])
def test_a_model_that_would_end_the_program_fails(opened: Opened, kind: str) -> None:
    worker = opened(misbehave)
    [before] = asked(worker, ["fine"])
    with pytest.raises(Unsupported, match=r"failed in its own environment: (KeyboardInterrupt|SystemExit)"):
        asked(worker, [kind])
    assert asked(worker, ["fine"]) == [before]


def large(data: Any) -> list[str]:
    return ["x" * int(data[0])]


def test_answers_may_be_large_and_come_to_many_threads(opened: Opened) -> None:
    worker = opened(large)
    wrong: list[int] = []

    def ask(size: int) -> None:
        if len(asked(worker, [size])[0]) != size:
            wrong.append(size)

    threads = [threading.Thread(target=ask, args=(n * 1_000_000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(asked(worker, [30_000_000])[0]) == 30_000_000


def refuse(data: Any) -> object:
    return data


def test_errors_are_those_of_this_process(home: Path, trained: Trained, opened: Opened) -> None:
    worker = opened(refuse)
    with pytest.raises(
        Unsupported, match=r"told@v1\.0\.0 failed in its own environment: KeyError: 'nothing'"
    ) as caught:
        worker.ask({"op": "nothing"})
    assert isinstance(caught.value.__cause__, Elsewhere)
    assert "worker.py" in str(caught.value.__cause__)
    assert worker.answer("image/png", b"").status == 415
    assert worker.answer(JSON, b"{").status == 400
    (home / "model/MLmodel").write_text("flavors: [")
    with pytest.raises(Damaged, match="MLmodel of told"):
        open_worker(home / "model", trained.environment.path, name="told")
    with pytest.raises(Unsupported, match="does not run"):
        open_worker(home / "model", home, name="told")
    worker.close()
    with pytest.raises(Unsupported, match="is closed"):
        worker.answer(JSON, b"{}")


_PARENT = """
import sys
from pathlib import Path
from gitreg.registry.environments.apart import open_worker
worker = open_worker(Path(sys.argv[1]), Path(sys.argv[2]), name="told")
print(worker._process.pid, flush=True)
worker.answer("application/json", b'{"instances": [1]}')
"""


def wait_for_the_end(data: Any) -> object:
    threading.Event().wait()
    return []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_program_that_asked(
    home: Path, opened: Opened, trained: Trained, number: signal.Signals
) -> None:
    opened(wait_for_the_end)
    arguments = [sys.executable, "-c", _PARENT, str(home / "model"), str(trained.environment.path)]
    running = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert running.stdout
    pid = int(running.stdout.readline())
    watched = os.pidfd_open(pid)
    running.send_signal(number)
    running.wait()
    ended = select.poll()
    ended.register(watched, select.POLLIN)
    assert ended.poll(60_000)
    os.close(watched)


def test_params_that_no_frame_holds_are_refused(opened: Opened) -> None:
    with pytest.raises(Refused, match="the params hold"), Source("-") as source, open(os.devnull, "wb") as out:
        predict_apart(opened(refuse), source, out, "csv", params={"a": object()})
