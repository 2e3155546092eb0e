"""gitreg gc: what nothing needs any more goes."""

from __future__ import annotations

from datetime import timedelta

import click

from gitreg.cli._session import Age, Session, verb
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import counted, show_size

_COLUMNS = (
    Column("KIND"), Column("WHERE"), Column("WHAT", whole=True), Column("SIZE", right=True), Column("WHY", spare=True),
)  # fmt: skip


@verb("gc", "registry", "json", "offline", "dry_run")
@click.option(
    "--runs-older-than", type=Age(), metavar="AGE",
    help="Also runs that ended so long ago and were never registered: 90d.",
)  # fmt: skip
@click.option("--remote", is_flag=True, help="Also at the origin and in its payload store.")
@click.option("--grace", type=Age(), metavar="AGE", help="What is younger stays (1d if not given).")
@click.option("--yes", is_flag=True, help="Do it; without it only what would go is said.")
@click.pass_obj
def command(session: Session, runs_older_than: float | None, remote: bool, grace: float | None, yes: bool) -> None:
    """Remove what no version, run, stage or open program needs.

    Payloads nothing names, snapshots that can be made again, leftovers of killed programs, copies of addresses and
    environments of models that nobody asked for in 90 days. The origin must answer: what it has is needed, too. With
    --remote its payload store must be this registry's alone.
    """
    from gitreg.registry.care.gc import GRACE, gc

    place = session.open()
    older = timedelta(seconds=runs_older_than) if runs_older_than is not None else None
    kept = timedelta(seconds=grace) if grace is not None else GRACE
    do = yes and not session.dry_run
    done = gc(registry=place, runs_older_than=older, remote=remote, grace=kept, yes=do, progress=session.progress)
    if session.json:
        session.print_json("gc", place, dry_run=not do, **done.to_dict())
        return
    if session.quiet:
        for row in done.waste:
            click.echo(row.what)
        return
    if done.waste:
        print_table(_COLUMNS, ([r.kind, r.where, r.what, show_size(r.size), r.why] for r in done.waste))
    for stays in done.kept:
        session.say(
            f"{counted(stays.count, 'payload')} ({show_size(stays.size)}) {_WHERE[stays.where]} stay: {stays.what}"
        )
    if not done.waste:
        session.say("nothing may go")
    else:
        session.say(f"{show_size(done.size)} {'were freed' if done.done else 'would be freed: add --yes to do it'}")


_WHERE = {"here": "here", "store": "in the store"}
