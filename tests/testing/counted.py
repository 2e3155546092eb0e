"""The git processes that gitreg starts, counted by a program of that name in front of git."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import pytest

_WRAPPER = """\
#!/bin/sh
echo "$*" >> {log}
exec {git} "$@"
"""


class Counted:
    """From now on, in this test, every git that is started from here is noted."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self._log, program = folder / "started", folder / "git"
        real = shutil.which("git", path=os.environ["PATH"])
        program.write_text(_WRAPPER.format(log=shlex.quote(str(self._log)), git=shlex.quote(str(real))))
        program.chmod(0o755)
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def started(self) -> list[str]:
        """The arguments of each git since this was last asked."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        self._log.write_text("")
        return lines
