"""Several processes that answer at one address: uvicorn starts them, and starts those again that end."""

from __future__ import annotations

import functools
import json
import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from gitreg import errors
from gitreg.errors import GitregError, Refused
from gitreg.serve._base import Served
from gitreg.serve.app import Server
from gitreg.serve.loading import fetch_model, read_folder
from gitreg.serve.making import configure, find, make_app
from gitreg.serve.metrics import FOLDER, forget_worker
from gitreg.serve.settings import Settings

_FAILED = "failed.json"
_PAUSE = 2.0  # seconds before a worker that could not begin is started again
_log = logging.getLogger("gitreg.serve")


def serve_together(settings: Settings, served: Served, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Serve with `settings.workers` processes until SIGTERM or Ctrl-C; `ready` is called once all of them answer.

    Raises what a worker raised that could not load the model.
    """
    with tempfile.TemporaryDirectory(prefix="gitreg-serve-") as folder:
        os.environ[FOLDER] = folder
        config = configure(settings, functools.partial(_begin, settings, served, Path(folder)))
        config.configure_logging()
        workers = _Workers(config, bound, ready)
        workers.run()
        if workers.failed:
            raise _told(Path(folder), settings)
        if workers.interrupted:
            raise KeyboardInterrupt


class _Workers(Multiprocess):
    """uvicorn's supervisor, which besides says when all workers listen, and lets the others be where one fails."""

    def __init__(self, config: Config, bound: socket.socket, ready: Callable[[], None]) -> None:
        super().__init__(config, [bound])
        self._ready: Callable[[], None] | None = ready
        self.failed = self.interrupted = False

    def keep_subprocess_alive(self) -> None:
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            # uvicorn asks them to answer, too: a model that keeps Python's lock for long would be killed.
            if not process.process.is_alive():
                self._replace(place, process)
        if (
            self._ready
            and not self.should_exit.is_set()
            and all(process.is_ready(timeout=1) for process in self.processes)
        ):
            self._ready()
            self._ready = None

    def _replace(self, place: int, process: Process) -> None:
        process.join()
        if process.pid is not None:
            forget_worker(process.pid)
        could_not_begin = process.exitcode == STARTUP_FAILURE
        if could_not_begin and self._ready:  # at the start; later the others are better than none
            self.failed = True
            self.should_exit.set()
            return
        _log.warning("a worker ended (%s); another one is started", process.exitcode)
        if could_not_begin:
            time.sleep(_PAUSE)
        self.processes[place] = Process(self.config, self.sockets)
        self.processes[place].start()

    def handle_int(self) -> None:
        self.interrupted = True
        super().handle_int()

    def terminate_all(self) -> None:
        for listening in self.sockets:  # else connections would be taken that nobody answers
            listening.close()
        super().terminate_all()


def _begin(settings: Settings, served: Served, folder: Path) -> Server:
    """The application of a worker, which ends with the process that started it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        return make_app(settings, _again(settings, served))
    except Exception as error:
        _tell(folder, error)
        raise SystemExit(STARTUP_FAILURE) from None


def _again(settings: Settings, served: Served) -> Served:
    """The same model, verified once more: this may be a worker that is started much later."""
    what = settings.what
    if what.folder is not None:
        return read_folder(what.folder, served.digest, what.name)
    if what.every is not None:
        return find(what)
    return fetch_model(replace(what, offline=True).place(), served.version or served.name)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _tell(folder: Path, error: Exception) -> None:
    known = isinstance(error, GitregError)
    if not known:
        _log.exception("a worker could not begin")
    said = {
        "kind": type(error).__name__ if known else "",
        "message": error.message if isinstance(error, GitregError) else f"{type(error).__name__}: {error}",
        "hint": error.hint if isinstance(error, GitregError) else "",
    }
    (folder / _FAILED).write_text(json.dumps(said))


def _told(folder: Path, settings: Settings) -> GitregError:
    try:
        said = json.loads((folder / _FAILED).read_bytes())
    except OSError:
        return Refused(f"no worker can listen at {settings.host}:{settings.port}", f"--port {settings.port + 1}")
    kind: type[GitregError] = getattr(errors, said["kind"], GitregError)
    return kind(said["message"], said["hint"])
