"""Measures gitreg beside the tools it is compared with, and writes RESULTS.md.

    python benchmarks/run.py [--only NAME]... [--quick]

`make bench` calls it with the environments of MLflow, DVC and GTO, and those of the large frameworks. Each benchmark
runs gitreg and its peer in turns in one session, on this machine. --quick takes smaller models and fewer versions and
rounds, and writes nothing.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests"))  # before what needs it is imported: hence each E402

import by_address  # noqa: E402
import by_flavor  # noqa: E402
import hook  # noqa: E402
import large_model  # noqa: E402
import listing  # noqa: E402
import push_payloads  # noqa: E402
import serving  # noqa: E402
import small_model  # noqa: E402
import startup  # noqa: E402
import warm_load  # noqa: E402
from measure import Row  # noqa: E402
from results import as_table, write_results  # noqa: E402

from testing.sealed import seal  # noqa: E402

BENCHMARKS: dict[str, Callable[[Path, bool], list[Row]]] = {
    "startup": startup.measure,
    "small": small_model.measure,
    "large": large_model.measure,
    "listing": listing.measure,
    "by_address": by_address.measure,
    "warm_load": warm_load.measure,
    "push": push_payloads.measure,
    "hook": hook.measure,
    "flavors": by_flavor.measure,
    "frameworks": by_flavor.measure_large,
    "serving": serving.measure,
}


def main() -> None:
    """Run what was asked for and print it; all of it in full also becomes RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", action="append", choices=BENCHMARKS, help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="smaller and fewer: to see that all of it works")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # what was started is stopped
    rows: list[Row] = []
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="gitreg-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        seal(patch, home)
        # Bytecode is kept, as it is for everybody, but not in this checkout.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(home / "bytecode"))
        for name in asked.only or BENCHMARKS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            place = Path(folder) / name
            place.mkdir()
            found = BENCHMARKS[name](place, asked.quick)
            print(as_table(found), flush=True)
            rows += found
    if not asked.only and not asked.quick:
        write_results(TOP / "benchmarks" / "RESULTS.md", rows)


if __name__ == "__main__":
    main()
