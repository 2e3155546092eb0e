"""Running a tool: line by line, with the user's own settings, and ended with all it has started where it must."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from gitreg.errors import GitregError, Unreachable, Unsupported
from gitreg.stores.environments._base import Tell

# What the user's shell says about another environment, or where else to install to.
_ELSEWHERE = frozenset({
    *("CONDA_DEFAULT_ENV", "CONDA_PREFIX", "PIP_PREFIX", "PIP_REQUIREMENT", "PIP_ROOT", "PIP_TARGET"),
    *("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "UV_PYTHON", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV"),
    "__PYVENV_LAUNCHER__",
})  # fmt: skip
_NO_QUESTIONS = {"CONDA_ALWAYS_YES": "1", "MAMBA_ALWAYS_YES": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
_SILENCE = 500  # milliseconds
_PATIENCE = 3.0  # seconds for a tool to end when it is told to
_KEPT = 400  # lines

_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Max retries exceeded|Temporary failure in name resolution|[Tt]imed out"
    r"|ProxyError|Connection ?(refused|reset|broken|aborted|failed)|ConnectTimeout|ReadTimeout|Network is unreachable"
    r"|error sending request|dns error|tcp connect|client error \(Connect\)|CondaHTTPError|CONNECTION FAILED"
    r"|Could not resolve host|Failed to download|Could not connect",
    re.IGNORECASE,
)
_FULL = re.compile("No space left on device|Disk quota exceeded|os error 28")


class Failed(Exception):
    """A tool that ended with an error; its words are the last lines that it printed."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)

    @property
    def text(self) -> str:
        """All that is kept of what it printed."""
        return "\n".join(self.lines)


def run(command: Sequence[str], cwd: Path, tell: Tell) -> tuple[str, ...]:
    """Run a tool in `cwd`; the lines it printed. Raises `Failed`, Unsupported where it cannot be started."""
    variables = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE} | _NO_QUESTIONS
    try:
        # A session of its own: it asks nothing on the terminal, and Ctrl-C ends it by way of this program.
        running = subprocess.Popen(
            command, cwd=cwd, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise Unsupported(f"{command[0]} does not run: {error.strerror}", f"ls -l {command[0]}") from error
    try:
        lines = _listen(running, tell)
        code = running.wait()
    except BaseException:  # Ctrl-C, too: nothing goes on behind the user's back
        _end(running)
        raise
    if code:
        raise Failed(lines)
    return lines


def _listen(running: subprocess.Popen[bytes], tell: Tell) -> tuple[str, ...]:
    assert running.stdout
    lines: list[str] = []
    fd, rest = running.stdout.fileno(), b""
    ready = select.poll()
    ready.register(fd, select.POLLIN)
    with running.stdout:
        while True:
            if not ready.poll(_SILENCE):
                tell("")
                continue
            piece = os.read(fd, 65536)
            *whole, rest = re.split(rb"[\r\n]+", rest + piece)
            for line in [*whole, rest] if not piece else whole:
                if text := line.decode("utf-8", "replace").rstrip():
                    tell(text)
                    lines.append(text)
            del lines[:-_KEPT]
            if not piece:
                return tuple(lines)


def _end(running: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(running.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(_PATIENCE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def explained(what: str, said: str, failed: Failed, hint: str) -> GitregError:
    """The error for a tool that failed to do `what`: `said` are its words in one line, `hint` the way out."""
    if _FULL.search(failed.text):
        return GitregError(f"no space left on the disk: {what}", "free some space and give the same command again")
    message = f"{what}: {shortened(said)}" if said else what
    if _NETWORK.search(failed.text):
        return Unreachable(message, f"give the command again when the index answers\n{hint}".rstrip())
    return Unsupported(message, hint)


def shortened(text: str, longest: int = 300) -> str:
    """Text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
