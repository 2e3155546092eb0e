"""Stub forges of each dialect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.forge_contract import Shop
from testing.forge_shops import DIALECTS, stub_shop
from testing.forge_stub import StubForge


@pytest.fixture(params=DIALECTS)
def stub_and_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[StubForge, Shop]]:
    """A forge of each dialect."""
    with stub_shop(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def stub(stub_and_shop: tuple[StubForge, Shop]) -> StubForge:
    return stub_and_shop[0]


@pytest.fixture
def shop(stub_and_shop: tuple[StubForge, Shop]) -> Shop:
    return stub_and_shop[1]
