"""gitreg rollback MODEL STAGE: propose that a stage runs again what it ran before."""

from __future__ import annotations

import click

from gitreg.cli._complete import models, stages
from gitreg.cli._session import Session, verb
from gitreg.cli.promote import no_run, print_promotion


@verb("rollback", "registry", "json", "offline", "dry_run")
@click.argument("model", shell_complete=models)
@click.argument("stage", shell_complete=stages)
@click.option("--to", metavar="REF", help="A version that it ran: MODEL@v1.2.0, or v1.2.0.")
@click.option("-m", "--why", default="", metavar="WHY", help="The reason, for those who review it and find it later.")
@click.option("--emergency", is_flag=True, help="Merge it at once. Only for those whom gitreg.yaml names; needs -m.")
@no_run
@click.pass_obj
def command(session: Session, model: str, stage: str, to: str | None, why: str, emergency: bool, no_run: bool) -> None:
    """Propose a pull request that puts STAGE of MODEL back to what it ran before.

    The file is put back byte for byte. Where there was none, the stage is emptied.
    """
    from gitreg.registry.promotion.rollback import propose_rollback

    place = session.open()
    found = propose_rollback(
        model, stage, to, why, emergency=emergency, registry=place, run=not no_run, dry_run=session.dry_run
    )
    if session.json:
        session.print_json("rollback", place, dry_run=session.dry_run, emergency=emergency, **found.to_dict())
        return
    print_promotion(session, found)
