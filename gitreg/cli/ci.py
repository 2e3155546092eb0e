"""gitreg ci init, run: what continuous integration is told to do, and does."""

from __future__ import annotations

import click

from gitreg.cli._session import Session, verb


@click.group("ci")
def command() -> None:
    """Let continuous integration check promotions, and record what was merged."""


@verb("init", "registry", "json", "dry_run")
@click.argument("forge", type=click.Choice(["github", "gitlab", "gitea"]))
@click.option("--force", is_flag=True, help="Write over a file that says something else.")
@click.pass_obj
def init(session: Session, forge: str, force: bool) -> None:
    """Write the workflow of a forge into the work tree of main, to be looked at and committed.

    It checks pull requests, writes what it found into them, and runs `gitreg ci run` after a merge that touches
    stages/. Its first lines say which token it needs, and what may be required of a branch.
    """
    from gitreg.registry.promotion.workflows import ci_init

    place = session.open()
    found = ci_init(forge, registry=place, force=force, dry_run=session.dry_run)
    if session.json:
        session.print_json("ci", place, action="init", dry_run=session.dry_run, init=found.to_dict(), run=None)
        return
    if session.dry_run:
        for file in found.files:
            session.say(f"would write {file.path}:" if file.changes else f"{file.path} is there already:")
            click.echo(file.text, nl=False)
        return
    for file in found.files:
        session.answer(file.path, f"{'wrote' if file.changes else 'as it was:'} {file.path}")
    for line in found.to_do:
        session.say(line)


@verb("run", "registry", "json", "dry_run")
@click.pass_obj
def run(session: Session) -> None:
    """Publish the record of each merge that has none, and close promotions that are overtaken.

    Safe to run again, and by two at once. What it could not do is told, and done by the next run.
    """
    from gitreg.registry.promotion.ci import ci_run

    place = session.open()
    found = ci_run(registry=place, dry_run=session.dry_run)
    would = "would be " if session.dry_run else ""
    if session.json:
        session.print_json("ci", place, action="run", dry_run=session.dry_run, init=None, run=found.to_dict())
    else:
        for name in found.records:
            session.answer(name, f"{name} {would or 'is '}recorded")
        for number in found.merged:
            session.say(f"pull request {number}, which plain git merged, {would or 'is '}noted as merged")
        for each in found.closed:
            session.answer(each.pull.number, f"pull request {each.pull.number} {would or 'is '}closed: {each.why}")
        for name in found.left_out:
            session.say(f"{name} cannot be recorded: gitreg audit tells why")
        if not (found.records or found.merged or found.closed or found.left_out or found.failed):
            session.say("nothing to do")
    for error in found.failed[1:]:
        click.echo(f"gitreg: {error.message}", err=True)
    if found.failed:
        raise found.failed[0]


command.add_command(init)
command.add_command(run)
