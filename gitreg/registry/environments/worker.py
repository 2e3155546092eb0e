"""The worker: it runs in a model's own environment, loads the model from a verified folder, and answers.

It imports nothing but what loading and predicting need. What the model's code prints goes to stderr: the connection
is a descriptor of its own. It ends when the program that started it does.
"""

from __future__ import annotations

import io
import os
import queue
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from gitreg.errors import Damaged, GitregError
from gitreg.flavors import load_pyfunc
from gitreg.flavors.pyfunc import PyFunc
from gitreg.format.mlmodel import parse_mlmodel
from gitreg.registry.environments.frames import Asked, Ended, Talk, receive_frame, send_frame
from gitreg.registry.use.answering import answer

_MODEL_FILE = "MLmodel"
_LONGEST = 300

Facts = Mapping[str, Any]
Reply = tuple[dict[str, object], bytes]


def work(fd: int) -> None:
    """Answer what is asked on the descriptor until the other side is gone."""
    os.set_inheritable(fd, False)
    link = socket.socket(fileno=fd)
    _turn_away_from_the_terminal()
    warnings.showwarning = _show_warning
    asked: Asked = queue.SimpleQueue()
    busy = threading.Event()
    talk = Talk(link, asked)
    threading.Thread(target=_listen, args=(link, asked, busy), daemon=True).start()
    model: PyFunc | None = None
    while (request := asked.get()) is not None:
        facts, body = request
        try:
            if facts["op"] == "load":
                model = _load(facts)
                reply: Reply = ({}, b"")
            else:
                assert model is not None
                reply = _OPERATIONS[facts["op"]](model, facts, body, talk)
        except BaseException as error:  # the model's code raises what it likes, sys.exit() too: it is told
            reply = (_told(error), b"")
        busy.clear()  # before the answer: the next request may come as soon as that is read
        try:
            send_frame(link, *reply)
        except Ended:
            return


def _turn_away_from_the_terminal() -> None:
    """Nothing to read on stdin; what is printed goes to stderr."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a worker that is killed has printed what it printed


def _listen(link: socket.socket, asked: Asked, busy: threading.Event) -> None:
    try:
        while True:
            request = receive_frame(link)
            busy.set()
            asked.put(request)
    except Ended:
        if not busy.is_set():
            asked.put(None)
        elif os.getpgrp() == os.getpid():  # nobody waits for the answer, nor for what the model's code has started
            os.killpg(0, signal.SIGKILL)
        else:
            os._exit(1)


def _load(facts: Facts) -> PyFunc:
    folder = Path(facts["folder"])
    try:
        text = (folder / _MODEL_FILE).read_bytes()
    except FileNotFoundError:
        raise Damaged(f"{facts['name']} has no {_MODEL_FILE}") from None
    mlmodel = parse_mlmodel(text, f"{_MODEL_FILE} of {facts['name']}")
    return load_pyfunc(folder, mlmodel, trust=facts["trust"], name=facts["name"], version=facts["version"])


def _answer(model: PyFunc, facts: Facts, body: bytes, talk: Talk) -> Reply:
    found = answer(model, facts["content_type"], body)
    return {"status": found.status, "content_type": found.content_type}, found.body


def _predict(model: PyFunc, facts: Facts, body: bytes, talk: Talk) -> Reply:
    from gitreg.registry.environments.streams import predict_over

    return {"rows": predict_over(model, facts, talk)}, b""


_OPERATIONS: Mapping[str, Callable[[PyFunc, Facts, bytes, Talk], Reply]] = {"answer": _answer, "predict": _predict}


def _told(error: BaseException) -> dict[str, object]:
    """An error as the other side raises it again; `kind` is "" where it is none of gitreg's."""
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, GitregError):
        kind = next(c.__name__ for c in type(error).__mro__ if c.__module__ == GitregError.__module__)
        return {"error": error.message, "hint": error.hint, "kind": kind, "trace": trace}
    said = " ".join(f"{type(error).__name__}: {error}".removesuffix(": ").split())
    return {"error": said[:_LONGEST], "hint": "", "kind": "", "trace": trace}


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    sys.stderr.write(f"warning: {str(message).strip()}\n")
