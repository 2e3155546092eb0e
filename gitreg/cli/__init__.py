"""The command line: parse, call one verb, print.

One file a command; only the file of the command that was given is imported.
"""

from __future__ import annotations

import gc
import os
import sys

from gitreg.cli._group import Gitreg


def main() -> None:
    """Run the command line of this process and end it."""
    # What a listing makes lives until it is printed: to look through it for garbage takes a quarter of the time.
    gc.set_threshold(100_000)
    called = os.path.basename(sys.argv[0])
    sys.exit(Gitreg().main(prog_name="git reg" if called == "git-reg" else "gitreg", standalone_mode=False))
