"""gitreg fetch: what others published comes here."""

from __future__ import annotations

import click

from gitreg.cli._session import Session, verb
from gitreg.cli._words import counted


@verb("fetch", "registry", "json", "offline")
@click.pass_obj
def command(session: Session) -> None:
    """Bring versions, stages and notes from the origin."""
    from gitreg.registry.push import fetch

    place = session.open()
    new = fetch(registry=place)
    if session.json:
        session.print_json("fetch", place, tags=new)
        return
    session.say(f"{counted(new, 'new tag')}" if new else "nothing new")
