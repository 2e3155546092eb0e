"""A git that is kept at work: what is read one after another costs one process, not one each."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitreg.stores.git.program import environment, guarded

_AT_ONCE = 4096  # bytes of questions that any pipe takes while git is still writing an answer
_MOST = 16  # gits at work at a time in this program
_READ = 1 << 16
_working: set[int] = set()


class Told(NamedTuple):
    """What git has under a name: the id, the type ("missing" where it has nothing), bytes, and the content if asked."""

    oid: str
    kind: str
    size: int
    content: bytes


class KeptGit:
    """`git cat-file --batch-command` of one repository, begun at the first question and ended with this value.

    Objects that come later are found, and refs are looked up each time. Objects that were pruned meanwhile may still
    be told. Threads may share it; a program that was forked off, and a copy, begin one of their own.
    """

    def __init__(self, git_dir: str) -> None:
        self._git_dir = git_dir
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._pid = os.getpid()

    def __reduce__(self) -> tuple[type[KeptGit], tuple[str]]:
        return KeptGit, (self._git_dir,)

    def contents(self, names: Sequence[str]) -> list[Told] | None:
        """The objects of these names, in order; None where git does not tell, whatever the reason."""
        return self._ask("contents", names)

    def facts(self, names: Sequence[str]) -> list[Told] | None:
        """As `contents`, without their content."""
        return self._ask("info", names)

    def _ask(self, command: str, names: Sequence[str]) -> list[Told] | None:
        if not names:
            return []
        try:
            questions = [f"{command} {name}\n".encode() for name in names]
        except UnicodeEncodeError:
            return None
        if any(question.count(b"\n") > 1 or b"\r" in question or b"\0" in question for question in questions):
            return None  # each line is a question
        if self._pid != os.getpid():
            self._leave()
        with self._lock:
            try:
                running = self._begin()
                return [told for part in _parts(questions) for told in running.ask(part, command == "contents")]
            except (OSError, ValueError):  # it is not there, or has ended: whoever asks otherwise is told why
                self._end()
                return None
            except BaseException:  # the rest of an answer would be taken for the next one
                self._end()
                raise

    def _begin(self) -> _Running:
        if self._running is None:
            if len(_working) >= _MOST:
                raise OSError("enough are at work")
            argv = ["git", "--git-dir", self._git_dir, *guarded(["cat-file", "--batch-command"])]
            self._running = _Running(self, argv)
        return self._running

    def _end(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None

    def _leave(self) -> None:
        """In a program that was forked off: leave the git to the one that began it."""
        self._lock = threading.Lock()  # another thread may have held it, which is not here
        self._pid = os.getpid()
        self._end()


class _Running:
    """The program, and what it wrote that was not read yet. Nothing is buffered with a lock: a fork would keep it."""

    def __init__(self, owner: KeptGit, argv: Sequence[str]) -> None:
        self.program = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), bufsize=0
        )
        self.stop = weakref.finalize(owner, _stop, self.program, os.getpid())
        _working.add(self.program.pid)
        assert self.program.stdin and self.program.stdout
        self._stdin, self._stdout = self.program.stdin.fileno(), self.program.stdout.fileno()
        self._left = bytearray()

    def ask(self, questions: Sequence[bytes], whole: bool) -> Iterator[Told]:
        """The answers to questions that fit into a pipe, or to one."""
        data = b"".join(questions)
        while data:
            data = data[os.write(self._stdin, data) :]
        for _ in questions:
            head = self._line().decode("utf-8", "surrogateescape")
            if head.endswith((" missing", " ambiguous")):
                yield Told(head.rsplit(" ", 1)[0], "missing", 0, b"")
                continue
            oid, kind, digits = head.split(" ")
            size = int(digits)
            yield Told(oid, kind, size, self._bytes(size + 1)[:-1] if whole else b"")

    def _line(self) -> bytes:
        at = 0
        while (end := self._left.find(b"\n", at)) < 0:
            at = len(self._left)
            self._more()
        line = bytes(self._left[:end])
        del self._left[: end + 1]
        return line

    def _bytes(self, count: int) -> bytes:
        while len(self._left) < count:
            self._more()
        found = bytes(self._left[:count])
        del self._left[:count]
        return found

    def _more(self) -> None:
        part = os.read(self._stdout, _READ)
        if not part:
            raise OSError("git has ended")
        self._left += part


def _stop(program: subprocess.Popen[bytes], begun_by: int) -> None:
    """End the program; in one that was forked off from whoever began it, let go of its pipes alone."""
    _working.discard(program.pid)
    if begun_by == os.getpid():
        program.kill()
        program.wait()
    else:
        program.returncode = 0
    for pipe in (program.stdin, program.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()


def _parts(questions: Sequence[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    for question in questions:
        if part and sum(map(len, part)) + len(question) > _AT_ONCE:
            yield part
            part = []
        part.append(question)
    if part:
        yield part
