"""RESULTS.md: the table, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from measure import Row, tool

import gitreg

_LOAD = os.getloadavg()[0]
_HEAD = """\
# Measured

Written by `make bench` on {date}: {machine}.

{versions}.

Each line is gitreg and its peer in one session, in turns, medians. A ratio below 1 is in gitreg's favour (of requests a
second it is the peer's by gitreg's). What is measured, and how, stands in the modules of this folder. What gitreg logs
is on the disk (fsync) when its time ends.

"""


def as_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | gitreg | peer | | ratio | goal | met |", "| --- | ---: | --- | ---: | ---: | --- | --- |"]
    for row in rows:
        ours, theirs = _amount(row.ours, row.unit), _amount(row.theirs, row.unit)
        cells = [row.what, ours, row.peer, theirs, _ratio(row), row.goal.words, "yes" if row.met else "**no**"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _amount(value: float, unit: str) -> str:
    if unit == "MiB":
        return f"{value:,.0f} MiB"
    if unit != "s":
        return f"{value:,.0f} {unit}"
    if value < 0.01:
        return f"{value * 1000:.2f} ms"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def _ratio(row: Row) -> str:
    ratio = row.theirs / row.ours if row.goal.more else row.ours / row.theirs
    return f"{ratio:.2f}" if ratio >= 0.1 else f"1/{1 / ratio:.0f}"


def write_results(path: Path, rows: Sequence[Row]) -> None:
    """Write the file."""
    head = _HEAD.format(date=datetime.now(UTC).date().isoformat(), machine=_machine(), versions=_versions())
    path.write_text(head + as_table(rows) + "\n", encoding="utf-8")


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    about = f"{os.cpu_count()} CPUs ({_processor()}), {memory:.0f} GiB of memory, {platform.system()}"
    return f"{about}; load average {_LOAD:.1f} before it began"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _versions() -> str:
    git = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.split()[2]
    mlflow = _asked(tool("MLFLOW"), "mlflow")
    dvc = _asked(tool("DVC_PYTHON"), "dvc")
    gto = _asked(str(Path(tool("GTO")).with_name("python")), "gto")
    python = platform.python_version()
    return f"gitreg {gitreg.__version__}, Python {python}, git {git}, MLflow {mlflow}, DVC {dvc}, GTO {gto}"


def _asked(interpreter: str, distribution: str) -> str:
    program = f"from importlib import metadata; print(metadata.version({distribution!r}))"
    return subprocess.run([interpreter, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
