"""The Spark session that models are loaded with: the one the program has, or one of our own on this machine.

One of our own listens on 127.0.0.1 only and leaves nothing in the folder it is started in: what Java says and what
Spark spills goes to a folder of its own, which goes when it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitreg.errors import Unreachable, Unsupported
from gitreg.flavors._base import framework
from gitreg.flavors._java import find_java, last_words

_AGAIN = "try again: that starts another; what was made in it is gone"
_LONGEST = 200
_JAVA_ERROR = re.compile(r"(?:[a-z]+\.)+[A-Z]\w*: ")
_OUR_NAME = re.compile(r"(?:file:)?/\S*gitreg-spark-\w+/m/")
_OLDEST = {"2": 8, "3": 8}  # of Java, by pyspark's major version
_OLDEST_TODAY = 17


@dataclass(frozen=True)
class _Own:
    """A session that this process has started, and the Java process it runs in."""

    context: Any
    gateway: Any
    scratch: Path
    pid: int


_own: _Own | None = None
_lock = threading.RLock()


@contextlib.contextmanager
def connected(*, to_load: bool = True) -> Iterator[Any]:
    """The session of this program, or one of our own, which is started if it does not run yet.

    Raises `Unsupported` where there is no Java, `Unreachable` where the Java process ends, or has ended with what was
    loaded into it: unless `to_load`, which starts another.
    """
    framework("pyspark.sql", "pyspark")
    # Said at every call, of every version of pandas that there is today.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    with _lock:
        if ended := has_ended():
            error = _gone(ended)
            if not to_load:
                raise error
        session = _session()
    try:
        yield session
    except Exception as error:
        # What py4j raises when nobody answers has many names; that the process is gone is certain.
        if not (ended := has_ended()):
            raise
        raise _gone(ended) from error


def stop() -> None:
    """End the session that gitreg has started in this process, if it has, and its Java: its models are gone."""
    global _own
    with _lock:
        own, _own = _own, None
        if own is None or own.pid != os.getpid():
            return
        with contextlib.suppress(Exception):  # it may be gone
            own.context.stop()
        with contextlib.suppress(Exception):
            own.gateway.shutdown()
        _end(own.gateway.proc)
        _forget(own.gateway)
        shutil.rmtree(own.scratch, ignore_errors=True)


def said(error: Exception) -> str:
    """What Spark says: the last cause, without Java's stack and without our names of its files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    told = causes[-1:] or [line for line in lines if _JAVA_ERROR.match(line)] or lines or [type(error).__name__]
    return _OUR_NAME.sub("", told[0])[:_LONGEST]


def _session() -> Any:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if os.environ.get("SPARK_CONNECT_MODE_ENABLED") or os.environ.get("SPARK_REMOTE"):
        message = "a session of Spark Connect reads no files of this machine"
        raise Unsupported(message, "use a session with a Java of its own: unset SPARK_REMOTE")
    if SparkContext._active_spark_context is None and "PYSPARK_GATEWAY_PORT" not in os.environ:
        if SparkContext._gateway is None:
            return _start()
        return SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()
    # A thread other than the one that started the session has none that is active: then the one there is.
    return SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()


def _start() -> Any:
    global _own
    import pyspark
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    find_java("Spark", _OLDEST.get(pyspark.__version__.partition(".")[0], _OLDEST_TODAY))
    scratch = Path(tempfile.mkdtemp(prefix="gitreg-spark-"))
    conf = SparkConf(loadDefaults=False).setAll(_settings(scratch))
    gateway = None
    try:
        with (scratch / "log").open("wb") as log, _as_python():
            gateway = launch_gateway(conf, popen_kwargs={"stdout": log, "stderr": subprocess.STDOUT})
            context = SparkContext(gateway=gateway, conf=conf)
        session = SparkSession.builder.getOrCreate()
    except Exception as error:
        words = last_words(scratch / "log") or str(error).splitlines()[0]
        if gateway is not None:
            _end(gateway.proc)
            _forget(gateway)
        shutil.rmtree(scratch, ignore_errors=True)
        raise Unsupported(f"Spark does not start: {words}", "pyspark tells more") from error
    _own = _Own(context, gateway, scratch, os.getpid())
    atexit.register(stop)
    return session


def _settings(scratch: Path) -> list[tuple[str, str]]:
    return [
        ("spark.master", "local[*]"),
        ("spark.app.name", "gitreg"),
        ("spark.ui.enabled", "false"),
        ("spark.ui.showConsoleProgress", "false"),
        ("spark.driver.host", "127.0.0.1"),
        ("spark.driver.bindAddress", "127.0.0.1"),
        ("spark.authenticate", "true"),  # by a secret of its own making
        ("spark.local.dir", str(scratch)),
        ("spark.sql.warehouse.dir", f"file:{scratch}/warehouse"),
        ("spark.sql.catalogImplementation", "in-memory"),
        ("spark.driver.extraJavaOptions", f"-XX:-UsePerfData -Djava.io.tmpdir={scratch} -Dderby.system.home={scratch}"),
    ]


@contextlib.contextmanager
def _as_python() -> Iterator[None]:
    """Spark's workers run this Python, and not whichever is first on the PATH, but where the user says so."""
    if "PYSPARK_PYTHON" in os.environ:
        yield
        return
    os.environ["PYSPARK_PYTHON"] = sys.executable
    try:
        yield
    finally:
        del os.environ["PYSPARK_PYTHON"]


def has_ended() -> Any:
    """pyspark's way to Java, if it has one that leads nowhere any more."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    return gateway if gateway is not None and gateway.proc is not None and gateway.proc.poll() is not None else None


def _gone(gateway: Any) -> Unreachable:
    own = _own
    words = last_words(own.scratch / "log") if own is not None and own.gateway is gateway else ""
    stop()
    _forget(gateway)
    ended = "the Java process of Spark has ended"
    return Unreachable(f"{ended}: {words}" if words else ended, _AGAIN)


def _forget(gateway: Any) -> None:
    """Let pyspark start a Java anew: it keeps the one it has, whether that lives or not."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if SparkContext._gateway is gateway:
        SparkContext._gateway = None
        SparkContext._jvm = None
        SparkContext._active_spark_context = None
        SparkSession._instantiatedSession = None
        SparkSession._activeSession = None


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    if process.stdin is not None:
        process.stdin.close()  # at which Spark's Java ends
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
