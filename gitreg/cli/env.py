"""gitreg env create, list, remove: the environments that models ask for."""

from __future__ import annotations

from pathlib import Path

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Age, Session, verb
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import show_time

_COLUMNS = (
    Column("KEY", whole=True), Column("PYTHON"), Column("MADE FOR"), Column("USED"), Column("REMARK", spare=True),
)  # fmt: skip


@click.group("env")
def command() -> None:
    """Build a model's own environment."""


manager = click.option(
    "--manager",
    type=click.Choice(["uv", "venv", "conda"]),
    help="What builds it; by default uv where it is installed, else venv.",
)


@verb("create", "registry", "json", "offline", "max_stale", "dry_run")
@click.argument("ref", shell_complete=references)
@manager
@click.option(
    "-p", "--path", "folder", metavar="DIR", type=click.Path(path_type=Path),
    help="A plain one there, instead of one in the cache.",
)  # fmt: skip
@click.pass_obj
def create(session: Session, ref: str, manager: str | None, folder: Path | None) -> None:
    """Build the environment that a model asks for.

    The Python and the packages are those of its python_env.yaml and requirements.txt, or conda.yaml with conda; where
    they come from is told by your own settings of pip, uv or conda. In the cache it is shared by all models that ask
    for the same, and is what `predict --env` uses. It is complete, or not there at all.
    """
    from gitreg.registry.environments.create import create_environment

    place = session.open()
    made = create_environment(
        ref, folder, manager=manager, registry=place, dry_run=session.dry_run, steps=session.steps
    )  # fmt: skip
    if session.json:
        session.print_json(
            "env", place, action="create", dry_run=session.dry_run, created=made.to_dict(), environments=[]
        )
        return
    for remark in made.remarks:
        session.say(remark)
    if session.quiet:
        click.echo(made.python)
    elif session.dry_run and not made.reused:
        click.echo(f"{made.manager} would build Python {made.version} for {made.name} in {made.path}:")
        for line in made.requirements:
            click.echo(f"  {line}")
    else:
        click.echo(f"{made.python} is Python {made.version} with what {made.name} needs")
        click.echo(f"activate it: {made.activate}")


@verb("list", "json")
@click.pass_obj
def list_(session: Session) -> None:
    """List the environments in the cache, the one used last first."""
    from gitreg.registry.environments.kept import list_environments

    rows = list_environments()
    if session.json:
        found = [row.to_dict() for row in rows]
        session.print_json("env", None, action="list", dry_run=False, created=None, environments=found)
    elif session.quiet:
        for row in rows:
            click.echo(row.key)
    elif rows:
        print_table(
            _COLUMNS,
            ([row.key, row.version, row.name, show_time(row.used_at), _remark(row.whole, row.in_use)] for row in rows),
        )
    else:
        session.say("no environments: gitreg env create REF builds one")


def _remark(whole: bool, in_use: bool) -> str:
    return "in use" if in_use else "" if whole else "not whole: it is built anew when it is asked for"


@verb("remove", "json", "dry_run")
@click.argument("keys", metavar="[KEY...]", nargs=-1)
@click.option("--unused-for", type=Age(), metavar="AGE", help="Those that nobody has asked for in that time: 30d.")
@click.pass_obj
def remove(session: Session, keys: tuple[str, ...], unused_for: float | None) -> None:
    """Remove environments from the cache, by the keys that `env list` shows.

    One that a program uses stays. `gitreg gc` removes those that nobody asked for in 90 days.
    """
    from gitreg.registry.environments.kept import remove_environments, unused_environments
    from gitreg.stores.clock import now

    if bool(keys) == (unused_for is not None):
        raise click.UsageError("env remove takes KEYs or --unused-for", click.get_current_context())
    if unused_for is not None:
        keys = tuple(row.key for row in unused_environments(now().timestamp() - unused_for))
    gone = remove_environments(keys, dry_run=session.dry_run)
    if session.json:
        found = [row.to_dict() for row in gone]
        session.print_json(
            "env", None, action="remove", dry_run=session.dry_run, created=None, environments=found
        )  # fmt: skip
        return
    for row in gone:
        session.answer(row.key, f"{row.key} {'would be' if session.dry_run else 'is'} removed")
    if not gone:
        session.say("nothing to remove")


command.add_command(create)
command.add_command(list_)
command.add_command(remove)
