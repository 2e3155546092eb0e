"""gitreg pull REF [DIR]: a model as a plain MLflow Models directory."""

from __future__ import annotations

from pathlib import Path

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb


@verb("pull", "registry", "json", "offline", "max_stale", "dry_run")
@click.argument("ref", shell_complete=references)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def command(session: Session, ref: str, folder: Path | None) -> None:
    """Write a model as a plain MLflow Models directory.

    DIR is named after the model where it is not given. It appears complete and verified, or not at all.
    """
    from gitreg.registry.use.locate import locate
    from gitreg.registry.use.pull import pull

    place = session.open()
    found = locate(place, ref)
    path = pull(found.name, folder, registry=place, dry_run=session.dry_run, progress=session.progress)
    if session.json:
        version = found.version.to_dict() if found.version else None
        session.print_json(
            "pull", place, dry_run=session.dry_run, ref=found.name, version=version, path=str(path.absolute())
        )
        return
    session.answer(str(path), f"{found.name} {'would go to' if session.dry_run else 'is in'} {path}")
