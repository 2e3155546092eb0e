"""gitreg man: the manual page as roff, for docs/gitreg.1."""

from __future__ import annotations

import click

from gitreg.cli._session import verb


@verb("man", hidden=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print the manual page as roff."""
    from gitreg.cli._man import format_man

    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    click.echo(format_man(group), nl=False)
