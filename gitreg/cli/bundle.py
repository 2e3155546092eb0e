"""gitreg bundle create, apply: versions in one file, for a machine that no network reaches."""

from __future__ import annotations

from pathlib import Path

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb
from gitreg.cli._words import counted, show_size


@click.group("bundle")
def command() -> None:
    """Carry versions to where no network goes, in one file."""


@verb("create", "registry", "json", "offline", "dry_run")
@click.argument("refs", metavar="REF...", nargs=-1, required=True, shell_complete=references)
@click.option(
    "-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path), help="The file to make."
)
@click.option(
    "--since", multiple=True, metavar="REF", shell_complete=references,
    help="What the other side has already, and is left out; may be repeated.",
)  # fmt: skip
@click.pass_obj
def create(session: Session, refs: tuple[str, ...], output: Path, since: tuple[str, ...]) -> None:
    """Put versions and runs into one file, with their payloads, the stages and the notes.

    The file appears complete or not at all.
    """
    from gitreg.registry.bundles.create import create_bundle

    place = session.open()
    done = create_bundle(refs, output, since=since, registry=place, dry_run=session.dry_run, progress=session.progress)
    if session.json:
        session.print_json(
            "bundle", place, action="create", dry_run=session.dry_run, created=done.to_dict(), applied=None
        )
        return
    if session.quiet:
        click.echo(done.path)
        return
    for name in done.names:
        click.echo(name)
    held = f"{counted(done.payloads, 'payload')} ({show_size(done.payload_size)})"
    if session.dry_run:
        click.echo(f"{done.path} would hold {held}")
    else:
        click.echo(f"{done.path} has {show_size(done.size)}, with {held}")


@verb("apply", "registry", "json", "dry_run")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def apply(session: Session, file: Path, folder: Path | None) -> None:
    """Take what such a file holds into the registry; into a new one in DIR.

    All of it is verified before anything is changed. Tags are only made, and main only goes forward. With an origin
    it is published there. Twice is once.
    """
    from gitreg.registry.bundles.apply import apply_bundle

    if folder and session.registry:
        raise click.UsageError("-R names a registry and DIR a new one: give one of them")
    place = None if folder else session.open()
    done = apply_bundle(file, folder, registry=place, dry_run=session.dry_run, progress=session.progress)
    if session.json:
        session.print_json(
            "bundle", place, action="apply", dry_run=session.dry_run, created=None, applied=done.to_dict()
        )
        return
    verb = "would be" if session.dry_run else "is"
    for name in (*done.versions, *(f"run:{run}" for run in done.runs)):
        session.answer(name, f"{name} {verb} new")
    if done.behind:
        session.say("main is further here, and stays")
    if done.payloads:
        many = "would be" if session.dry_run else "are" if done.payloads > 1 else "is"
        session.say(f"{counted(done.payloads, 'payload')} ({show_size(done.payload_size)}) {many} new")
    if done.created:
        session.say(f"{done.registry} {verb} a new registry")
    elif not (done.tags or done.main or done.payloads):
        session.say("nothing new")


command.add_command(create)
command.add_command(apply)
