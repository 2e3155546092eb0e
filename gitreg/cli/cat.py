"""gitreg cat REF:PATH: one file of a model, to stdout."""

from __future__ import annotations

import sys

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb


@verb("cat", "registry", "offline", "max_stale")
@click.argument("file", metavar="REF:PATH", shell_complete=references)
@click.pass_obj
def command(session: Session, file: str) -> None:
    """Print a file of a model, verified.

    As in churn@v1:MLmodel, or run:ID/model:conda.yaml for a run's model.
    """
    from gitreg.registry.use.pull import read_file

    ref, colon, path = file.rpartition(":")
    if not colon or not path or ref in ("run", "runs", "models"):
        raise click.UsageError(f"{file!r} names no file", click.get_current_context())
    sys.stdout.buffer.write(read_file(ref, path, registry=session.open(), progress=session.progress))
