"""gitreg fsck: whether a registry holds what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import models
from gitreg.cli._session import Session, verb

if TYPE_CHECKING:
    from gitreg.registry.care.fsck import Checked

NO = 1


@verb("fsck", "registry", "json", "offline")
@click.argument("models", metavar="[MODEL]...", nargs=-1, shell_complete=models)
@click.option("--remote", is_flag=True, help="Ask the payload store and the origin, too.")
@click.option("--repair", is_flag=True, help="Mend what can be mended safely; no ref that disagrees is rewritten.")
@click.pass_context
def command(ctx: click.Context, models: tuple[str, ...], remote: bool, repair: bool) -> None:
    """Look through a registry: tags, files, sums, payloads, stages, notes.

    With MODEL only its versions and their runs. Ends with 1 if something is wrong; remarks are no faults.
    """
    from gitreg.registry.care.fsck import fsck

    session = ctx.ensure_object(Session)
    place = session.open()
    found = fsck(*models, remote=remote, repair=repair, registry=place, progress=session.progress)
    if session.json:
        session.print_json("fsck", place, **found.to_dict())
    else:
        _print(session, found)
    if not found.ok:
        ctx.exit(NO)


def _print(session: Session, found: Checked) -> None:
    from gitreg.cli._table import Column, print_table

    for done in found.mended:
        session.say(done)
    shown = [fault for fault in found.faults if not (session.quiet and fault.remark)]
    if shown:
        columns = (Column("", colours={"wrong": "red"}), Column("rule"), Column("thing"), Column("what", whole=True),
                   Column("to do", whole=True, colours={"": "cyan"}))  # fmt: skip
        print_table(columns, [("" if f.remark else "wrong", f.rule, f.thing, f.message, f.hint) for f in shown])
    faults, remarks = sum(not fault.remark for fault in found.faults), sum(fault.remark for fault in found.faults)
    counts = {"model": found.models, "version": found.versions, "run": found.runs, "payload": found.payloads}
    looked = ", ".join(f"{count:,} {what}{'s' * (count != 1)}" for what, count in counts.items())
    said = f"{faults:,} wrong" if faults else "nothing is wrong"
    session.say(f"{looked}: {said}" + (f", {remarks:,} remark{'s' * (remarks != 1)}" if remarks else ""))
