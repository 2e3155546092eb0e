"""gitreg as typed at a prompt, in this process; and transcripts of such sessions."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitreg.cli._group import Gitreg

REWRITE = "GITREG_TEST_REWRITE"


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", newline="\n")

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


@contextlib.contextmanager
def _stdin(content: bytes) -> Iterator[None]:
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(content), "utf-8")
    try:
        yield
    finally:
        sys.stdin = before


def gitreg(*args: str | Path, input: bytes = b"", together: bool = False) -> Said:
    """`gitreg ARGS`; `together` has stdout and stderr in `out`, in the order of a terminal."""
    out = _Stream()
    err = out if together else _Stream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _stdin(input):
        code = Gitreg().main([os.fspath(arg) for arg in args])
    return Said(code, out.text(), "" if together else err.text())


def replay(transcript: str, home: Path) -> str:
    """The transcript with what its commands print now.

    Lines that begin with `$ ` are commands: gitreg's, and `cd`. Those that begin with `#` stay. An exit code other
    than 0 stands in brackets below what was printed; the home folder stands as /home/ana.
    """
    lines = []
    for line in transcript.splitlines():
        if line.startswith("#") or not line:
            if not lines or line or lines[-1]:
                lines.append(line)
        if not line.startswith("$ "):
            continue
        lines.append(line)
        program, *words = shlex.split(line[2:])
        if program == "cd":
            os.chdir(home / words[0])
            continue
        assert program == "gitreg", line
        said = gitreg(*words, together=True)
        shown = said.out.replace(str(home), "/home/ana").rstrip("\n")
        lines += [text if text else "|" for text in shown.split("\n")] if shown else []
        if said.code:
            lines.append(f"[{said.code}]")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"
