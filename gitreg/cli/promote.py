"""gitreg promote REF STAGE: propose that a stage runs a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import references, stages
from gitreg.cli._session import Session, verb

if TYPE_CHECKING:
    from gitreg.registry.promotion.propose import Promotion

no_run = click.option("--no-run", is_flag=True, help="Leave out the commands of gitreg.yaml: evaluate and checks.")


@verb("promote", "registry", "json", "offline", "dry_run")
@click.argument("ref", shell_complete=references)
@click.argument("stage", shell_complete=stages)
@click.option("-m", "--why", default="", metavar="WHY", help="The reason, for those who review it and find it later.")
@no_run
@click.pass_obj
def command(session: Session, ref: str, stage: str, why: str, no_run: bool) -> None:
    """Propose, by a pull request, that STAGE runs the version REF.

    Given again, it brings the open pull request up to date. A check that fails blocks the merge, not the proposal.
    MODEL@OTHER-STAGE is what that stage runs now.
    """
    from gitreg.registry.promotion.promote import propose_promotion

    place = session.open()
    found = propose_promotion(ref, stage, why, registry=place, run=not no_run, dry_run=session.dry_run)
    if session.json:
        session.print_json("promote", place, dry_run=session.dry_run, **found.to_dict())
        return
    print_promotion(session, found)


def print_promotion(session: Session, found: Promotion) -> None:
    """Say where it is proposed, and what blocks it; with -n the change and the body."""
    from gitreg.cli._table import printable
    from gitreg.format.body import without_json

    if session.dry_run:
        session.answer(found.pull.head, printable(f"{found.diff}\n{without_json(found.pull.body)}".rstrip("\n")))
        return
    pull = found.pull
    where = pull.url or f"pull request {pull.number}"
    if session.quiet:
        click.echo(pull.url or pull.number)
        return
    if pull.state == "merged":
        click.echo(f"{where} is merged: {pull.title}")
        for name in found.record:
            click.echo(f"recorded as {name}")
        return
    if found.opened:
        click.echo(f"{where} is opened: {pull.title}")
    elif found.pushed or found.updated:
        before = f" (it was: {found.replaced})" if found.replaced else ""
        click.echo(f"{where} is brought up to date: {pull.title}{before}")
    else:
        click.echo(f"{where} proposes just this already: {pull.title}")
    for report in found.reports:
        for result in report.results:
            for problem in result.problems:
                lacking = result.check == "approvals" and problem.text.endswith(" missing")
                if problem.blocks and not lacking:
                    click.echo(printable(f"blocked by {result.check}: {problem.text}"))
    if found.waits_for:
        click.echo(printable(f"waits for {found.waits_for}"))
    if not pull.url:
        click.echo(f"gitreg pr show {pull.number}")
