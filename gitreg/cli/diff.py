"""gitreg diff A B: what two versions, stages or runs differ in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import on_terminal, show_number, show_size

if TYPE_CHECKING:
    from gitreg.format.differences import Diff, FileFacts

DIFFERENT = 1
_BUMPS = {"major": "red", "minor": "yellow", "patch": "green"}


@verb("diff", "registry", "json", "offline", "max_stale")
@click.argument("a", shell_complete=references)
@click.argument("b", shell_complete=references)
@click.option("--exit-code", is_flag=True, help="End with 1 where they differ.")
@click.pass_obj
def command(session: Session, a: str, b: str, exit_code: bool) -> None:
    """Compare two versions, stages or runs.

    Params, metrics, signature with the effect of each change on callers, requirements, flavors, files and source.
    """
    from gitreg.registry.queries.diff import diff

    place = session.open()
    found = diff(a, b, registry=place)
    if session.json:
        session.print_json("diff", place, **found.to_dict())
    elif found.same:
        session.say(f"{found.a} and {found.b} do not differ")
    elif not session.quiet:
        _print(found)
    if exit_code and not found.same:
        click.get_current_context().exit(DIFFERENT)


def _print(found: Diff) -> None:
    _section(found, "PARAM", [(c.name, _text(c.old), _text(c.new)) for c in found.params])
    _section(
        found,
        "METRIC",
        [
            (c.name, _number(c.old), _number(c.new), f"{c.delta:+.6g}" if c.delta is not None else "")
            for c in found.metrics
        ],
        Column("CHANGE", right=True),
        right=True,
    )
    if found.signature:
        print_table(
            [Column("SIGNATURE"), Column("CHANGE"), Column("NEEDS", colours=_BUMPS), Column("EFFECT")],
            [(f"{c.part} {c.name}".strip(), c.what, c.bump, c.effect) for c in found.signature],
        )
        click.echo()
    _section(found, "REQUIREMENT", [(c.name, _text(c.old), _text(c.new)) for c in found.requirements])
    _section(found, "FLAVOR", [(c.name, _text(c.old), _text(c.new)) for c in found.flavors])
    _section(found, "FILE", [(c.path, _file(c.old), _file(c.new)) for c in found.files])
    _section(found, "SOURCE", [(c.name, _text(c.old), _text(c.new)) for c in found.source])
    if found.bump:
        click.echo(f"registered after {found.a}, {found.b} is a {click.style(found.bump, fg=_BUMPS[found.bump])} step")


def _section(found: Diff, head: str, rows: Sequence[Sequence[str]], *more: Column, right: bool = False) -> None:
    if rows:
        print_table([Column(head), Column(found.a, right=right), Column(found.b, right=right), *more], rows)
        click.echo()


def _text(value: str | None) -> str:
    return "-" if value is None else value or '""'


def _number(value: float | None) -> str:
    return "-" if value is None else show_number(value)


def _file(facts: FileFacts | None) -> str:
    if facts is None:
        return "-"
    return f"{show_size(facts.size)} {facts.sha256[:12] if on_terminal() else facts.sha256}"
