"""gitreg register RUN MODEL: a run's model becomes a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import models, runs
from gitreg.cli._session import Session, verb

if TYPE_CHECKING:
    from gitreg.format.semver import Bump


@verb("register", "registry", "json", "offline", "dry_run")
@click.argument("run", shell_complete=runs)
@click.argument("model", shell_complete=models)
@click.option("--bump", type=click.Choice(["patch", "minor", "major"]), help="Ask for a larger step than is needed.")
@click.option("--version", "exact", metavar="vX.Y.Z", help="Exactly this version; a pre-release only so.")
@click.option("--line", metavar="vX[.Y]", help="The next version of an older line.")
@click.option("-m", "--description", default="", metavar="TEXT", help="What is to be said of it.")
@click.pass_obj
def command(
    session: Session, run: str, model: str, bump: Bump | None, exact: str | None, line: str | None, description: str,
) -> None:  # fmt: skip
    """Make a run's model the next version of MODEL.

    RUN is a run's id, or run:ID/PATH where the run holds several models, or MODEL@VERSION of another model. The
    version is computed: the signature is compared with those of the versions before, and what would break their
    callers makes it a major one. It exists from the moment that the origin has it.
    """
    from gitreg.registry.register import register

    place = session.open()
    made = register(
        run if ":" in run or "@" in run else f"run:{run}", model, description=description, bump=bump, version=exact,
        line=line, registry=place, dry_run=session.dry_run, progress=session.progress,
    )  # fmt: skip
    if session.json:
        session.print_json("register", place, dry_run=session.dry_run, version=made.to_dict())
        return
    done = "would be" if session.dry_run else "is"
    session.answer(str(made), f"{made} (number {made.number}) {done} run:{made.run_id}/{made.path}")
