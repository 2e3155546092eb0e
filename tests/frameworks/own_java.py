"""A program that has no Java of its own: gitreg starts one, which dies, is started again, and ends with the program.

    python own_java.py h2o|spark MODEL DATA

It prints JSON: what it saw, and as its last line the id of the Java process that runs then; it ends when it is killed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from gitreg.errors import Unreachable
from gitreg.flavors import load_pyfunc
from gitreg.format.mlmodel import parse_mlmodel


def java_of(flavor: str) -> int:
    """The id of the Java process of gitreg's own."""
    if flavor == "h2o":
        from gitreg.flavors.h2o import cluster

        shell = cluster._own.process.pid
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return next(int(pid) for pid in children if Path(f"/proc/{pid}/exe").resolve().name == "java")
    from gitreg.flavors.spark import session

    return session._own.gateway.proc.pid


def listening(pid: int) -> list[str]:
    """The addresses that a process listens on, in hexadecimal as the kernel writes them."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(file).removeprefix("socket:[").rstrip("]"))
        except OSError:  # closed meanwhile
            continue
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append(fields[1].partition(":")[0])
    return found


def main(flavor: str, model: Path, data: pd.DataFrame) -> None:
    mlmodel = parse_mlmodel((model / "MLmodel").read_bytes())
    seen: dict[str, Any] = {}
    loaded = load_pyfunc(model, mlmodel)
    first = loaded.predict(data)
    pid = java_of(flavor)
    seen["listening"] = listening(pid)
    if flavor == "h2o":
        import h2o
        import requests

        seen["without the password"] = requests.get(f"{h2o.connection().base_url}/3/Cloud", timeout=60).status_code
        seen["kept there"] = [name for name in h2o.ls()["key"] if name.startswith(("Key_Frame", "upload"))]
    else:
        from pyspark.sql import SparkSession

        seen["master"] = SparkSession.getActiveSession().sparkContext.master
        seen["ui"] = SparkSession.getActiveSession().sparkContext.uiWebUrl
    ended = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([ended], [], [], 60)
    if flavor == "h2o":
        from gitreg.flavors.h2o import cluster

        cluster._own.process.wait(60)  # the shell has noticed
    else:
        from gitreg.flavors.spark import session

        session._own.gateway.proc.wait(60)
    try:
        loaded.predict(data)
    except Unreachable as error:
        seen["died"] = [error.message, error.hint]
    seen["the same model again"] = plain(loaded.predict(data)) == plain(first)
    again = load_pyfunc(model, mlmodel).predict(data)
    seen["same again"] = plain(again) == plain(first)
    seen["predicted"] = plain(first)
    seen["left here"] = os.listdir()
    seen["children"] = len(subprocess.run(["ps", "--ppid", str(os.getpid())], capture_output=True).stdout.splitlines())
    print(json.dumps(seen), flush=True)
    print(java_of(flavor), flush=True)
    signal.pause()


def plain(predicted: Any) -> Any:
    return predicted.to_dict("list") if isinstance(predicted, pd.DataFrame) else predicted


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), pd.read_pickle(sys.argv[3]))
