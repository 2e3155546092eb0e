"""gitreg commit DIR: a model directory that exists already becomes a run, with what its program measured."""

from __future__ import annotations

from pathlib import Path

import click

from gitreg.cli._session import Session, verb
from gitreg.cli._words import show_size

TRY_AGAIN = 75

_File = click.Path(path_type=Path, exists=True, dir_okay=False)


@verb("commit", "registry", "json", "dry_run")
@click.argument("folders", metavar="[DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--as", "register_as", metavar="MODEL", help="Register it as the next version of MODEL.")
@click.option("--name", metavar="TEXT", help="What the run is called.")
@click.option("--run-id", metavar="ID", help="The run's id; by default the one MLmodel tells, or a new one.")
@click.option("--params", metavar="FILE", type=_File, help='Its params, as JSON: {"depth": 8}.')
@click.option(
    "--metrics", metavar="FILE", type=_File, help='Its metrics: {"auc": 0.9, "loss": [{"step": 1, "value": 0.5}]}.'
)
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag of the run; may be repeated.")
@click.option("--status", type=click.Choice(["finished", "failed", "abandoned"]), default="finished", metavar="STATUS",
              help="How it ended: finished (by default), failed or abandoned.")  # fmt: skip
@click.option("--push", is_flag=True, help="Send the run to the origin.")
@click.pass_obj
def command(
    session: Session, folders: tuple[Path, ...], register_as: str | None, name: str | None, run_id: str | None,
    params: Path | None, metrics: Path | None, tags: tuple[str, ...], status: str, push: bool,
) -> None:  # fmt: skip
    """Take a model directory as a run.

    DIR is in MLflow Models format, of any year; it is kept byte for byte. The same directory again is no new run.
    Programs in other languages log through this command: a run may have several models, or only params and metrics.
    """
    from gitreg.format.logged import parse_params, parse_series_file
    from gitreg.format.times import format_time
    from gitreg.registry.runs.commit import commit
    from gitreg.stores.clock import now

    place = session.open()
    run = commit(
        *folders, register_as=register_as, name=name, run_id=run_id, push=push or None, registry=place,
        params=parse_params(_text(params), str(params)) if params else None,
        metrics=parse_series_file(_text(metrics), str(metrics), format_time(now())) if metrics else None,
        tags=dict(map(_pair, tags)), status=status, dry_run=session.dry_run, progress=session.progress,
    )  # fmt: skip
    if session.json:
        session.print_json("commit", place, dry_run=session.dry_run, run=run.to_dict())
    elif session.dry_run:
        click.echo(f"{' and '.join(map(str, folders)) or 'this'} can be taken as {run}")
    elif not run.models:
        session.answer(str(run), f"{run}, without a model")
    for model in run.models:
        if not session.json:
            session.answer(str(run), f"{model}, {show_size(model.size)}")
        if model.version and not session.json:
            session.answer(model.version, f"registered as {model.version}")
    if register_as and not session.dry_run and not any(model.version for model in run.models):
        click.get_current_context().exit(TRY_AGAIN)


def _text(file: Path) -> str:
    from gitreg.errors import Damaged

    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise Damaged(f"{file} is not text in UTF-8") from None


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.UsageError(f"{text!r} is no KEY=VALUE", click.get_current_context())
    return key, value
