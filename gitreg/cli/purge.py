"""gitreg purge REF -m WHY: a version goes for good, and a tombstone says that it was there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb
from gitreg.cli._words import counted, show_size

if TYPE_CHECKING:
    from gitreg.registry.care.purge import Purged


@verb("purge", "registry", "json", "dry_run")
@click.argument("ref", shell_complete=references)
@click.option("-m", "--why", required=True, metavar="WHY", help="The reason; it stays readable in the tombstone.")
@click.option("--yes", is_flag=True, help="Do it; without it only what would be done is said.")
@click.pass_obj
def command(session: Session, ref: str, why: str, yes: bool) -> None:
    """Replace a version by a tombstone, for good: an administrator's last resort.

    Its number and name are never used again. Its run goes too unless another version needs it. The bytes go from the
    payload store with gitreg gc --remote. Refused while a stage runs it.
    """
    from gitreg.registry.care.purge import purge

    place = session.open()
    done = purge(ref, why, registry=place, yes=yes and not session.dry_run)
    if session.json:
        session.print_json("purge", place, dry_run=not yes or session.dry_run, **done.to_dict())
        return
    if done.already:
        session.answer(str(done.version), f"{done.version} was purged before{'' if done.done else ', not completely'}")
    else:
        session.answer(str(done.version), f"{done.version} {'is' if done.done else 'would be'} purged")
        _tell(session, done)
    if not done.done:
        session.say("add --yes to do it")


def _tell(session: Session, done: Purged) -> None:
    run = f"run:{done.version.run_id}"
    verb = "goes" if not done.done else "went"
    session.say(f"{run} stays: {done.run_kept} needs it" if done.run_kept else f"{run} {verb} with it")
    for item in done.payloads:
        session.say(f"  {item.name}  {show_size(item.payload.size)}")
    if done.payloads:
        session.say(f"{counted(len(done.payloads), 'payload')} that nothing else needs: gitreg gc --remote takes them")
