"""gitreg blame MODEL@STAGE: which promotion changed each fact."""

from __future__ import annotations

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import show_time


@verb("blame", "registry", "json", "offline", "max_stale")
@click.argument("ref", metavar="MODEL@STAGE", shell_complete=references)
@click.pass_obj
def command(session: Session, ref: str) -> None:
    """Tell of each fact of a stage which promotion changed it last, and from what."""
    from gitreg.registry.promotion.blame import blame

    place = session.open()
    found = blame(ref, registry=place)
    if session.json:
        session.print_json("blame", place, ref=ref, facts=[each.to_dict() for each in found])
        return
    print_table(
        [Column("WHEN"), Column("PULL"), Column("CHANGE"), Column("FACT", whole=True), Column("IS"), Column("WAS")],
        [
            (show_time(each.at), each.pull or each.commit[:12], f"{each.before or '-'} -> {each.after or '-'}",
             each.name, each.value, "" if each.was is None else each.was)
            for each in found
        ],
    )  # fmt: skip
