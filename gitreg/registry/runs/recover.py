"""Runs that have ended and are not done: their program was killed, or the mirror that held them was deleted."""

from __future__ import annotations

import contextlib

from gitreg.errors import Conflict, GitregError, NotFound
from gitreg.format.runs import Run
from gitreg.format.tags import run_ref
from gitreg.registry.catalog import read_run
from gitreg.registry.journal import held, open_journal, read_open_run
from gitreg.registry.place import Registry
from gitreg.registry.runs.finish import finish, make_run
from gitreg.registry.settle import waiting_runs


def finish_ended_runs(registry: Registry) -> tuple[Run, ...]:
    """Complete runs that are in this state on this machine; those still open are left alone."""
    done = []
    for run in waiting_runs(registry):
        if run.done or held(registry.state, run.id):
            continue
        with contextlib.suppress(Conflict):  # another program is completing it
            journal = open_journal(registry.state, run.id, afresh=False)
            ended = None
            with contextlib.suppress(NotFound):
                ended = read_run(registry, run.id)
            done.append(finish(registry, journal, ended))
    return tuple(done)


def restore_runs(registry: Registry) -> None:
    """Make the runs that wait for the origin again in a mirror that was deleted since; another process may help."""
    folders = list((registry.state / "runs").glob("[!.]*/"))
    here = {ref.name for ref in registry.git.refs(*(run_ref(folder.name) for folder in folders))} if folders else set()
    for folder in folders:
        if run_ref(folder.name) in here:
            continue
        # It is being logged, or cannot be made now: whoever only reads is not kept from it, and status and doctor tell.
        with contextlib.suppress(GitregError, OSError):
            state = read_open_run(registry.state, folder.name)
            if state is None or not state.ended:
                continue
            journal = open_journal(registry.state, folder.name, afresh=False)
            try:
                make_run(registry, journal)
            finally:
                journal.close(remove=False)
