"""The command line: parse, call one verb, print.

One file a command; only the file of the command that was given is imported.
"""

from __future__ import annotations

import os
import sys

from gitreg.cli._group import Gitreg


def main() -> None:
    """Run the command line of this process and end it."""
    called = os.path.basename(sys.argv[0])
    sys.exit(Gitreg().main(prog_name="git reg" if called == "git-reg" else "gitreg", standalone_mode=False))
