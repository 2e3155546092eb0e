"""How a server ends, what its workers do, and why one does not begin."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import http.client
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitreg.format.sums import format_sums, make_sums, parse_sums
from serve.running import Running, Serve
from testing.commandline import gitreg as typed
from testing.commandline import program
from testing.models import write_model
from testing.serving import accepts


def order(server: Running, what: str, value: float = 0.0) -> Any:
    return server.predict({"dataframe_records": [{"order": what, "value": value}]})


def until(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait for it; whether it came."""
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


def in_progress(server: Running) -> int:
    told = server.ask("/metrics").body.decode()
    return int(float(told.split("\ngitreg_invocations_in_progress ")[1].split("\n")[0]))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_asked_is_answered_and_nothing_else(workers: int, directories: Path, serve: Serve) -> None:
    server = serve("--model-dir", directories / "obeying", "--workers", workers)
    idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    idle.request("GET", "/ping")
    assert idle.getresponse().read() == b"\n"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = [pool.submit(order, server, "wait", 2.0) for _ in range(3)]
        assert until(lambda: in_progress(server) == 3)
        assert server.ask("/ping").status == 200
        server.process.terminate()
        assert until(lambda: not accepts(server.port))
        assert [answer.result().predictions for answer in slow] == [[{"value": 2.0}]] * 3
    assert server.process.wait(timeout=20) == 0
    assert idle.sock is None or not idle.sock.recv(1)
    assert server.said().count("\n") == 1, server.said()


def test_what_takes_too_long_is_left(directories: Path, serve: Serve) -> None:
    server = serve("--model-dir", directories / "obeying", "--timeout", "1s")
    told = order(server, "wait", 300)
    assert (told.status, told.json) == (504, {"error_code": "DEADLINE_EXCEEDED", "message": "no answer within 1 s"})
    assert order(server, "echo", 3.0).predictions == [{"value": 3.0}]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
        slow.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
    assert server.end() == 0


def test_ctrl_c_with_workers(directories: Path, serve: Serve) -> None:
    server = serve("--model-dir", directories / "plain", "--workers", 2)
    os.killpg(server.process.pid, signal.SIGINT)
    assert server.process.wait(timeout=20) == 130
    assert "Traceback" not in server.said()


def pids(server: Running) -> set[int]:
    return {int(order(server, "pid").predictions[0]) for _ in range(40)}


def test_a_worker_that_is_killed_is_replaced_and_metrics_count_all(directories: Path, serve: Serve) -> None:
    server = serve("--model-dir", directories / "obeying", "--workers", 2)
    assert until(lambda: len(pids(server)) == 2)
    first = pids(server)
    asked = in_total(server)
    victim = min(first)
    os.kill(victim, signal.SIGKILL)

    def replaced() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):  # what was sent to the one that was killed
            found = pids(server)
            return len(found) == 2 and victim not in found
        return False

    assert until(replaced)
    assert in_total(server) > asked  # what the killed one counted is not lost
    told = server.ask("/metrics").body.decode()
    info = next(line for line in told.splitlines() if line.startswith("gitreg_model_info{"))
    assert until(lambda: " 2.0" in next(
        line for line in server.ask("/metrics").body.decode().splitlines() if line.startswith("gitreg_model_info{")
    )), info  # fmt: skip
    assert "a worker ended (-9); another one is started" in server.said()
    assert server.end() == 0


def in_total(server: Running) -> float:
    told = server.ask("/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in told.splitlines() if line.startswith("gitreg_invocations_total{"))


def test_workers_end_with_the_one_that_started_them(directories: Path, serve: Serve) -> None:
    server = serve("--model-dir", directories / "obeying", "--workers", 2)
    server.process.kill()
    server.process.wait()
    assert until(lambda: not accepts(server.port))


def test_each_request_is_a_line_with_v_until_ctrl_c(directories: Path, serve: Serve) -> None:
    server = serve("--model-dir", directories / "obeying", "-v")
    assert server.ask("/ping").status == 200
    assert server.predict({}).status == 400
    os.killpg(server.process.pid, signal.SIGINT)
    assert server.process.wait(timeout=20) == 130
    lines = [line.split(" - ")[1] for line in server.said().splitlines() if " - " in line]
    assert lines == ['"GET /ping HTTP/1.1" 200', '"POST /invocations HTTP/1.1" 400']
    assert "Traceback" not in server.said()


def test_an_address_that_somebody_has(iris: Running, directories: Path) -> None:
    said = typed("serve", "--model-dir", directories / "iris", "--port", str(iris.port))
    assert (said.code, said.out) == (128, "")
    assert said.err == (
        f"error: 127.0.0.1:{iris.port} cannot be listened at: Address already in use\nhint: --port {iris.port + 1}\n"
    )
    said = typed("serve", "--model-dir", directories / "iris", "--host", "no.such.host.invalid")
    assert (said.code, said.err.splitlines()[1]) == (128, "hint: --host 127.0.0.1, or 0.0.0.0 for all")
    said = typed("serve", "--model-dir", directories / "iris", "--host", "192.0.2.1")  # no machine has that one
    assert said.err.splitlines() == [
        "error: 192.0.2.1:5000 cannot be listened at: Cannot assign requested address",
        "hint: --host 127.0.0.1, or 0.0.0.0 for all",
    ]


def broken(folder: Path) -> Path:
    write_model(folder)
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    (folder / "SHA256SUMS").write_text(format_sums(make_sums(files)))
    return folder


def test_a_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    arguments = ("serve", "--model-dir", broken(tmp_path / "broken"), "--port", "0")
    for said in (typed(*arguments), program(*arguments, "--workers", "2")):
        assert said.code == 128
        assert said.err.startswith("error: model.pkl ")
        assert "Traceback" not in said.err


def test_a_directory_that_is_not_what_it_should_be(directories: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(directories / "iris", folder)
    digest = parse_sums((folder / "SHA256SUMS").read_bytes()).digest()
    wrong = "sha256:" + "0" * 64
    said = typed("serve", "--model-dir", folder, "--digest", wrong, "--port", "0")
    assert (said.code, said.err.splitlines()[0]) == (
        128, f"error: {folder} is another model: its digest is {digest}, not {wrong}"
    )  # fmt: skip
    (folder / "more.py").write_text("")
    said = typed("serve", "--model-dir", folder, "--port", "0")
    assert said.err == f"error: {folder / 'more.py'} is not listed in SHA256SUMS\nhint: remove it\n"
    (folder / "more.py").unlink()
    (folder / "model.pkl").write_bytes(b"other")
    said = typed("serve", "--model-dir", folder, "--digest", digest, "--port", "0")
    assert f"{folder / 'model.pkl'} is damaged: its sha256 is " in said.err
    (folder / "SHA256SUMS").unlink()
    assert "has no SHA256SUMS" in typed("serve", "--model-dir", folder, "--port", "0").err
    assert "is no model directory" in typed("serve", "--model-dir", tmp_path, "--port", "0").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "serve takes a REF or --model-dir DIR"),
        ("churn --model-dir x", "serve takes a REF or --model-dir DIR"),
        ("churn --digest sha256:0", "--digest is for --model-dir: a REF tells its own"),
        ("churn --name iris", "--name is for --model-dir: a REF tells its own"),
        ("--model-dir x --follow", "--follow takes a REF: a directory follows nothing"),
        ("churn --every 5s", "--every is for --follow"),
        ("churn --follow --every 0s", "--every is longer than 0s"),
        ("churn --timeout 0s", "--timeout is longer than 0s"),
        ("churn --max-body x", "--max-body is 'x', not a size as 64MiB"),
    ],
)
def test_options_that_do_not_fit(arguments: str, message: str) -> None:
    said = typed("serve", *arguments.split())
    assert (said.code, said.err.splitlines()[0]) == (2, f"error: {message}")


def test_without_the_extra(directories: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['uvicorn'] = None\n")
    said = program("serve", "--model-dir", directories / "iris", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (said.code, said.err) == (
        128, "error: serving needs uvicorn, which is not installed\nhint: pip install 'gitreg[serve]'\n"
    )  # fmt: skip
