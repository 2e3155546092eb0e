"""Every forge that is spoken with over HTTP, on a stub of it that keeps real commits."""

from __future__ import annotations

from gitreg.forges import FORGES
from testing.forge_contract import ForgeContract
from testing.forge_shops import DIALECTS


class TestStubs(ForgeContract):
    """The dialects of the fixture `shop`."""


def test_every_forge_of_the_table_is_tested() -> None:
    assert set(FORGES) - set(DIALECTS) == {"pagure"}  # a real one: tests/servers
