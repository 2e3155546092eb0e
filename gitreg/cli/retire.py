"""gitreg retire REF -m WHY: a version is never chosen again."""

from __future__ import annotations

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb


@verb("retire", "registry", "json", "dry_run")
@click.argument("ref", shell_complete=references)
@click.option("-m", "--why", required=True, metavar="WHY", help="The reason, for those who find it later.")
@click.pass_obj
def command(session: Session, ref: str, why: str) -> None:
    """Retire a version, for good.

    It stays readable, but no name that moves leads to it any more. Refused while a stage runs it.
    """
    from gitreg.registry.retire import retire

    place = session.open()
    version = retire(ref, why, registry=place, dry_run=session.dry_run)
    if session.json:
        session.print_json("retire", place, dry_run=session.dry_run, version=version.to_dict())
        return
    session.answer(str(version), f"{version} {'would be' if session.dry_run else 'is'} retired")
