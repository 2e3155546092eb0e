"""Registries to test with; and no test leaves a run open, or a registry named, for the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import gitreg
from gitreg.registry import place as places
from gitreg.registry.runs import open_run
from testing.registries import Place, cloned, lone

MAKERS = {"lone": lone, "cloned": cloned}


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Iterator[None]:
    yield
    while open_run.active_run() is not None:
        open_run.current_run().discard()
    places._used.clear()


@pytest.fixture(params=MAKERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A registry of either kind, the one that is meant where none is named."""
    found: Place = MAKERS[request.param](tmp_path / "registry")
    gitreg.use(found.path)
    return found


@pytest.fixture
def alone(tmp_path: Path) -> Place:
    """A registry without an origin, the one that is meant."""
    found = lone(tmp_path / "registry")
    gitreg.use(found.path)
    return found


@pytest.fixture
def clone(tmp_path: Path) -> Place:
    """A clone of an origin, the registry that is meant."""
    found = cloned(tmp_path / "registry")
    gitreg.use(found.path)
    return found
