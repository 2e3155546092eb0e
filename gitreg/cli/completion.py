"""gitreg completion SHELL: the script that teaches a shell gitreg's names."""

from __future__ import annotations

import click

from gitreg.cli._complete import SHELLS, script
from gitreg.cli._session import verb


@verb("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  eval "$(gitreg completion bash)"      in ~/.bashrc
    zsh:   eval "$(gitreg completion zsh)"       in ~/.zshrc, after compinit
    fish:  gitreg completion fish | source       in ~/.config/fish/config.fish
    """
    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    click.echo(script(group, shell))
