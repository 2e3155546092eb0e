"""gitreg dockerfile REF: an image with a model baked in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb

if TYPE_CHECKING:
    from gitreg.registry.use.image.text import Manager


@verb("dockerfile", "registry", "json", "offline", "max_stale", "dry_run")
@click.argument("ref", shell_complete=references)
@click.option(
    "-o", "--output", "folder", metavar="DIR", type=click.Path(path_type=Path),
    help="Where to write; by default MODEL-image.",
)  # fmt: skip
@click.option("--base", metavar="IMAGE", help="What to build on; by default python:X.Y-slim of the model's Python.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Where it will listen.")
@click.option(
    "--manager", type=click.Choice(["pip", "uv"]), default="pip", show_default=True, help="What installs the packages."
)
@click.option(
    "--wheel", metavar="FILE", type=click.Path(path_type=Path),
    help="gitreg's own wheel, where the package index has none.",
)  # fmt: skip
@click.option(
    "--wheels", metavar="DIR", type=click.Path(path_type=Path),
    help="The wheels of everything: no index is asked then.",
)  # fmt: skip
@click.pass_obj
def command(
    session: Session, ref: str, folder: Path | None, base: str | None, port: int, manager: Manager, wheel: Path | None,
    wheels: Path | None,
) -> None:  # fmt: skip
    """Write a Dockerfile that serves a model, and the folder to build it from.

    The model lies in the image, verified against its digest at each start; the image needs no registry. Where REF is a
    stage, it is the version that the stage runs now. The same version gives the same files.
    """
    from gitreg.registry.use.image.dockerfile import write_dockerfile

    place = session.open()
    done = write_dockerfile(
        ref, folder, base=base, port=port, manager=manager, wheel=wheel, wheels=wheels, registry=place,
        dry_run=session.dry_run, progress=session.progress,
    )  # fmt: skip
    if session.json:
        session.print_json("dockerfile", place, dry_run=session.dry_run, **done.to_dict())
        return
    for remark in done.remarks:
        session.say(f"remark: {remark}")
    now = f", which {done.asked} is now," if done.moves else ""
    session.answer(str(done.path), f"{done.name}{now} {'would go to' if session.dry_run else 'is in'} {done.path}")
    session.say(f"build it: {done.build}")
