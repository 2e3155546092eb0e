"""What a program and a worker in another environment say to each other: JSON, and bytes that go as they are.

A frame is two lengths of 8 bytes, the JSON, the bytes.
"""

from __future__ import annotations

import json
import queue
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LENGTHS = struct.Struct(">QQ")
_PIECE = 1 << 20

Asked = queue.SimpleQueue[tuple[dict[str, Any], bytes] | None]


class Ended(Exception):
    """The other side is gone, or has closed the connection in the middle of a frame."""


def send_frame(link: socket.socket, facts: Mapping[str, object], body: bytes = b"") -> None:
    """Send one frame. Raises `Ended` where nobody reads it."""
    head = json.dumps(facts).encode()
    try:
        link.sendall(_LENGTHS.pack(len(head), len(body)) + head)
        if body:
            link.sendall(body)
    except OSError as error:
        raise Ended from error


def receive_frame(link: socket.socket) -> tuple[dict[str, Any], bytes]:
    """The next frame. Raises `Ended` where there is none."""
    head, body = _LENGTHS.unpack(_exactly(link, _LENGTHS.size))
    facts = json.loads(_exactly(link, head))
    return facts, bytes(_exactly(link, body))


def _exactly(link: socket.socket, count: int) -> bytearray:
    found = bytearray()  # it grows with what comes, whatever the length says
    while len(found) < count:
        try:
            piece = link.recv(min(_PIECE, count - len(found)))
        except OSError as error:
            raise Ended from error
        if not piece:
            raise Ended
        found += piece
    return found


@dataclass(frozen=True)
class Talk:
    """What an answer that is given piece by piece says before its end."""

    link: socket.socket
    asked: Asked

    def tell(self, facts: Mapping[str, object], body: bytes = b"") -> None:
        """Say something."""
        send_frame(self.link, facts, body)

    def ask(self, facts: Mapping[str, object]) -> bytes:
        """Ask for something."""
        self.tell(facts)
        reply = self.asked.get()
        if reply is None:
            raise Ended
        return reply[1]
