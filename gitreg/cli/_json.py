"""Answers as JSON: one object with its schema's name, which registry answered, and how fresh that is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from gitreg.format.times import format_time
from gitreg.stores.clock import now

if TYPE_CHECKING:
    from gitreg.registry.place import Registry

VERSION = 1


def envelope(name: str, place: Registry | None) -> dict[str, object]:
    """What every answer begins with. `place` is None where no registry was asked.

    `as_of` is when what the answer rests on was fetched (None: never), or now where the repository is itself the
    authority; `stale` where the origin was not asked, and might have told more.
    """
    rests_on = place.freshness.answers if place else None
    fetched = rests_on.as_of if rests_on else place.last_fetch() if place else ""
    return {
        "schema": f"gitreg/{name}/{VERSION}",
        "registry": place.where if place else None,
        "as_of": (fetched or None) if place and place.remote else format_time(now()),
        "stale": bool(place and place.remote and (rests_on.stale if rests_on else place.offline)),
    }


def print_object(name: str, place: Registry | None, facts: Mapping[str, object]) -> None:
    """Print the answer `facts` of the command or query `name`."""
    click.echo(json.dumps({**envelope(name, place), **facts}, indent=2, ensure_ascii=False, allow_nan=False))
