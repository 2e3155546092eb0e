"""gitreg audit [MODEL]: what reached each stage, and who let it."""

from __future__ import annotations

import sys

import click

from gitreg.cli._complete import models, stages
from gitreg.cli._session import Session, verb
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import show_time


@verb("audit", "registry", "json", "offline")
@click.argument("model", required=False, shell_complete=models)
@click.option("--stage", default="", metavar="STAGE", shell_complete=stages, help="This stage alone.")
@click.option("--csv", is_flag=True, help="A table for a spreadsheet.")
@click.pass_obj
def command(session: Session, model: str | None, stage: str, csv: bool) -> None:
    """Tell every change of what stages run, the oldest first: who asked, who approved, who merged.

    From main's history and the record tags alone, so a plain clone is enough and nobody is asked. What lacks a record,
    was pushed past everybody, or disagrees with main is remarked on.
    """
    from gitreg.registry.promotion.audit import audit, columns, shown_approvals

    if csv and session.json:
        raise click.UsageError("--csv and --json are two forms of one answer: give one of them")
    place = session.open()
    found = audit(model or "", stage, registry=place)
    if session.json:
        session.print_json("audit", place, model=model, stage=stage or None, changes=[each.to_dict() for each in found])
        return
    if csv:
        import csv as tables

        tables.writer(sys.stdout, lineterminator="\n").writerows(columns(found))
        return
    if not found:
        session.say("no stage ever ran anything")
        return
    heads = [Column("WHEN"), Column("STAGE"), Column("MODEL"), Column("BEFORE"), Column("AFTER"),
             Column("REQUESTED BY", spare=True), Column("APPROVED BY"), Column("MERGED BY", spare=True), Column("PULL"),
             Column("WHY", spare=True), Column("REMARKS", whole=True, colours={"": "yellow"})]  # fmt: skip
    print_table(
        heads,
        [
            (show_time(each.at), each.stage, each.model, each.before or "-", each.after or "-",
             _name(each.requested), shown_approvals(each.approvals), _name(each.merged_by), each.pull,
             each.why.partition("\n")[0], "; ".join(remark.text for remark in each.remarks))
            for each in found
        ],
    )  # fmt: skip
    remarked = sum(bool(each.remarks) for each in found)
    count = f"{len(found)} change{'s' * (len(found) != 1)}"
    session.say(f"{count}: {f'{remarked} with remarks' if remarked else 'nothing to remark on'}")
    if any(remark.kind == "no-record" for each in found for remark in each.remarks):
        brings = "gitreg fetch brings records, " if place.remote else ""
        session.say(f"{brings}gitreg ci run writes those that are missing")


def _name(who: str) -> str:
    return who.partition(" <")[0]
