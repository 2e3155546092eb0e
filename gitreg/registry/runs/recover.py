"""Runs whose program was killed after they had ended, and before everything asked for their end was done."""

from __future__ import annotations

import contextlib

from gitreg.errors import Conflict, NotFound
from gitreg.format.runs import Run
from gitreg.registry.catalog import read_run
from gitreg.registry.journal import open_journal, open_runs
from gitreg.registry.place import Registry
from gitreg.registry.runs.finish import finish


def finish_ended_runs(registry: Registry) -> tuple[Run, ...]:
    """Complete runs that are in this state on this machine; those still open are left alone."""
    done = []
    for run in open_runs(registry.state):
        if run.status == "running" or not run.ended:
            continue
        with contextlib.suppress(Conflict):  # another program is completing it
            journal = open_journal(registry.state, run.id, afresh=False)
            ended = None
            with contextlib.suppress(NotFound):
                ended = read_run(registry, run.id)
            done.append(finish(registry, journal, ended))
    return tuple(done)
