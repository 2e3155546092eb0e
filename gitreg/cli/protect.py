"""gitreg protect: the rules of the forge that fit the registry's policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitreg.cli._session import Session, verb

if TYPE_CHECKING:
    from gitreg.registry.promotion.protect import Protected

NO = 1


@verb("protect", "registry", "json", "offline")
@click.option("--apply", is_flag=True, help="Set them; needs the token of an administrator.")
@click.pass_context
def command(ctx: click.Context, apply: bool) -> None:
    """Show the branch and tag rules that make everybody promote by pull request.

    With --apply they are set by the forge's API, again whenever the policy has changed. For a registry in bare Git
    they are commands for its server. Ends with 1 if --apply could not set all of them.
    """
    from gitreg.registry.promotion.protect import protect

    session = ctx.ensure_object(Session)
    place = session.open()
    found = protect(apply=apply, registry=place)
    if session.json:
        session.print_json("protect", place, **found.to_dict())
    else:
        _print(session, found)
    if any(step.state == "impossible" for step in found.steps):
        ctx.exit(NO)


def _print(session: Session, found: Protected) -> None:
    from gitreg.cli._table import Column, print_table

    where = found.forge.host or "bare Git"
    columns = (Column("", colours={"set": "green", "there": "green", "impossible": "red"}), Column("rule"),
               Column("what", whole=True), Column("to do", whole=True, colours={"": "cyan"}))  # fmt: skip
    rows = [
        (step.state, step.name, step.about, step.why or (step.command if step.state == "wanted" else ""))
        for step in found.steps
    ]
    print_table(columns, rows)
    session.say(f"{where}: {found.limits}")
    if not found.applied and found.forge.kind not in {"local", "pagure"}:
        session.say("gitreg protect --apply sets them; gitreg protect --json shows the requests")
