"""One thing with its facts: a line for each, names to the left."""

from __future__ import annotations

import click

from gitreg.cli._table import printable


def print_facts(*facts: tuple[str, str]) -> None:
    """Print names and values in two columns; those without a value are left out, further lines of a value indented."""
    shown = [(name, value) for name, value in facts if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        lines = printable(value).split("\n")
        click.echo(click.style(f"{name:<{width}}", bold=True) + f"  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{'':{width}}  {line}".rstrip())
