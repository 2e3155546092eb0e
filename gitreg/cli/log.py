"""gitreg log [MODEL]: what happened to versions, or to a stage, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import models, stages
from gitreg.cli._session import Session, limit, verb
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import show_time

if TYPE_CHECKING:
    from gitreg.registry.place import Registry
    from gitreg.registry.queries.history import Event

STAGED = {"promoted": "green", "rolled back": "yellow", "emptied": "yellow", "unreadable": "red"}


@verb("log", "registry", "json", "offline", "max_stale")
@click.argument("model", required=False, shell_complete=models)
@click.option("--stage", default="", metavar="STAGE", shell_complete=stages,
              help="What STAGE ran: who asked, who approved, why.")  # fmt: skip
@limit
@click.pass_obj
def command(session: Session, model: str | None, stage: str, limit: int | None) -> None:
    """Show what happened to MODEL, or to all models, the newest first.

    Versions registered, noted on, retired and purged: by whom, when and why.
    """
    from gitreg.registry.queries.history import history

    place = session.open()
    if stage:
        _stage(session, place, stage, model or "", limit)
        return
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


def _stage(session: Session, place: Registry, stage: str, model: str, limit: int | None) -> None:
    from gitreg.registry.promotion.audit import shown_approvals
    from gitreg.registry.promotion.stage_log import stage_log

    events = stage_log(stage, model, limit, registry=place)[::-1]
    if session.json:
        session.print_json("promotions", place, model=model or None, stage=stage,
                           promotions=[event.to_dict() for event in events])  # fmt: skip
        return
    heads = ("BEFORE", "AFTER", "BY", "APPROVED BY", "PULL", "WHY")
    print_table(
        [Column("WHEN"), Column("EVENT", colours=STAGED), Column("MODEL"), *map(Column, heads)],
        [
            (show_time(event.at), event.kind + " in an emergency" * bool(event.emergency), event.model,
             event.before or "-", event.after or "-", (event.requested or event.by).partition(" <")[0],
             shown_approvals(event.approvals), event.pull, event.why.partition("\n")[0])
            for event in events
        ],
    )  # fmt: skip


def _text(event: Event) -> str:
    if event.kind == "noted":
        return f"{event.key} removed" if event.value is None else f"{event.key} = {event.value}"
    return event.text.partition("\n")[0] or (f"run:{event.run_id}" if event.run_id else "")
