"""The worker by itself, over a link of the test's own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

from gitreg.registry.environments.frames import receive_frame, send_frame

_PROGRAM = """
import queue, sys, threading
from gitreg.registry.environments import worker

came, real, queues = threading.Semaphore(0), worker.send_frame, queue.SimpleQueue

class Noted:
    def __init__(self):
        self.queue = queues()
        self.get = self.queue.get

    def put(self, request):
        self.queue.put(request)
        came.release()

def send(link, *reply):
    real(link, *reply)
    came.acquire(), came.acquire()  # until the request behind the one that is answered has come

worker.queue.SimpleQueue, worker.send_frame = Noted, send
worker._load = lambda facts: "a model"
worker._OPERATIONS = {"answer": lambda *request: (print("at work", file=sys.stderr), threading.Event().wait())}
worker.work(int(sys.argv[1]))
"""


def test_a_request_that_comes_before_the_last_answer_is_noted_is_work_too() -> None:
    ours, theirs = socket.socketpair()
    argv = [sys.executable, "-c", _PROGRAM, str(theirs.fileno())]
    with subprocess.Popen(
        argv, pass_fds=[theirs.fileno()], start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as running:
        theirs.close()
        try:
            send_frame(ours, {"op": "load"})
            assert receive_frame(ours)[0] == {}
            send_frame(ours, {"op": "answer"})
            assert running.stderr
            assert running.stderr.readline() == "at work\n"
            ours.close()
            assert running.wait(60) == -signal.SIGKILL  # it takes what the model's code has started with it
        finally:
            running.kill()
