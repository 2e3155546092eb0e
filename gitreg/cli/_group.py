"""The command `gitreg`: which commands there are, and the one place where errors become text and exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from gitreg.cli._errors import report, show_warning
from gitreg.cli._session import GLOBALS, Session

GROUPS: dict[str, tuple[str, ...]] = {
    "Start a registry": ("init", "status", "doctor"),
    "Record what was trained": ("commit", "register", "note", "retire"),
    "Read": ("ls", "runs", "show", "log", "diff", "cat"),
    "Move between machines": ("push", "fetch", "pull", "bundle"),
    "Use a model": ("predict", "serve", "env", "dockerfile"),
    "Promote": ("promote", "rollback", "stages", "pr", "check", "blame", "audit"),
    "Look after": ("protect", "hooks", "ci", "fsck", "gc", "purge"),
    "Set up the shell": ("completion", "r"),
}
HIDDEN = ("man",)
COMPLETE = "_GITREG_COMPLETE"

_ABOUT = """A model registry that is just Git.

A run is a commit, a version is a tag, a stage is a file on main, a promotion is a pull request.

\b
A model is named as
  MODEL, MODEL@latest     its greatest version
  MODEL@v1.3.0, MODEL@7   one version, by semver or by number
  MODEL@v1, MODEL@v1.3    the greatest version of that line
  MODEL@STAGE             what a stage runs
  run:ID[/PATH]           a model of a run, registered or not
"""


class Gitreg(click.Group):
    """The group of all commands, each in the module of its name."""

    def __init__(self) -> None:
        super().__init__(
            "gitreg",
            help=_ABOUT,
            params=[option() for option in GLOBALS.values()],
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
            no_args_is_help=False,
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in GROUPS.values() for name in names]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in (*self.list_commands(ctx), *HIDDEN):
            return None
        found = import_module(f"gitreg.cli.{name}").command
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise _no_such_command(args[0], self.list_commands(ctx), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(ctx)))
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self._summary(ctx, name)) for name in names])

    def _summary(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(80) if command else ""

    def main(  # type: ignore[override]  # it always returns the exit code
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> int:
        session = Session()
        prog_name = prog_name or "gitreg"
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            try:
                if instruction := os.environ.get(COMPLETE):
                    from gitreg.cli._complete import complete

                    return complete(self, instruction)
                given = list(sys.argv[1:] if args is None else args)
                with self.make_context(prog_name, given or ["--help"], obj=session) as ctx:
                    ctx.color = False if os.environ.get("NO_COLOR") else None
                    self.invoke(ctx)
                sys.stdout.flush()
                return 0
            except click.exceptions.Exit as ended:
                return ended.exit_code
            except BaseException as error:  # report() tells errors, Ctrl-C and bugs apart
                return report(error, session)


def _no_such_command(name: str, known: list[str], ctx: click.Context) -> click.UsageError:
    import difflib

    close = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(close)}?" if close else f"{ctx.command_path} --help lists them"
    error = click.UsageError(f"there is no command {name!r}", ctx)
    error.hint = hint  # type: ignore[attr-defined]  # report() reads it
    return error
