"""gitreg init [DIR]: a registry begins."""

from __future__ import annotations

import click

from gitreg.cli._session import Session, verb


@verb("init", "json", "dry_run")
@click.argument("folder", metavar="[DIR]", default=".")
@click.option("--origin", metavar="PATH-OR-URL", help="Where everybody finds it; made if nothing is there.")
@click.option("--payloads", metavar="URL", help="Where large files go; by default into a folder inside the origin.")
@click.pass_obj
def command(session: Session, folder: str, origin: str | None, payloads: str | None) -> None:
    """Begin a registry, or join the one at an origin.

    In a new or empty folder it is a repository of its own; inside a repository with code it is a branch, gitreg, and
    the code is left alone.
    """
    from gitreg.registry.start.init import init

    made = init(folder, origin=origin, payloads=payloads, dry_run=session.dry_run)
    if session.json:
        session.print_json("init", None, dry_run=session.dry_run, **made.to_dict())
        return
    done = ("would join" if made.joined else "would begin") if session.dry_run else "joined" if made.joined else "began"
    session.answer(made.path, f"{done} the registry in {made.path}, branch {made.branch}")
    if made.origin:
        session.say(f"origin    {made.origin}" + (" (made)" if made.created_origin and not session.dry_run else ""))
    session.say(f"payloads  {made.payloads}")
