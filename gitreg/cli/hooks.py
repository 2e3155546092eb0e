"""gitreg hooks install, uninstall, run: what git runs before it commits, pushes, and takes a push."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitreg.cli._session import Session, verb

if TYPE_CHECKING:
    from gitreg.checks._base import Problem
    from gitreg.registry.hooks.install import Hook

REFUSED = 1
_STAGES = ("pre-commit", "pre-push", "pre-receive")


@click.group("hooks")
def command() -> None:
    """Let git check what is committed, pushed and received."""


_server = click.option("--server", is_flag=True, help="The hook of a bare repository, which judges every push.")
_folder = click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))


@verb("install", "json", "dry_run")
@_server
@_folder
@click.pass_obj
def install(session: Session, server: bool, folder: Path | None) -> None:
    """Install hooks in the repository of DIR, beside those that are there.

    A hook that is there is kept and runs first. Twice is once.
    """
    from gitreg.registry.hooks.install import install as verb

    _tell(session, "install", verb(folder or Path(), server=server, dry_run=session.dry_run))


@verb("uninstall", "json", "dry_run")
@_server
@_folder
@click.pass_obj
def uninstall(session: Session, server: bool, folder: Path | None) -> None:
    """Take gitreg's hooks away, and put back those that were there before."""
    from gitreg.registry.hooks.install import uninstall as verb

    _tell(session, "uninstall", verb(folder or Path(), server=server, dry_run=session.dry_run))


@verb("run")
@click.argument("stage", type=click.Choice(_STAGES), metavar="STAGE")
@click.argument("given", metavar="[ARGUMENT]...", nargs=-1)
@click.pass_context
def run(ctx: click.Context, stage: str, given: Sequence[str]) -> None:
    """Be a hook of git: pre-commit, pre-push or pre-receive. The stubs call it."""
    session = ctx.ensure_object(Session)
    if stage == "pre-receive":
        from gitreg.registry.hooks.receive import main

        main()
    if stage == "pre-commit":
        from gitreg.registry.hooks.before_commit import check_index

        found = check_index()
    else:
        from gitreg.registry.hooks.before_push import check_push, lines_of_pre_commit

        framework = "PRE_COMMIT" in os.environ
        lines = lines_of_pre_commit(os.environ) if framework else sys.stdin.read().splitlines()
        found = check_push(lines, session.progress)
    if found:
        _refuse(stage, found)
        ctx.exit(REFUSED)


def _tell(session: Session, action: str, hooks: Sequence[Hook]) -> None:
    if session.json:
        shown = [hook.to_dict() for hook in hooks]
        session.print_json("hooks", None, action=action, dry_run=session.dry_run, hooks=shown)
        return
    for hook in hooks:
        verb = "would be " if session.dry_run and hook.state not in ("unchanged", "absent") else ""
        kept = ", after the one that was there before" if hook.state == "installed" and hook.chained else ""
        back = (
            "; the one from before is back" if hook.state == "removed" and hook.chained and not session.dry_run else ""
        )
        session.answer(hook.path, f"{hook.path}: {verb}{hook.state}{kept}{back}")


def _refuse(stage: str, found: Iterable[Problem]) -> None:
    what = {"pre-commit": "this commit", "pre-push": "this push"}[stage]
    click.echo(f"gitreg: {what} is refused", err=True)
    for problem in found:
        click.echo(f"  {problem.text}", err=True)
        if problem.hint:
            click.echo(f"    hint: {problem.hint}", err=True)


command.add_command(install)
command.add_command(uninstall)
command.add_command(run)
