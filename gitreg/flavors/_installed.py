"""Flavors that other distributions bring: they name them in the entry-point group `gitreg.flavors`.

Looking for them takes some milliseconds, so it is done once, and only where no flavor of gitreg's own will do.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

from gitreg.errors import Unsupported, warn
from gitreg.flavors._base import Flavor

GROUP = "gitreg.flavors"


@functools.cache
def installed() -> Mapping[str, EntryPoint]:
    """Name -> where its module is. Of two of one name the first that is found counts."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, point)
    return found


def load_installed(point: EntryPoint) -> Flavor:
    """The flavor that an entry point names. Raises `Unsupported`, naming who brings it, where it is none."""
    brings = point.dist.name if point.dist else point.module
    hint = f"pip install --upgrade {brings}, or pip uninstall {brings}"
    try:
        flavor = point.load()
    except Exception as error:  # another's code, whatever it raises when it is imported
        raise Unsupported(f"the flavor {point.name} of {brings} cannot be imported: {error}", hint) from error
    if not isinstance(flavor, Flavor) or point.name != flavor.NAME:
        raise Unsupported(f"the flavor {point.name} of {brings} has not the names of a flavor", hint)
    return flavor


def usable() -> Iterator[Flavor]:
    """Every installed flavor; one that cannot be used is a warning, so that it spoils no model of another."""
    for point in installed().values():
        try:
            yield load_installed(point)
        except Unsupported as error:
            warn(error.message)


def with_loader(module: object) -> Flavor | None:
    """The installed flavor whose own module a python_function entry names as its loader."""
    point = next((point for point in installed().values() if point.value == module), None)
    return load_installed(point) if point else None
