"""gitreg stages: what runs where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitreg.cli._session import Session, verb
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import counted
from gitreg.format.times import parse_time, show_age
from gitreg.stores.clock import now

if TYPE_CHECKING:
    from gitreg.registry.promotion.stages import Cell


@verb("stages", "registry", "json", "offline", "max_stale")
@click.pass_obj
def command(session: Session) -> None:
    """Show what every stage runs of every model, for how long, and what is proposed for it.

    With --json since when.
    """
    from gitreg.registry.promotion.stages import grid

    place = session.open()
    found = grid(registry=place)
    if session.json:
        session.print_json("stages", place, **found.to_dict())
        return
    if not found.models:
        known = f" of {counted(len(found.stages), 'stage')}" if found.stages else ""
        session.say(f"nothing runs in any{known}: gitreg promote MODEL STAGE")
        return
    columns = [Column("MODEL", whole=True), *(Column(stage) for stage in found.stages)]
    rows = [(model, *(_text(found.cell(model, stage)) for stage in found.stages)) for model in found.models]
    print_table(columns, rows)


def _text(cell: Cell) -> str:
    since = [show_age(max(0, (now() - parse_time(cell.since)).total_seconds()))] if cell.since else []
    proposed = [f"pull request {pull.number}" for pull in cell.pulls]
    return ", ".join([*([cell.version] if cell.version else []), *since, *proposed])
