"""Payload stores on real servers, and forges. A class of tests names its server, which runs as long as they do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.gcs import CLIENT_ENVIRONMENT
from testing.pagure import Pagure, serving_pagure
from testing.shops import Making
from testing.store_contract import At


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("servers")


@pytest.fixture(scope="class")
def server(
    request: pytest.FixtureRequest, sealed_session: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Making]:
    """The server that the class names: `server(name)` is a store on it."""
    with request.cls.serving(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="session")
def pagure_server(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pagure]:
    """A Pagure, one for all tests of a process."""
    with serving_pagure(tmp_path_factory.mktemp("pagure")) as running:
        yield running


@pytest.fixture
def at(server: Making, monkeypatch: pytest.MonkeyPatch) -> At:
    """An empty store on the server."""
    for name, value in CLIENT_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return server(f"registry-{uuid.uuid4().hex}")
