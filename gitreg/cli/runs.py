"""gitreg runs: what was trained."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from gitreg.cli._session import Session, limit, order_by, verb, where
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import on_terminal, show_number, show_time

if TYPE_CHECKING:
    from gitreg.format.runs import Run

_SHORTEST = 8
_MADE_UP = re.compile(r"[0-9a-f]{32}")
_COLUMNS_ON_TERMINAL = 5
_COLOURS = {"failed": "red", "abandoned": "red", "running": "green", "interrupted": "yellow"}


@verb("runs", "registry", "json", "offline", "max_stale")
@where
@order_by
@limit
@click.pass_obj
def command(session: Session, where: str, order_by: tuple[str, ...], limit: int | None) -> None:
    """List the runs, the newest first: ended ones, and those open on this machine.

    --where takes MLflow's filters, and what gitreg adds to them: model, version, number, stage, flavor, labels.NAME.
    """
    from gitreg.registry.queries.search import search_runs

    place = session.open()
    runs = search_runs(where, order_by, limit, registry=place)
    if session.json:
        session.print_json("runs", place, runs=[run.to_dict() for run in runs])
    elif session.quiet:
        for run in runs:
            click.echo(str(run))
    elif runs:
        _print_runs(runs)
    else:
        session.say("no run matches" if where else "nothing is logged yet")


def _print_runs(runs: Sequence[Run]) -> None:
    metrics = _keys(run.metrics for run in runs)
    params = _keys(run.params for run in runs)
    if on_terminal():
        # What all runs share tells nothing apart.
        params = [key for key in params if len({run.params.get(key) for run in runs}) > 1][:_COLUMNS_ON_TERMINAL]
        metrics = metrics[:_COLUMNS_ON_TERMINAL]
    ids = short_ids(run.id for run in runs)
    columns = [
        Column("RUN", whole=True), Column("STATUS", colours=_COLOURS, whole=True), Column("STARTED", whole=True),
        Column("NAME"), Column("MODELS"), *(Column(key, right=True, whole=True, spare=True) for key in metrics),
        *(Column(key, spare=True) for key in params),
    ]  # fmt: skip
    print_table(columns, [
        (
            ids[run.id],
            run.status,
            show_time(run.started),
            run.name,
            ", ".join(model.version or model.path for model in run.models),
            *(show_number(run.metrics[key]) if key in run.metrics else "" for key in metrics),
            *(run.params.get(key, "") for key in params),
        )
        for run in runs
    ])  # fmt: skip


def _keys(rows: Iterable[Mapping[str, object]]) -> list[str]:
    return sorted({key for row in rows for key in row})


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Each id as a person may type it: on a terminal made-up ones are shortened while they stay apart."""
    known = list(ids)
    made_up = [one for one in known if on_terminal() and _MADE_UP.fullmatch(one)]
    length = _SHORTEST
    while len({one[:length] for one in made_up}) < len(set(made_up)):
        length += 1
    return {one: one[:length] if one in set(made_up) else one for one in known}
