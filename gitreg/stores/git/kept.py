"""A git that is kept at work: what is read one after another costs one process, not one each."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from gitreg.stores.git.program import environment, guarded

_AT_ONCE = 4096  # bytes of questions that any pipe takes while git is still writing an answer


class Told(NamedTuple):
    """What git has under a name: the id, the type ("missing" where it has nothing), bytes, and the content if asked."""

    oid: str
    kind: str
    size: int
    content: bytes


class KeptGit:
    """`git cat-file --batch-command` of one repository, begun at the first question and ended with this value.

    Threads may share it. A program that was forked off begins one of its own.
    """

    def __init__(self, git_dir: os.PathLike[str]) -> None:
        self._argv = ["git", "--git-dir", os.fspath(git_dir), *guarded(["cat-file", "--batch-command"])]
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def contents(self, names: Sequence[str]) -> list[Told] | None:
        """The objects of these names, in order; None where git does not tell, whatever the reason."""
        return self._ask("contents", names)

    def facts(self, names: Sequence[str]) -> list[Told] | None:
        """As `contents`, without their content."""
        return self._ask("info", names)

    def _ask(self, command: str, names: Sequence[str]) -> list[Told] | None:
        if not names:
            return []
        if any("\n" in name for name in names):  # each line is a question
            return None
        with self._lock:
            try:
                stdin, out = self._begin()
                return [told for part in _parts([f"{command} {name}\n".encode() for name in names])
                        for told in _answers(stdin, out, part, command == "contents")]  # fmt: skip
            except (OSError, ValueError):  # it is not there, or has ended: whoever asks otherwise is told why
                self._end()
                return None
            except BaseException:  # the rest of an answer would be taken for the next one
                self._end()
                raise

    def _begin(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._running is None or self._pid != os.getpid():
            self._running = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environment(),
            )  # fmt: skip
            self._pid = os.getpid()
            weakref.finalize(self, _stop, self._running)
        assert self._running.stdin and self._running.stdout
        return self._running.stdin, self._running.stdout

    def _end(self) -> None:
        if self._running is not None:
            _stop(self._running)
            self._running = None


def _stop(running: subprocess.Popen[bytes]) -> None:
    assert running.stdin and running.stdout
    running.kill()
    running.wait()
    running.stdout.close()
    with contextlib.suppress(OSError):  # what was not written yet is of no use to anybody
        running.stdin.close()


def _parts(questions: Sequence[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    for question in questions:
        if part and sum(map(len, part)) + len(question) > _AT_ONCE:
            yield part
            part = []
        part.append(question)
    if part:
        yield part


def _answers(stdin: IO[bytes], out: IO[bytes], questions: Sequence[bytes], whole: bool) -> Iterator[Told]:
    stdin.write(b"".join(questions))
    stdin.flush()
    for _ in questions:
        head = out.readline().decode("utf-8", "surrogateescape")
        if head.endswith((" missing\n", " ambiguous\n")):
            yield Told(head.rsplit(" ", 1)[0], "missing", 0, b"")
            continue
        oid, kind, digits = head.split(" ")
        size = int(digits)
        content = out.read(size + 1)[:-1] if whole else b""
        if whole and len(content) != size:
            raise ValueError(f"{oid} is cut short")
        yield Told(oid, kind, size, content)
