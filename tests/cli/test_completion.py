"""Completion in the real bash, zsh and fish, at a terminal of their own."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testing.commandline import gitreg

START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(gitreg completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -u -D; eval "$(gitreg completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "gitreg completion fish | source"),
}
PATIENCE = 60.0


CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][0-9A-Z]|\x1b[=>]|\x1b\][^\x07]*\x07|\r")
WHICH_TERMINAL = "\x1b[0c"
BEGINNING_OF_LINE = "\x01"


class Terminal:
    """A shell at a terminal: what is typed goes in, what it shows comes out."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.raw = ""

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.file, keys.encode())

    def wait_for(self, pattern: str) -> None:
        """Until a whole line that was shown since the last wait matches."""
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, CODES.sub("", self.raw), re.MULTILINE):
            if select.select([self.file], [], [], 0.2)[0]:
                try:
                    self.raw += os.read(self.file, 65536).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"the shell ended; it had shown {self.raw!r}") from None
            if WHICH_TERMINAL in self.raw:  # newer fish asks, and waits for the answer
                self.raw = self.raw.replace(WHICH_TERMINAL, "")
                self.type("\x1b[?1;2c")
            assert time.monotonic() < until, f"never shown: {pattern}; but: {self.raw!r}"
        self.raw = ""


@contextmanager
def shell(name: str, folder: Path, home: Path) -> Iterator[Terminal]:
    """The shell in `folder`, with gitreg's completion set up."""
    mine, theirs = os.openpty()
    command, setup = START[name]
    env = os.environ | {"PATH": f"{home}/bin{os.pathsep}{os.environ['PATH']}", "TERM": "xterm", "PS1": "> "}
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    running = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=env,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # fish wants a terminal of its own
    )
    os.close(theirs)
    terminal = Terminal(mine)
    try:
        terminal.wait_for("[>#%] *$")
        terminal.type(f"{setup}; echo rea''dy\r")
        terminal.wait_for("^ready *$")
        yield terminal
    finally:
        running.kill()
        running.wait()
        os.close(mine)


@pytest.fixture
def commands(home: Path) -> None:
    """gitreg and git-reg as installed commands."""
    (home / "bin").mkdir()
    for name in ("gitreg", "git-reg"):
        file = home / "bin" / name
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gitreg "$@"\n')
        file.chmod(0o755)


@pytest.mark.parametrize("name", START)
@pytest.mark.usefixtures("commands")
def test_a_shell_completes_commands_models_versions_and_stages(name: str, home: Path, registry: Path) -> None:
    with shell(name, registry, home) as terminal:
        for typed, completed in (
            ("gitreg regi", "gitreg register"),
            ("gitreg ls chu", "gitreg ls churn"),
            ("gitreg pull churn@pro", "gitreg pull churn@production"),
            ("gitreg diff churn@v1.0.0 churn@v1.1", "gitreg diff churn@v1.0.0 churn@v1.1.0"),
            ("gitreg show run:tu", "gitreg show run:tuesday"),
            ("gitreg push wed", "gitreg push wednesday"),
            ("git-reg ls fra", "git-reg ls fraud"),
        ):
            terminal.type(f"{typed}\t")
            terminal.type(f"{BEGINNING_OF_LINE}echo \r")
            terminal.wait_for(f"^{re.escape(completed)} *$")


@pytest.mark.parametrize("name", START)
@pytest.mark.usefixtures("commands")
def test_a_shell_offers_all_that_fits(name: str, home: Path, registry: Path) -> None:
    with shell(name, registry, home) as terminal:
        terminal.type("gitreg show churn@\t\t")
        terminal.wait_for(r"production +\S*@staging +\S*@v1\.[01]\.0 +\S*@v1\.[01]\.0")


def ask(words: str, incomplete: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What zsh is told: the values offered."""
    monkeypatch.setenv("_GITREG_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_WORDS", f"{words} {incomplete}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    said = gitreg()
    assert (said.code, said.err) == (0, "")
    return said.out.splitlines()[1::3]


def test_names_are_those_of_models_versions_stages_and_runs(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)
    assert ask("gitreg show", "", monkeypatch) == ["churn", "fraud"]
    assert ask("gitreg show", "churn@", monkeypatch) == [
        *("churn@production", "churn@staging", "churn@v1.1.0", "churn@v1.0.0")
    ]
    assert ask("gitreg register", "t", monkeypatch) == ["tuesday"]
    assert ask("gitreg register tuesday", "f", monkeypatch) == ["fraud"]
    assert ask("gitreg diff churn@1", "run:m", monkeypatch) == ["run:monday"]


def test_the_registry_that_was_named_is_asked(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(f"gitreg -R {registry} show", "", monkeypatch) == ["churn", "fraud"]
    assert ask(f"gitreg show -R {registry}", "", monkeypatch) == ["churn", "fraud"]


@pytest.mark.parametrize("words", ["gitreg show", "gitreg -R nowhere show", "gitreg push", "gitreg ls 'x"])
def test_where_there_is_nothing_completion_is_silent(words: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(words, "", monkeypatch) == []


def test_a_strange_question_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    for instruction in ("bash", "tcsh_complete", "bash_source", "x"):
        monkeypatch.setenv("_GITREG_COMPLETE", instruction)
        assert gitreg() == gitreg()
        assert (gitreg().code, gitreg().out, gitreg().err) == (1, "", "")
