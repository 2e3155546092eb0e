"""gitreg r: where gitreg's functions for R are."""

from __future__ import annotations

from pathlib import Path

import click

from gitreg.cli._session import verb

PROGRAM = Path(__file__).resolve().parents[1] / "r" / "gitreg.R"


@verb("r")
def command() -> None:
    """Print the path of gitreg.R, which gives R its functions.

    \b
    In R:  source(system("gitreg r", intern = TRUE))
    """
    click.echo(PROGRAM)
