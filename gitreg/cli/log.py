"""gitreg log [MODEL]: what happened, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import models
from gitreg.cli._session import Session, limit, verb
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import show_time

if TYPE_CHECKING:
    from gitreg.registry.queries.history import Event


@verb("log", "registry", "json", "offline", "max_stale")
@click.argument("model", required=False, shell_complete=models)
@limit
@click.pass_obj
def command(session: Session, model: str | None, limit: int | None) -> None:
    """Show what happened to MODEL, or to all models, the newest first.

    Versions registered, noted on, retired and purged: by whom, when and why.
    """
    from gitreg.registry.queries.history import history

    place = session.open()
    events = history(model or "", limit, registry=place)[::-1]
    if session.json:
        session.print_json("log", place, model=model, events=[event.to_dict() for event in events])
        return
    if not events:
        session.say("nothing happened yet")
        return
    colours = {"registered": "green", "retired": "yellow", "purged": "red"}
    print_table(
        [Column("WHEN"), Column("EVENT", colours=colours), Column("VERSION"), Column("BY"), Column("WHAT")],
        [
            (
                show_time(event.at),
                event.kind,
                f"{event.model}@{event.version}",
                event.by.partition(" <")[0],
                _text(event),
            )
            for event in events
        ],
    )


def _text(event: Event) -> str:
    if event.kind == "noted":
        return f"{event.key} removed" if event.value is None else f"{event.key} = {event.value}"
    return event.text.partition("\n")[0] or (f"run:{event.run_id}" if event.run_id else "")
