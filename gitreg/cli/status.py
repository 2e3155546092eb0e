"""gitreg status: a registry at a glance."""

from __future__ import annotations

import click

from gitreg.cli._facts import print_facts
from gitreg.cli._session import Session, verb
from gitreg.cli._words import counted, show_time


@verb("status", "registry", "json", "offline")
@click.pass_obj
def command(session: Session) -> None:
    """Show what the registry holds, and what is only here."""
    from gitreg.registry.care.status import status

    place = session.open()
    found = status(place)
    if session.json:
        session.print_json("status", place, **found.to_dict() | {"stale": found.stale})
        return
    print_facts(
        ("registry", f"{found.where}, branch {found.branch}"),
        ("origin", found.origin or "none: this repository is the registry"),
        ("payloads", found.payloads or "none"),
        (
            "holds",
            f"{counted(found.models, 'model')}, {counted(found.versions, 'version')}, {counted(found.runs, 'run')}",
        ),
        ("fetched", show_time(found.fetched) if found.origin else ""),
    )
    for run in found.open_runs:
        session.say(f"run {run.id} is {run.status}" + (f": {run.name}" if run.name else ""))
    if found.unpushed is None:
        session.say("the origin was not asked" if place.offline else "the origin does not answer")
    elif found.unpushed:
        session.say(f"{counted(len(found.unpushed), 'run')} only here: gitreg push --all sends them")
    for wish in found.wishes:
        session.say(f"{wish} waits for the origin: gitreg push registers it")
    for number in found.pulls:
        session.say(f"pull request {number} waits for the origin: gitreg push sends it")
