"""An interpreter that imports once and then runs one script after another, each in a fork of its own.

`python warm_server.py MODULE...`: a line of standard input is a job as JSON, a line of standard output its exit code.
Runs in the environments of other tools: it knows nothing but the standard library.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import sys
import traceback
import types
from pathlib import Path


def run(job):
    """Be what `python ARGUMENTS` is, but for what is imported already."""
    for stream, (name, flags) in enumerate((("in", os.O_RDONLY), ("out", os.O_WRONLY), ("err", os.O_WRONLY))):
        opened = os.open(Path(job["streams"], name), flags)
        os.dup2(opened, stream)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(stream, mode, buffering=1, encoding="utf-8") for stream, mode in enumerate(("r", "w", "w"))
    )
    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(job["cwd"])
    script, *sys.argv[1:] = job["arguments"]
    begin = ""
    if script == "-c":
        code = compile(sys.argv.pop(1), "<string>", "exec")
    else:
        begin = str(Path(script).parent)
        code = compile(Path(script).read_bytes(), script, "exec")
    sys.argv[0] = script
    sys.path[:1] = [begin, *filter(None, job["env"].get("PYTHONPATH", "").split(os.pathsep))]
    main = types.ModuleType("__main__")
    main.__file__ = script
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def ended(job):
    """The exit code of the job."""
    try:
        run(job)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


for module in sys.argv[1:]:
    importlib.import_module(module)
gc.freeze()
for line in sys.stdin.buffer:
    child = os.fork()
    if not child:
        code = ended(json.loads(line))
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
    sys.stdout.flush()
