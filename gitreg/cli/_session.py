"""What was asked of every command alike: which registry, how to answer; and the options that tell it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gitreg.registry.place import Registry
    from gitreg.registry.progress import Progress, Steps

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Session:
    """The global options of this call."""

    registry: str | None = None
    json: bool = False
    offline: bool = False
    max_stale: float | None = None
    dry_run: bool = False
    quiet: bool = False
    verbose: bool = False

    def open(self) -> Registry:
        """The registry that is meant."""
        from gitreg.registry.place import open_registry

        return open_registry(self.registry, offline=self.offline or None, max_stale=self.max_stale)

    @property
    def progress(self) -> Progress:
        """A bar on a terminal, silence elsewhere."""
        from gitreg.cli._progress import choose

        return choose(quiet=self.quiet)

    @property
    def steps(self) -> Steps:
        """A line on a terminal that tells what another tool is doing, silence elsewhere."""
        from gitreg.cli._progress import choose_steps

        return choose_steps(quiet=self.quiet)

    def say(self, text: str = "") -> None:
        """Print a remark: nothing with -q, and nothing beside JSON."""
        if not self.quiet and not self.json:
            click.echo(text)

    def answer(self, short: str, long: str) -> None:
        """Print the result of a command: in a sentence, or with -q its name alone."""
        click.echo(short if self.quiet else long)

    def print_json(self, name: str, place: Registry | None, /, **facts: object) -> None:
        """Print the answer as the JSON object that docs/schema/<name>.json describes."""
        from gitreg.cli._json import print_object

        print_object(name, place, facts)


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value is not None and value is not False:  # an empty text is one that was given
        setattr(ctx.ensure_object(Session), str(param.name), value)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from gitreg import __version__

        click.echo(f"gitreg {__version__}")
        ctx.exit()


def _option(*names: str, **own: Any) -> Callable[[], click.Option]:
    settings: dict[str, Any] = {"expose_value": False, "callback": _remember, **own}
    return functools.partial(click.Option, names, **settings)


class Age(click.ParamType[float]):
    """How old something may be, in seconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from gitreg.errors import Refused
        from gitreg.format.times import parse_age

        try:
            return parse_age(str(value), "age")
        except Refused as error:
            found = click.UsageError(f"{param.opts[-1] if param else 'it'}: {error.message}", ctx)
            found.hint = error.hint  # type: ignore[attr-defined]  # report() reads it
            raise found from None


GLOBALS: Mapping[str, Callable[[], click.Option]] = {
    "registry": _option(
        "-R", "--registry", metavar="PATH-OR-URL", help="The registry: a folder or an address, URL#BRANCH for a branch."
    ),
    "json": _option("--json", is_flag=True, help="Answer with a JSON object."),
    "offline": _option("--offline", is_flag=True, help="Ask nobody: answer with what is here."),
    "max_stale": _option(
        "--max-stale",
        type=Age(),
        metavar="AGE",
        help="While the origin is away, answer with what was fetched no longer ago: 30m, 24h.",
    ),
    "dry_run": _option("-n", "--dry-run", is_flag=True, help="Only say what would be done."),
    "quiet": _option("-q", "--quiet", is_flag=True, help="Print names only: no remarks, no progress."),
    "verbose": _option("-v", "--verbose", is_flag=True, help="Show where an error comes from."),
    "version": _option("--version", is_flag=True, is_eager=True, callback=_version, help="Print gitreg's version."),
}
_EVERYWHERE = ("quiet", "verbose", "version")
_SPELLED = {
    "registry": ("-R", "--registry"), "json": ("--json",), "offline": ("--offline",),
    "max_stale": ("--max-stale",), "dry_run": ("-n", "--dry-run"),
}  # fmt: skip


class RegistryCommand(click.Command):
    """A command with those of the global options that mean something to it, also behind its name.

    `instead` has hints for some of the others.
    """

    def __init__(
        self, *args: Any, takes: tuple[str, ...] = (), instead: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self.takes = (*takes, *_EVERYWHERE)
        self.instead = instead or {}
        own = {spelled for param in self.params for spelled in param.opts}
        self.params += [option() for name, option in GLOBALS.items() if name in self.takes and f"--{name}" not in own]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            for name, spellings in _SPELLED.items():
                if error.option_name in spellings:
                    raise self._takes_no(name, error.option_name, ctx) from None
            raise
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click's parser leaves it out where an option lacks its value
            raise

    def invoke(self, ctx: click.Context) -> Any:
        session = ctx.ensure_object(Session)
        for name, spellings in _SPELLED.items():
            if name not in self.takes and getattr(session, name) not in (None, False):
                raise self._takes_no(name, spellings[0], ctx)
        return super().invoke(ctx)

    def _takes_no(self, name: str, spelled: str, ctx: click.Context) -> click.UsageError:
        error = click.UsageError(f"{ctx.info_name} takes no {spelled}", ctx)
        if name in self.instead:
            error.hint = self.instead[name]  # type: ignore[attr-defined]  # report() reads it
        return error


class Count(click.ParamType[int]):
    """A whole number from 0."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if re.fullmatch("[0-9]{1,18}", str(value)):
            return int(value)
        spelled = param.opts[-1] if param else "it"
        raise click.UsageError(f"{spelled} is {value!r}, not a whole number from 0", ctx)


def verb(name: str, *takes: str, **settings: Any) -> Callable[[F], click.Command]:
    """Make a function the command `name`; `takes` are the global options that it minds beside -q and -v."""
    unknown = set(takes) - set(GLOBALS)
    assert not unknown, unknown
    return click.command(name, cls=RegistryCommand, takes=takes, **settings)


where = click.option(
    "--where", default="", metavar="FILTER", help="As in \"metrics.accuracy > 0.9 AND stage = 'prod'\"."
)
order_by = click.option(
    "--order-by", multiple=True, metavar="NAME [DESC]", help="As in 'metrics.accuracy DESC'; may be repeated."
)
limit = click.option("--limit", type=Count(), metavar="N", help="At most N rows.")
at = click.option("--at", metavar="TIME", help="As it was then: 2026-11-22 or 2026-11-22T13:37:00Z.")
