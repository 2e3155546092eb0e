"""gitreg push: runs and what waited for the origin go there."""

from __future__ import annotations

import click

from gitreg.cli._complete import runs
from gitreg.cli._session import Session, verb


@verb("push", "registry", "json", "offline", "dry_run")
@click.argument("refs", metavar="[REF]...", nargs=-1, shell_complete=runs)
@click.option("--all", "everything", is_flag=True, help="Every run that the origin does not have.")
@click.pass_obj
def command(session: Session, refs: tuple[str, ...], everything: bool) -> None:
    """Send runs, notes and pending registrations to the origin.

    A run travels when it is registered or named here. Without REF only what waited is completed: versions that were
    registered while the origin was away, notes, and pull requests in bare Git.
    """
    from gitreg.registry.push import push

    place = session.open()
    done = push(*refs, all=everything, registry=place, dry_run=session.dry_run, progress=session.progress)
    if session.json:
        session.print_json("push", place, dry_run=session.dry_run, **done.to_dict())
        return
    what = "would be sent" if session.dry_run else "sent"
    for run in done.runs:
        session.answer(f"run:{run}", f"run:{run} {what}")
    for version in done.versions:
        session.answer(
            str(version), f"{version} (number {version.number}) {'would be' if session.dry_run else 'is'} registered"
        )
    for number in done.pulls:
        session.answer(number, f"pull request {number} {what}")
    if not done.runs and not done.versions and not done.pulls:
        session.say("nothing waited for the origin")
