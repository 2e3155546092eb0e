"""Sessions as they look in a terminal, kept as text: what was typed, what was printed.

With GITREG_TEST_REWRITE set they are written anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from testing.commandline import Said, gitreg

_REWRITE = "GITREG_TEST_REWRITE"


def check_transcript(file: Path, home: Path) -> None:
    """That the commands in `file` print now what stands below each."""
    now = replay(file.read_text(), home)
    if os.environ.get(_REWRITE):
        file.write_text(now)
    assert now == file.read_text()


def read_errors(file: Path) -> dict[str, str]:
    """The cases in a file of errors, by name: `# NAME`, `$ COMMAND`, stderr, `[EXIT CODE]`."""
    blocks = file.read_text().strip("\n").split("\n\n") if file.exists() else []
    return {block.partition("\n")[0].removeprefix("# "): block for block in blocks}


def check_error(file: Path, name: str, command: str, said: Said, home: Path) -> None:
    """That the case `name` in `file` has just this stderr and exit code; nothing was printed on stdout."""
    assert said.out == ""
    now = f"# {name}\n$ {command}\n{said.err.replace(str(home), '/home/ana')}[{said.code}]"
    if os.environ.get(_REWRITE):
        file.write_text("\n\n".join({**read_errors(file), name: now}.values()) + "\n")
    assert now == read_errors(file).get(name)


def replay(transcript: str, home: Path) -> str:
    """The transcript with what its commands print now.

    Lines that begin with `$ ` are commands: gitreg's, and `cd` to a folder of `home`; `# ` begins a comment. An exit
    code other than 0 stands in brackets below what was printed; the home folder stands as /home/ana.
    """
    blocks: list[list[str]] = [[]]
    for line in transcript.splitlines():
        if line.startswith("# "):
            blocks[-1].append(line)
        elif line.startswith("$ "):
            blocks[-1] += [line, *_run(line[2:], home)]
            blocks.append([])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _run(command: str, home: Path) -> list[str]:
    program, *words = shlex.split(command)
    if program == "cd":
        os.chdir(home / words[0])
        return []
    assert program == "gitreg", command
    said = gitreg(*words, together=True)
    shown = said.out.replace(str(home), "/home/ana").rstrip("\n")
    return [*(shown.split("\n") if shown else []), *([f"[{said.code}]"] if said.code else [])]
