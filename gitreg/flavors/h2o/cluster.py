"""The H2O that models are loaded into: the one the program is connected to, or one of our own.

One of our own listens on 127.0.0.1 only, asks for a password, has its files in a folder of its own, and ends with the
process that started it, however that ends.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import random
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitreg.errors import Unreachable, Unsupported, warn
from gitreg.flavors._base import framework
from gitreg.flavors._java import find_java, last_words

_OLDEST = 8  # of Java
_AGAIN = "try again: that starts another; what was made in it is gone"
_USER = "gitreg"
_PATIENCE = 120  # seconds for H2O to start; it takes 5 where nothing else runs
_PORTS = (20_000, 55_000)  # where it looks for two that are free, from a random one on
_SETTINGS = {"nthreads": "-nthreads", "max_mem_size": "-Xmx", "min_mem_size": "-Xms"}

# Standard input ends when the process that started this ends, killed or not: then Java ends, and its folder ($0) goes.
_WHILE_STARTED = """
exec 3<&0
"$@" 3<&- </dev/null &
java=$!
(
    read -r _ <&3
    kill "$java"
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$java" || break; sleep 0.5; done
    kill -9 "$java"
    rm -rf "$0"
) 2>/dev/null &
exec 3<&-
wait "$java"
"""


@dataclass(frozen=True)
class _Own:
    """An H2O that this process has started, and the connection to it."""

    process: subprocess.Popen[bytes]
    scratch: Path
    connection: Any
    pid: int

    def runs(self) -> bool:
        return self.process.poll() is None


_own: _Own | None = None
_lock = threading.RLock()  # H2O's client has one connection and one set of settings for all threads


@contextlib.contextmanager
def connected(settings: Mapping[str, object] | None = None, *, to_load: bool = True) -> Iterator[Any]:
    """The connection to H2O, for this thread alone; without progress bars.

    It is the program's own where it has one, else one to an H2O of ours, which is started if it does not run yet:
    `settings` are those of `h2o.init` for it, of which only the memory and the number of threads count. Raises
    `Unsupported` where there is no Java, `Unreachable` where H2O does not start, or has ended with what was loaded into
    it: unless `to_load`, which starts another.
    """
    h2o = framework("h2o", "h2o")
    from h2o.exceptions import H2OConnectionError
    from h2o.job import H2OJob

    with _lock:
        if _own is not None and _own.pid == os.getpid() and not _own.runs():
            ended = _gone(_own.connection)
            if not to_load:
                raise ended
        connection = _living(h2o.connection()) or _start(h2o, settings or {})
        shown, H2OJob.__PROGRESS_BAR__ = H2OJob.__PROGRESS_BAR__, False
        warnings.filterwarnings("ignore", "Converting H2O frame to pandas", module="h2o")
        try:
            yield connection
        except H2OConnectionError as error:
            raise _gone(connection) from error
        finally:
            H2OJob.__PROGRESS_BAR__ = shown


def stop() -> None:
    """End the H2O that gitreg has started in this process, if it has: models loaded into it are gone."""
    global _own
    with _lock:
        own, _own = _own, None
        if own is None or own.pid != os.getpid():
            return
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            own.connection.close()  # or H2O says at the exit, on standard output, that it closes it
        _end(own.process, own.scratch)


def _living(connection: Any) -> Any:
    """The connection of the program, if it has one that was not closed."""
    return connection if connection is not None and connection.connected else None


def _gone(connection: Any) -> Unreachable:
    own = _own
    if own is not None and connection is own.connection and not own.runs():
        words = last_words(own.scratch / "log")
        stop()
        ended = "the Java process of H2O that gitreg had started has ended"
        return Unreachable(f"{ended}: {words}" if words else ended, _AGAIN)
    return Unreachable(f"H2O at {connection.base_url} does not answer", "h2o.init() or h2o.connect() connects again")


def _start(h2o: Any, settings: Mapping[str, object]) -> Any:
    global _own
    java = find_java("H2O", _OLDEST, "H2O_JAVA_HOME")
    scratch = Path(tempfile.mkdtemp(prefix="gitreg-h2o-"))
    password = secrets.token_hex(16)
    login = scratch / "login"
    login.touch(0o600)
    login.write_text(f"{_USER}: {password}\n")
    command = [java, *_command(h2o, scratch, settings)]
    with (scratch / "log").open("wb") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WHILE_STARTED, str(scratch), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=scratch,
            start_new_session=True,  # Ctrl-C is for the program, which then ends H2O
        )
    try:
        address = _wait(process, scratch)
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():  # it tells how old it is
            warnings.filterwarnings("ignore", "Proxy is defined")  # there is none to 127.0.0.1
            connection = h2o.connect(url=f"http://{address}", auth=(_USER, password), verbose=False)
            connection.cluster.timezone = "UTC"  # as h2o.init does
    except BaseException:
        _end(process, scratch)
        raise
    _own = _Own(process, scratch, connection, os.getpid())
    atexit.register(stop)
    return connection


def _command(h2o: Any, scratch: Path, settings: Mapping[str, object]) -> list[str]:
    """What java is given: nothing that a model says but numbers."""
    jar = os.environ.get("H2O_JAR_PATH") or str(Path(h2o.__file__).parent / "backend/bin/h2o.jar")
    sizes, options = [], []
    for name, value in settings.items():
        flag = _SETTINGS.get(name)
        text = f"{value}G" if isinstance(value, int) and flag != "-nthreads" and value < 1000 else str(value)
        if flag is None or not text.rstrip("kmgKMGT").isdecimal():
            if value != -1 and value is not None:
                warn(f"the setting {name} for h2o.init is not used: gitreg starts H2O by itself")
        elif flag == "-nthreads":
            options += [flag, text]
        else:
            sizes.append(flag + (text if not text.endswith("T") else f"{int(text[:-1]) * 1024}G"))
    return [
        *sizes,
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={scratch}",
        "-Dsys.ai.h2o.telemetry.disabled=true",
        *("-jar", jar, "-allow_unsupported_java", "-log_level", "WARN"),
        *("-ip", "127.0.0.1", "-web_ip", "127.0.0.1", "-baseport", str(random.randrange(*_PORTS))),
        *("-name", f"gitreg_{secrets.token_hex(8)}", "-hash_login", "-login_conf", str(scratch / "login")),
        *("-ice_root", str(scratch), "-flow_dir", str(scratch), "-notify_local", str(scratch / "up")),
        *options,
    ]


def _wait(process: subprocess.Popen[bytes], scratch: Path) -> str:
    """The address on which H2O answers, once it does."""
    up, until = scratch / "up", time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        if up.is_file() and (address := up.read_text().strip()):
            return address
        time.sleep(0.05)
    words = last_words(scratch / "log")
    if process.poll() is None:
        raise Unreachable(f"H2O did not start within {_PATIENCE} seconds: {words}", "try again with less load")
    raise Unsupported(f"H2O does not start: {words}", "h2o.init() tells more")


def _end(process: subprocess.Popen[bytes], scratch: Path) -> None:
    if process.stdin is not None:
        process.stdin.close()  # what the script waits for
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(15)
    shutil.rmtree(scratch, ignore_errors=True)
