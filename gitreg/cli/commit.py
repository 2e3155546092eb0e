"""gitreg commit DIR: a model directory that exists already becomes a run."""

from __future__ import annotations

from pathlib import Path

import click

from gitreg.cli._session import Session, verb
from gitreg.cli._words import show_size

TRY_AGAIN = 75


@verb("commit", "registry", "json", "dry_run")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--as", "register_as", metavar="MODEL", help="Register it as the next version of MODEL.")
@click.option("--name", metavar="TEXT", help="What the run is called.")
@click.option("--run-id", metavar="ID", help="The run's id; by default the one MLmodel tells, or a new one.")
@click.option("--push", is_flag=True, help="Send the run to the origin.")
@click.pass_obj
def command(
    session: Session, folder: Path, register_as: str | None, name: str | None, run_id: str | None, push: bool,
) -> None:  # fmt: skip
    """Take a model directory as a run.

    DIR is in MLflow Models format, of any year; it is kept byte for byte. The same directory again is no new run.
    """
    from gitreg.registry.runs.commit import commit

    place = session.open()
    run = commit(
        folder, register_as=register_as, name=name, run_id=run_id, push=push or None, registry=place,
        dry_run=session.dry_run, progress=session.progress,
    )  # fmt: skip
    if session.json:
        session.print_json("commit", place, dry_run=session.dry_run, run=run.to_dict())
    elif session.dry_run:
        click.echo(f"{folder} can be taken as {run}")
    for model in run.models:
        if not session.json:
            session.answer(str(run), f"{model}, {show_size(model.size)}")
        if model.version and not session.json:
            session.answer(model.version, f"registered as {model.version}")
    if register_as and not session.dry_run and not any(model.version for model in run.models):
        click.get_current_context().exit(TRY_AGAIN)
