"""Git's objects as a stream: any number of them, one process, and not the end of it where one is broken."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from gitreg.errors import Unsupported
from gitreg.stores.git.program import environment, guarded
from gitreg.stores.git.reading import Reading

MISSING, BROKEN = "missing", "broken"


class Object(NamedTuple):
    """An object by its id: "blob", "tree", "commit" or "tag"; MISSING, or BROKEN where its bytes are not its own."""

    oid: str
    kind: str
    content: bytes


def read_objects(git: Reading, oids: Sequence[str]) -> Iterator[Object]:
    """The objects, in order, each compared with its id. One at a time is held; the ids are full ones."""
    at = 0
    while at < len(oids):
        for found in _until_it_ends(git, oids[at:]):
            yield found
            at += 1
        if at < len(oids):  # git ends at an object that it cannot unpack: the others are read by another one
            yield Object(oids[at], BROKEN, b"")
            at += 1


def _until_it_ends(git: Reading, oids: Sequence[str]) -> Iterator[Object]:
    argv = ["git", "--git-dir", str(git.git_dir), *guarded(["cat-file", "--batch", "--buffer"])]
    try:
        running = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment(GIT_NO_LAZY_FETCH="1"), bufsize=1 << 20,
        )  # fmt: skip
    except FileNotFoundError:
        raise Unsupported("git is not installed", "apt install git (2.36 or newer)") from None
    assert running.stdin and running.stdout
    asking = threading.Thread(target=_ask, args=(running.stdin, oids), daemon=True)
    asking.start()
    try:
        for oid in oids:
            found = _next(running.stdout, oid)
            if found is None:
                return
            yield found
    finally:
        running.stdout.close()
        running.kill()
        asking.join()
        running.wait()


def _ask(stdin: IO[bytes], oids: Sequence[str]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for at in range(0, len(oids), 1000):
            stdin.write("".join(f"{oid}\n" for oid in oids[at : at + 1000]).encode())
    with contextlib.suppress(OSError, ValueError):
        stdin.close()


def _next(out: IO[bytes], oid: str) -> Object | None:
    head = out.readline().decode()
    if head.endswith(" missing\n"):
        return Object(oid, MISSING, b"")
    facts = head.split()
    if len(facts) != 3:
        return None
    size = int(facts[2])
    content = out.read(size + 1)
    if len(content) <= size:
        return None
    content = content[:-1]
    own = hashlib.sha1(f"{facts[1]} {size}\0".encode() + content, usedforsecurity=False).hexdigest()
    return Object(oid, facts[1] if own == oid else BROKEN, content)
