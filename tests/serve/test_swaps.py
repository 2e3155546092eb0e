"""A real server that follows a real registry, asked without pause while versions are promoted and rolled back."""

from __future__ import annotations

import gc
import http.client
import json
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import gitreg
from gitreg.format.versions import ModelVersion
from gitreg.registry.homes import mirror_home
from gitreg.registry.place import open_registry
from gitreg.serve.current import Current
from gitreg.serve.loading import fetch_model, load_served
from gitreg.serve.local import LocalPredictor
from serve.running import Running, serving, told
from testing.commandline import program
from testing.following import until
from testing.promoted import History
from testing.registries import Place, cloned, signature, times
from testing.smart_http import HttpServer, introduce

GOOD = 5
EVERY = "0.2s"


class Bursting:
    """A model that cannot be loaded."""

    def __call__(self, data: Any) -> Any:
        return data

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise ImportError('this model bursts')",)


class Waiting(Bursting):
    """A model whose loading begins, which a file tells, and does not end."""

    def __init__(self, begun: Path) -> None:
        self.begun = begun

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"import pathlib, time\npathlib.Path({str(self.begun)!r}).touch()\ntime.sleep(600)",)


@dataclass
class World:
    """A registry of churn: v1.0.0 to v1.0.4 multiply by 1 to 5; v1.0.5 bursts; v1.0.6 waits; v1.0.7 is damaged."""

    place: Place
    history: History
    begun: Path
    versions: list[ModelVersion] = field(default_factory=list)

    def log(self, model: object) -> None:
        logged = gitreg.log_model(
            model, signature=signature(a="long"), register_as="churn", pip_requirements=["cloudpickle"],
            registry=self.place.path, flavor="python_function",
            input_example={"a": [1]} if len(self.versions) < GOOD else None,
        )  # fmt: skip
        self.versions.append(gitreg.resolve(str(logged.version), registry=self.place.path))

    def promote(self, number: int) -> None:
        self.history.merge(f"churn@v1.0.{number}", "production", pull=False)

    @property
    def origin(self) -> Path:
        assert self.place.origin
        return self.place.origin

    @contextmanager
    def away(self) -> Iterator[None]:
        elsewhere = self.origin.with_name("elsewhere")
        self.origin.rename(elsewhere)
        try:
            yield
        finally:
            elsewhere.rename(self.origin)


@pytest.fixture(scope="module")
def built(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("swapped")
    place = cloned(folder / "registry")
    world = World(place, History(place), folder / "begun")
    for number in range(GOOD):
        world.log(times(number + 1))
    world.log(Bursting())
    world.log(Waiting(world.begun))
    world.log(times(8))
    damage(place.payloads, world.versions[-1], place)
    return world


def damage(store: Path, version: ModelVersion, place: Place) -> None:
    """Change a byte of a version's payload at the store."""
    from gitreg.registry.use.locate import locate, model_files

    registry = open_registry(place.path)
    (payload,) = {file.payload for file in model_files(registry, locate(registry, version)) if file.payload}
    at = registry.store.path(payload)
    assert at is not None
    content = at.read_bytes()
    at.chmod(0o644)
    at.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.fixture
def world(built: World) -> World:
    """The registry, whose production runs v1.0.0."""
    staged = built.place.path / "stages/production/churn.yaml"
    if not staged.exists() or "version: v1.0.0" not in staged.read_text():
        built.promote(0)
    return built


@pytest.fixture
def address(world: World, http_server: HttpServer, home: Path) -> str:
    return introduce(http_server, home).url(world.origin)


ARGUMENTS = ("churn@production", "--follow", "--every", EVERY)


@contextmanager
def served(address: str, folder: Path, *options: str) -> Iterator[Running]:
    """A server of churn@production that follows it, as long as the block runs."""
    own = folder / f"{time.monotonic_ns()}"
    own.mkdir()
    with serving(own) as serve:
        yield serve(*ARGUMENTS, "-R", address, *options)


def ask(connection: http.client.HTTPConnection, number: int) -> tuple[str, float]:
    """The version and the factor that one answer tells."""
    body = json.dumps({"dataframe_split": {"columns": ["a"], "data": [[number]]}})
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    answer = told(connection.getresponse())
    (row,) = answer.predictions
    return answer.headers["x-gitreg-version"], row["a"] / number


def version(server: Running) -> str:
    """The version that answers a new connection."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        return ask(connection, 3)[0]


def health(server: Running) -> dict[str, Any]:
    found: dict[str, Any] = server.ask("/health").json
    return found


def metrics(server: Running) -> list[str]:
    return server.ask("/metrics").body.decode().splitlines()


@dataclass
class Clients:
    """Threads that ask without pause, half of them over a new connection each time; what they saw."""

    server: Running
    wrong: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, place: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        while not self.over.is_set():
            try:
                version, factor = ask(connection, 1 + self.asked[place] % 7)
                if version != f"churn@v1.0.{factor - 1:.0f}":
                    self.wrong.append(f"{version} multiplies by {factor}")
                self.last[place] = version
            except Exception as error:  # whatever it is, the test fails and shows it
                self.wrong.append(repr(error))
                return
            self.asked[place] += 1
            if place % 2:
                connection.close()
        connection.close()


@contextmanager
def asking(server: Running, count: int = 3) -> Iterator[Clients]:
    clients = Clients(server, last=[""] * count, asked=[0] * count)
    threads = [threading.Thread(target=clients.ask, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        clients.over.set()
        for thread in threads:
            thread.join()
    assert clients.wrong == [], server.said()
    assert min(clients.asked) > 0


def all_have(clients: Clients, number: int) -> None:
    """Wait until everybody was answered by a version; each of them is."""
    until(lambda: set(clients.last) == {f"churn@v1.0.{number}"} or clients.wrong, f"v1.0.{number} at all clients")


def test_ten_promotions_and_rollbacks_fail_no_request(world: World, address: str, tmp_path: Path) -> None:
    with served(address, tmp_path) as server:
        with asking(server) as clients:
            all_have(clients, 0)
            for number in (1, 2, 1, 3, 0, 4, 3, 4, 0, 2):
                world.promote(number)
                all_have(clients, number)
        found = health(server)
        assert (found["status"], found["version"], found["stages"]) == ("ok", "v1.0.2", ["production"])
        assert (found["stale"], found["failed"], found["follows"]) == (False, None, "churn@production")
        assert found["checked"] and found["since"] <= found["checked"]
        assert "gitreg_swaps_total 10.0" in metrics(server)
        assert server.said().count("is served now") == 10
        assert "Traceback" not in server.said()


def test_two_workers_follow_each_by_itself(world: World, address: str, tmp_path: Path) -> None:
    with served(address, tmp_path, "--workers", "2") as server:
        with asking(server) as clients:
            for turn, number in enumerate((1, 0, 2, 1), 1):
                world.promote(number)
                until(lambda turn=turn: server.said().count("is served now") == 2 * turn, "both workers")  # type: ignore[misc]
                all_have(clients, number)
        assert "Traceback" not in server.said()
        assert "cannot" not in server.said()


@pytest.mark.parametrize(
    ("number", "why"),
    [(5, "this model bursts"), (7, "model.pkl of churn@v1.0.7 is damaged")],
    ids=["bursts", "damaged"],
)
def test_a_broken_version_leaves_the_old_one_serving(
    world: World, address: str, tmp_path: Path, number: int, why: str
) -> None:
    with served(address, tmp_path) as server:
        with asking(server, 2) as clients:
            world.promote(number)
            until(lambda: health(server)["failed"], "the failure on /health")
            found = health(server)
            assert (found["status"], found["version"]) == ("failed-to-update", "v1.0.0")
            assert found["failed"]["version"] == f"churn@v1.0.{number}"
            assert why in found["failed"]["message"]
            assert "gitreg_update_failed 1.0" in metrics(server)
            assert server.ask("/ping").status == 200
            before = found["checked"]
            until(lambda: health(server)["checked"] > before, "another poll")
            world.promote(1)
            all_have(clients, 1)
        assert health(server)["status"] == "ok"
        told = [line for line in server.said().splitlines() if "cannot be served" in line]
        assert len(told) == 1
        assert f"churn@v1.0.{number} cannot be served, churn@v1.0.0 is on: " in told[0]
        assert "Traceback" not in server.said()


def test_an_emptied_stage_leaves_the_old_one_serving(world: World, address: str, tmp_path: Path) -> None:
    with served(address, tmp_path) as server:
        world.history.push("churn@v1.0.0", "production", text="")
        until(lambda: health(server)["failed"], "the failure on /health")
        assert version(server) == "churn@v1.0.0"
        assert health(server)["failed"] == {"version": "", "message": "no stage production runs churn"}
        world.history.push("churn@v1.0.3", "production")
        until(lambda: version(server) == "churn@v1.0.3")
        assert health(server)["failed"] is None


def test_an_origin_that_goes_and_comes(world: World, address: str, tmp_path: Path) -> None:
    with served(address, tmp_path) as server:
        with asking(server, 2) as clients:
            with world.away():
                until(lambda: health(server)["stale"], "stale on /health")
                found = health(server)
                assert (found["status"], found["version"]) == ("stale", "v1.0.0")
                assert found["checked"]
                assert "gitreg_stale 1.0" in metrics(server)
                assert server.ask("/ping").status == 200
            until(lambda: health(server)["status"] == "ok", "the origin")
            world.promote(2)
            all_have(clients, 2)
        assert server.said().count("cannot be looked up") == 1


def test_beyond_max_stale_nothing_is_answered_until_the_origin_is_back(
    world: World, address: str, tmp_path: Path
) -> None:
    with served(address, tmp_path, "--max-stale", "5s") as server:
        until(lambda: server.ask("/ping").status == 200, "the first poll: loading may take longer than that")
        with world.away():
            until(lambda: server.ask("/ping").status == 503, "503 of /ping")
            found = server.ask("/health")
            assert (found.status, found.json["status"], found.json["stale"]) == (503, "too-stale", True)
            with pytest.raises(AssertionError, match="TEMPORARILY_UNAVAILABLE"):
                version(server)
        until(lambda: health(server)["status"] == "ok", "the origin")
        assert version(server) == "churn@v1.0.0"


def test_a_start_while_the_origin_is_away(world: World, address: str, tmp_path: Path) -> None:
    with served(address, tmp_path):
        pass
    with world.away():
        with served(address, tmp_path, "--max-stale", "1h") as server:
            found = health(server)
            assert (found["status"], found["stale"], found["version"]) == ("stale", True, "v1.0.0")
            assert found["stages"] == ["production"]
            assert version(server) == "churn@v1.0.0"
        noted = mirror_home(address) / "gitreg" / "fetched.main"
        noted.write_text("2026-03-02T09:30:00.000Z\n")
        late = program("-R", address, "serve", *ARGUMENTS, "--max-stale", "1h")
        assert late.code == 75, late
        assert "what is here was fetched" in late.err
        with served(address, tmp_path) as server:  # without a limit it serves what there is
            until(lambda: "cannot be looked up" in server.said(), "a poll")
            found = health(server)
            assert (found["status"], found["checked"]) == ("stale", "2026-03-02T09:30:00.000Z")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_while_a_version_is_loaded_ends_well(world: World, address: str, tmp_path: Path, workers: str) -> None:
    world.begun.unlink(missing_ok=True)
    with served(address, tmp_path, "--workers", workers) as server:
        world.promote(6)
        until(world.begun.exists, "the beginning of the load")
        assert version(server) == "churn@v1.0.0"
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(30) == 0, server.said()
        assert "Traceback" not in server.said()
        assert "Error" not in server.said()


def test_a_rollback_while_a_version_is_loaded_for_ever_keeps_the_old_one(
    world: World, address: str, tmp_path: Path
) -> None:
    world.begun.unlink(missing_ok=True)
    with served(address, tmp_path) as server:
        world.promote(6)
        until(world.begun.exists, "the beginning of the load")
        world.promote(0)
        before = health(server)["checked"]
        until(lambda: health(server)["checked"] > before, "another poll")
        found = health(server)
        assert (found["status"], found["version"], found["stale"]) == ("ok", "v1.0.0", False)


def test_ten_swaps_of_real_models_keep_one(world: World, home: Path) -> None:
    place = open_registry(world.place.path)
    models: list[weakref.ref[object]] = []

    def loaded(number: int) -> LocalPredictor:
        predictor = load_served(fetch_model(place, world.versions[number]))
        assert isinstance(predictor, LocalPredictor)
        models.append(weakref.ref(predictor._model))
        return predictor

    current = Current(loaded(0))
    for number in (1, 2, 3, 4, 3, 2, 1, 0, 1, 2):
        with current.use() as predictor:
            assert predictor.answer("application/json", b'{"dataframe_records": [{"a": 3}]}').status == 200
        del predictor
        current.swap(loaded(number))
        current.sweep()
        gc.collect()
        assert [model() is not None for model in models] == [False] * (len(models) - 1) + [True]
