"""A model that is loaded in its own environment: the side of the program that asks."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gitreg.errors import Conflict, Damaged, GitregError, NotFound, Refused, Unreachable, Unsupported
from gitreg.registry.environments.frames import Ended, receive_frame, send_frame
from gitreg.registry.environments.kept import hold
from gitreg.registry.use.answering import Answer
from gitreg.stores.environments import python_of

_LOOK_EVERY = 1000  # milliseconds: a worker that ended while a process it started holds the connection open
_BOOTSTRAP = Path(__file__).with_name("_bootstrap.py")
_PATIENCE = 5.0  # seconds for a worker to end by itself
_KINDS: Mapping[str, type[GitregError]] = {
    kind.__name__: kind for kind in (GitregError, NotFound, Conflict, Damaged, Refused, Unreachable, Unsupported)
}
Heard = Callable[[Mapping[str, Any], bytes], bytes | None]
_ISOLATED = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


class Elsewhere(Exception):
    """Where in the worker an error comes from: its traceback there."""


class Worker:
    """A process in another environment that has loaded one model. Threads may share it: it answers one at a time.

    One that ends while it answers is started again with the next question.
    """

    def __init__(self, folder: Path, environment: Path, trust: Sequence[str], name: str, version: str | None) -> None:
        self._python = python_of(environment)
        self._load = {"op": "load", "folder": str(folder), "trust": list(trust), "name": name, "version": version}
        self._name = name
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._closed = False
        self._held = hold(environment)

    def answer(self, content_type: str, body: bytes) -> Answer:
        """The answer to one request, as `gitreg.registry.use.answering.answer` gives it there.

        Unsupported where the worker ended before it answered.
        """
        facts, content = self.ask({"op": "answer", "content_type": content_type}, body)
        return Answer(facts["status"], facts["content_type"], content)

    def ask(
        self, facts: Mapping[str, object], body: bytes = b"", heard: Heard = lambda said, content: None
    ) -> tuple[dict[str, Any], bytes]:
        """What the worker replies. Its errors are raised here as they were there.

        `heard` is called with what it says before that; what it returns is sent back.
        """
        with self._lock:
            if self._closed:
                raise Unsupported(f"the worker of {self._name} is closed")
            try:
                if self._process is None:
                    self._open()
                return self._exchange(facts, body, heard)
            except GitregError:
                raise
            except BaseException:  # Ctrl-C in the middle of a frame: what comes next could be anything
                self._stop(0)
                raise

    def open(self) -> None:
        """Start the process and load the model."""
        with self._lock:
            self._open()

    def _open(self) -> None:
        self._start()
        try:
            self._exchange(self._load)
        except BaseException:  # a model that cannot be loaded leaves no process behind
            self._stop(0)
            raise

    def close(self) -> None:
        """End the process; an answer that is on its way is waited for."""
        with self._lock:
            self._closed = True
            self._stop(_PATIENCE)
            if self._held is not None:
                os.close(self._held)
                self._held = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [str(self._python), "-I", str(_BOOTSTRAP), str(theirs.fileno())]
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=self._variables(),
                    start_new_session=True,  # Ctrl-C is for this program, which then ends the worker
                )  # fmt: skip
            except OSError as error:
                ours.close()
                raise Unsupported(
                    f"{self._python} does not run: {error.strerror}", "gitreg env create builds the environment anew"
                ) from error
        self._link = ours

    def _variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _ISOLATED}
        kept["PATH"] = os.pathsep.join(filter(None, (str(self._python.parent), kept.get("PATH"))))
        return kept

    def _exchange(
        self, facts: Mapping[str, object], body: bytes = b"", heard: Heard = lambda said, content: None
    ) -> tuple[dict[str, Any], bytes]:
        assert self._link
        try:
            send_frame(self._link, facts, body)
            while True:
                self._wait(self._link)
                said, content = receive_frame(self._link)
                if "then" not in said:
                    break
                reply = heard(said, content)
                if reply is not None:
                    send_frame(self._link, {}, reply)
        except Ended:
            raise self._ended() from None
        if "error" in said:
            raise self._error(said) from Elsewhere(said["trace"])
        return said, content

    def _wait(self, link: socket.socket) -> None:
        """Until there is something to read. Raises `Ended` where the worker is gone."""
        assert self._process
        ready = select.poll()  # select() takes no descriptor over 1023
        ready.register(link, select.POLLIN)
        while not ready.poll(_LOOK_EVERY):
            if self._process.poll() is not None and not ready.poll(0):
                raise Ended

    def _error(self, said: Mapping[str, Any]) -> GitregError:
        kind = _KINDS.get(said["kind"])
        if kind is not None:
            return kind(said["error"], said["hint"])
        return Unsupported(f"{self._name} failed in its own environment: {said['error']}")

    def _ended(self) -> Unsupported:
        process = self._process
        self._stop(1)
        code = process.returncode if process else None
        how = f"with exit code {code}" if code is None or code >= 0 else f"by {_signal(-code)}"
        return Unsupported(
            f"the worker of {self._name} in its own environment ended {how}", "what it printed before tells why"
        )

    def _stop(self, patience: float) -> None:
        process, link = self._process, self._link
        self._process = self._link = None
        if link is not None:
            link.close()  # the worker sees it, and ends
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # with what the model's code has started and left
        process.wait()


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def open_worker(
    folder: Path, environment: Path, trust: Sequence[str] = (), *, name: str = "", version: str | None = None
) -> Worker:
    """Load the verified model directory `folder` in the environment at `environment`, as `env create` makes them.

    `name` is what errors call the model. Errors of loading are raised as they are in this process. The folder must stay
    where it is while the worker is used.
    """
    worker = Worker(folder, environment, trust, name or folder.name, version)
    try:
        worker.open()
    except BaseException:
        worker.close()
        raise
    return worker
