"""The command line: parse, call one verb, print.

One file a command; only the file of the command that was given is imported.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from gc import set_threshold

from gitreg.cli._group import Gitreg
from gitreg.cli._interrupt import end, listen


def main() -> None:
    """Run the command line of this process and end it."""
    # What a listing makes lives until it is printed: to look through it for garbage takes a quarter of the time.
    set_threshold(100_000)
    codecs.register_error("gitreg", _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it is closed
            stream.reconfigure(errors="gitreg")
    called = os.path.basename(sys.argv[0])
    listen()
    end(Gitreg().main(prog_name="git reg" if called == "git-reg" else "gitreg", standalone_mode=False))


def _escape(error: UnicodeError) -> tuple[str, int]:
    """What the encoding of a terminal or pipe lacks, as JSON escapes it: the same text in JSON, readable elsewhere."""
    import json

    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
