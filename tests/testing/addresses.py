"""Registries that a test knows by their address alone: over HTTP with a token, and over ssh with a key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gitreg.stores.git import repository as git_store
from testing.registries import Place, cloned

TOKEN = "tok-3cr3t"


@dataclass(frozen=True)
class Remote:
    """A registry by its `address`; `place` is a clone that the origin was made from, for somebody else to use."""

    address: str
    place: Place

    @property
    def origin(self) -> Path:
        assert self.place.origin
        return self.place.origin

    def away(self) -> Path:
        """Take the origin away; `.rename(remote.origin)` brings it back."""
        return self.origin.rename(self.origin.with_suffix(".away"))

    def published(self, *patterns: str) -> list[str]:
        """The names of the origin's tags that match."""
        return self.place.at_origin(*patterns)


@pytest.fixture(params=["http", "ssh"])
def remote(request: pytest.FixtureRequest) -> Remote:
    """The registry that is meant where none is named, over either transport."""
    found: Remote = request.getfixturevalue(f"over_{request.param}")
    return found


@pytest.fixture
def over_http(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """The registry that is meant, on a server of Git over HTTP that GITREG_TOKEN opens and nothing else."""
    place, server = cloned(tmp_path / "registry"), request.getfixturevalue("http_server")
    server.admit("x-access-token", TOKEN)
    request.addfinalizer(lambda: server.expel("x-access-token"))
    monkeypatch.setenv("GITREG_TOKEN", TOKEN)
    return _meant(server.url(place.origin), place, monkeypatch)


@pytest.fixture
def over_ssh(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """The registry that is meant, on a machine that ssh gives access to."""
    place = cloned(tmp_path / "registry")
    return _meant(request.getfixturevalue("sshd").url(place.origin), place, monkeypatch)


def _meant(address: str, place: Place, patch: pytest.MonkeyPatch) -> Remote:
    patch.setenv("GITREG_REGISTRY", address)
    patch.setattr(git_store, "_PAUSES", (0.01,))  # a server that stumbles is asked again at once
    return Remote(address, place)
