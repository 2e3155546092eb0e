"""gitreg.watch: the version that a reference names, and each other one that it comes to name."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import NotFound, Refused, Unreachable
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import open_registry
from gitreg.registry.use.look import Watched
from testing.following import PATIENCE, until
from testing.gitcli import git
from testing.plumbed import Builder, make_registry

SOON = 0.02


class Origin:
    """A registry whose production runs churn v1.0.0, and a clone of it, where it is watched."""

    def __init__(self, folder: Path) -> None:
        self.builder: Builder = make_registry(folder / "origin")
        self.versions = [self.builder.version(self.builder.run(f"r{n}"), "churn", f"v1.{n}.0", n + 1) for n in range(2)]
        self.stage(0)
        git(folder, "clone", "-q", self.builder.path, "clone")
        self.path, self._away = folder / "clone", folder / "away"

    def stage(self, number: int) -> ModelVersion:
        self.builder.stage("production", self.versions[number])
        return self.versions[number]

    def go(self) -> None:
        self.builder.path.rename(self._away)

    def come(self) -> None:
        self._away.rename(self.builder.path)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


class Beside:
    """A thread that iterates; what it got so far."""

    def __init__(self, watched: Iterator[ModelVersion]) -> None:
        self.got: list[str] = []
        self.thread = threading.Thread(target=self._iterate, args=(watched,))
        self.thread.start()

    def _iterate(self, watched: Iterator[ModelVersion]) -> None:
        for version in watched:
            self.got.append(str(version))


def test_the_version_now_and_each_one_after_it(origin: Origin) -> None:
    found = []
    with gitreg.watch("churn@production", every=SOON, registry=origin.path) as watching:
        for version in islice(watching, 4):
            found.append(str(version))
            origin.stage(len(found) % 2)
    assert found == ["churn@v1.0.0", "churn@v1.1.0", "churn@v1.0.0", "churn@v1.1.0"]
    assert list(watching) == []


def test_a_version_is_a_reference_that_loads_and_resolves(origin: Origin) -> None:
    version = next(gitreg.watch("churn", registry=origin.path))
    assert (str(version), version.stale) == ("churn@v1.1.0", False)
    assert gitreg.resolve(version, registry=origin.path).tag == version.tag


@pytest.mark.filterwarnings("ignore:no stage production runs churn")
def test_what_did_not_change_is_not_told_again(origin: Origin) -> None:
    watching = gitreg.watch("churn@production", every=SOON, registry=origin.path)
    beside = Beside(watching)
    until(lambda: beside.got)
    for change in ({"README.md": "more"}, {"stages/production/churn.yaml": None}):
        before = watching.checked
        origin.builder.put(change)
        until(lambda seen=before: watching.checked > seen)  # type: ignore[misc]
    until(lambda: isinstance(watching.trouble, NotFound))
    origin.stage(0)
    until(lambda: watching.trouble is None)
    origin.stage(1)
    until(lambda: len(beside.got) > 1)
    watching.close()
    beside.thread.join(PATIENCE)
    assert beside.got == ["churn@v1.0.0", "churn@v1.1.0"]


def test_closing_ends_a_wait_at_once(origin: Origin) -> None:
    watching = gitreg.watch("churn@production", every="7d", registry=origin.path)
    beside = Beside(watching)
    until(lambda: beside.got)
    watching.close()
    beside.thread.join(PATIENCE)
    assert not beside.thread.is_alive()


def test_an_origin_that_goes_and_comes_is_waited_for(origin: Origin) -> None:
    watching = gitreg.watch("churn@production", every=SOON, registry=origin.path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        beside = Beside(watching)
        until(lambda: beside.got)
        assert (watching.stale, watching.trouble) == (False, None)
        origin.go()
        until(lambda: watching.stale)
        assert isinstance(watching.trouble, Unreachable)
        assert watching.checked
        origin.come()
        until(lambda: not watching.stale)
        origin.stage(1)
        until(lambda: len(beside.got) > 1)
        watching.close()
        beside.thread.join(PATIENCE)
    assert beside.got == ["churn@v1.0.0", "churn@v1.1.0"]
    told = [str(one.message) for one in said if "is watched on" in str(one.message)]
    assert len(told) == 1
    assert "churn@production is watched on" in told[0]


def test_a_start_while_the_origin_is_away_tells_what_is_here(origin: Origin) -> None:
    gitreg.resolve("churn@production", registry=origin.path)
    origin.go()
    watching = gitreg.watch("churn@production", every=SOON, registry=origin.path)
    with pytest.warns(UserWarning, match="is watched on"):
        first = next(watching)
    assert (str(first), first.stale, watching.stale) == ("churn@v1.0.0", True, True)
    origin.come()
    origin.stage(1)
    assert (str(next(watching)), watching.stale) == ("churn@v1.1.0", False)


def test_until_there_is_a_first_version_it_is_an_error(origin: Origin) -> None:
    watching = gitreg.watch("churn@champion", every=SOON, registry=origin.path)
    for _ in range(2):
        with pytest.raises(NotFound, match="no stage champion runs churn"):
            next(watching)
    origin.builder.stage("champion", origin.versions[0])
    assert str(next(watching)) == "churn@v1.0.0"


def test_a_start_from_what_is_too_old_is_an_error(origin: Origin) -> None:
    place = open_registry(origin.path, max_stale=0)
    gitreg.resolve("churn@production", registry=place)
    origin.go()
    with pytest.raises(Unreachable, match="what is here was fetched"):
        next(gitreg.watch("churn@production", registry=place))


def test_it_waits_between_two_looks(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            return False

    looks = [0]
    real = Watched.look

    def look(self: Watched) -> object:
        looks[0] += 1
        if looks[0] == 4:
            origin.stage(1)
        return real(self)

    monkeypatch.setattr(Watched, "look", look)
    watching = gitreg.watch("churn@production", every=30, registry=origin.path)
    watching._closed = Event()
    assert [str(next(watching)), str(next(watching))] == ["churn@v1.0.0", "churn@v1.1.0"]
    assert len(waited) == 3
    assert all(timeout is not None and 22.5 <= timeout <= 30 for timeout in waited)


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf"), "often", "0s", None])
def test_an_interval_that_is_none_is_refused(origin: Origin, every: object) -> None:
    with pytest.raises(Refused, match="interval"):
        gitreg.watch("churn", every=every, registry=origin.path)  # type: ignore[arg-type]


@pytest.mark.parametrize("ref", ["churn@v1.0.0", "churn@1", "run:r0"])
def test_what_never_changes_is_refused(origin: Origin, ref: str) -> None:
    with pytest.raises(Refused, match="never changes"):
        gitreg.watch(ref, registry=origin.path)
