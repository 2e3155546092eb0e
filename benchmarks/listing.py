"""Reading a registry of 10,000 versions of 100 models, each of a run of its own.

many_versions.py makes it, as gitreg's own commands would have left it. Each command is a process of its own, as typed.
The pipeline of git is the least there is to do: it prints the objects that tell what the command shows. For `runs`
these are the runs and the versions they became; for all others the versions. GTO's `show` takes minutes, and is
measured once.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import many_versions
from measure import Row, at_most, gitreg_command, in_turns, timed, tool, within

_VERSIONS, _RUNS = "refs/tags/*@v*", "refs/tags/run/"
_HUNDRED = at_most(1 / 100, "100x faster")


def measure(place: Path, quick: bool) -> list[Row]:
    """`ls`, `ls MODEL`, `show` and `runs --where`, beside git's own pipeline and GTO's `show`."""
    models, versions = (10, 20) if quick else (100, 100)
    path = place / "registry"
    subprocess.run([*gitreg_command(), "init", str(path)], check=True, capture_output=True)
    many_versions.build(path, models, versions)
    model = many_versions.model_name(models // 2)
    commands = {
        "`gitreg ls`": (["ls"], (_VERSIONS,)),
        "`gitreg ls MODEL`": (["ls", model], (_VERSIONS,)),
        "`gitreg show MODEL@latest`": (["show", f"{model}@latest"], (_VERSIONS,)),
        '`gitreg runs --where "metrics.accuracy > 0.9"`': (
            ["runs", "--where", "metrics.accuracy > 0.9"],
            (_RUNS, _VERSIONS),
        ),
    }
    calls: dict[str, Callable[[], float]] = {}
    for name, (args, refs) in commands.items():
        calls[name] = partial(timed, [*gitreg_command(), *args], path)
        calls[_pipeline(refs)] = partial(timed, ["sh", "-c", _pipeline(refs)], path)
    in_turns(calls, 1)
    taken = in_turns(calls, 3 if quick else 11)
    size = f", {models * versions:,} versions of {models} models"
    rows = []
    for name, (_, refs) in commands.items():
        peer = f"`git for-each-ref {' '.join(refs)} \\| git cat-file --batch`"
        rows.append(Row(name + size, taken[name], peer, taken[_pipeline(refs)], within(0.3)))
    for name, args in (("`gitreg ls`", ["show"]), ("`gitreg ls MODEL`", ["show", model])):
        peer = f"`gto {'show MODEL' if len(args) > 1 else 'show'}`"
        rows.append(Row(name + size, taken[name], peer, timed([tool("GTO"), *args], path), _HUNDRED))
    return rows


def _pipeline(refs: Sequence[str]) -> str:
    patterns = " ".join(f"'{ref}'" for ref in refs)
    return f"git for-each-ref --format='%(objectname)' {patterns} | git cat-file --batch >/dev/null"
