"""Registries to test with."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitreg
from testing.registries import Place, cloned, lone

MAKERS = {"lone": lone, "cloned": cloned}


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
