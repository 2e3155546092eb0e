"""What a read by address receives does not grow with the registry: bytes and objects, counted at real servers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitreg.registry.homes import mirror_home
from gitreg.registry.queries.describe import describe
from testing.crowd import fill
from testing.gitcli import git
from testing.plumbed import make_registry
from testing.smart_http import HttpServer, introduce, serving_http
from testing.sshd import SshServer

FEW, MANY = 10, 1000


def make(path: Path, versions: int) -> Path:
    """A registry whose model m0 has so many versions, and one more, v2.0.0, that production runs."""
    builder = make_registry(path)
    fill(builder, models=1, versions=versions)
    run = builder.run("served", metrics={"accuracy": 0.9})
    served = builder.version(run, "m0", "v2.0.0", versions + 1)
    builder.stage("production", served)
    git(path, "repack", "-adq")
    git(path, "pack-refs", "--all")
    return path


@pytest.fixture(scope="module")
def sizes(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    return {n: make(tmp_path_factory.mktemp("sized") / f"of-{n}", n) for n in (FEW, MANY)}


@pytest.fixture(scope="module")
def server(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServer]:
    """A server whose log only these tests fill."""
    with serving_http(tmp_path_factory.mktemp("counted")) as running:
        yield running


@pytest.fixture
def http(server: HttpServer, home: Path) -> Iterator[HttpServer]:
    yield introduce(server, home)
    server.allow_filter(True)


@dataclass(frozen=True)
class Received:
    """What a mirror was sent to answer, in bytes and in objects."""

    bytes: int
    objects: int


def objects(address: str) -> int:
    """How many objects there are in the mirror of an address."""
    asked = ("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)")
    return len(git(mirror_home(address), *asked).splitlines())


def received(server: HttpServer, path: Path, ref: str) -> Received:
    """What a machine that knows nothing of the registry receives to show `ref`."""
    address = server.url(path)
    before = len(server.requests())
    assert describe(ref, registry=address).files
    sent = sum(asked.sent for asked in server.requests()[before:])
    return Received(sent, objects(address))


@pytest.mark.parametrize("filters", [True, False], ids=["filters", "no filters"])
@pytest.mark.parametrize("ref", ["m0@v2.0.0", "m0@production", "run:served/model"])
def test_what_is_exact_costs_the_same_in_a_large_registry(
    http: HttpServer, sizes: dict[int, Path], ref: str, filters: bool
) -> None:
    http.allow_filter(filters)
    few, many = (received(http, sizes[n], ref) for n in (FEW, MANY))
    assert many.objects == few.objects
    assert abs(many.bytes - few.bytes) <= 0.05 * few.bytes


@pytest.mark.parametrize("filters", [True, False], ids=["filters", "no filters"])
def test_what_moves_costs_names_but_no_objects(http: HttpServer, sizes: dict[int, Path], filters: bool) -> None:
    http.allow_filter(filters)
    for ref in ("m0@latest", "models:/m0/latest", "m0@v2"):
        few, many = (received(http, sizes[n], ref) for n in (FEW, MANY))
        assert many.objects == few.objects
        assert many.bytes - few.bytes <= 200 * (MANY - FEW)
        for n in (FEW, MANY):
            shutil.rmtree(mirror_home(http.url(sizes[n])))


def test_ssh_receives_the_same_objects(sshd: SshServer, sizes: dict[int, Path]) -> None:
    for ref in ("m0@v2.0.0", "m0@production", "m0@v2"):
        counted = []
        for n in (FEW, MANY):
            address = sshd.url(sizes[n])
            assert describe(ref, registry=address).files
            counted.append(objects(address))
            shutil.rmtree(mirror_home(address))
        assert counted[0] == counted[1]
