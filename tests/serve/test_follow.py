"""Following a reference: what it names is made and served, what cannot be made is told, and nothing else changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitreg.errors import Damaged, NotFound, Refused, Unreachable
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.use.look import Look, Watched
from gitreg.serve.current import Current
from gitreg.serve.follow import Following, first_version, follow
from testing.clock import Clock
from testing.counted import Counted
from testing.following import Told, until
from testing.gitcli import git
from testing.plumbed import Builder, make_registry

EVERY = 0.05
HOUR = 3600


@dataclass
class World:
    """A registry with three versions of churn, and a server in this process that follows its production."""

    builder: Builder
    versions: list[ModelVersion]
    current: Current
    place: Registry
    making: list[str] = field(default_factory=list)
    made: list[Told] = field(default_factory=list)
    instead: dict[str, Callable[[ModelVersion], Told]] = field(default_factory=dict)
    following: Following | None = None

    def make(self, version: ModelVersion) -> Told:
        self.making.append(version.version)
        made = self.instead.get(version.version, Told)(version)
        self.made.append(made)
        return made

    def follow(self, ref: str = "churn@production", max_stale: float | None = None) -> None:
        self.following = follow(self.current, ref, self.place, EVERY, max_stale, self.make)

    def stage(self, number: int) -> None:
        self.builder.stage("production", self.versions[number])

    def empty(self) -> None:
        self.builder.put({"stages/production/churn.yaml": None})

    def serves(self, number: int) -> bool:
        return self.current.predictor.version == self.versions[number] or (
            str(self.current.predictor.version) == str(self.versions[number])
        )

    def looks(self) -> None:
        """Wait until it has looked again: what it was about to do because of the last look is done, too."""
        for _ in range(2):
            before = self.current.state().checked
            until(lambda seen=before: self.current.state().checked != seen, "a look")  # type: ignore[misc]

    def failed(self) -> dict[str, str] | None:
        found = self.current.state().failed
        return None if found is None else dict(found)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    builder = make_registry(tmp_path / "origin")
    versions = [builder.version(builder.run(f"run-{n}"), "churn", f"v1.{n}.0", n + 1) for n in range(3)]
    builder.stage("production", versions[0])
    git(tmp_path, "clone", "-q", builder.path, "clone")
    place = open_registry(tmp_path / "clone")
    first = first_version("churn@production", place)
    found = World(builder, versions, Current(Told(first)), place)
    yield found
    if found.following:
        found.following.stop()


def test_what_is_promoted_is_served(world: World) -> None:
    first = world.current.predictor
    world.follow()
    assert isinstance(first, Told)
    world.stage(1)
    until(lambda: world.serves(1))
    assert first.closed.wait(20)
    state = world.current.state()
    assert (state.status, state.swaps, state.failed, state.updating) == ("ok", 1, None, None)
    assert state.extra["follows"] == "churn@production"
    world.stage(0)
    until(lambda: world.serves(0))
    assert world.making == ["v1.1.0", "v1.0.0"]


def test_a_line_is_followed(world: World) -> None:
    world.follow("churn@v1")
    until(lambda: world.serves(2))
    world.builder.retire(world.versions[2], "bad")
    until(lambda: world.serves(1))
    world.builder.version(world.builder.run("more"), "churn", "v2.0.0", 4)
    world.looks()
    assert world.serves(1)
    assert world.making == ["v1.2.0", "v1.1.0"]


def test_the_same_version_again_is_no_swap(world: World) -> None:
    world.follow()
    world.builder.put({"README.md": "more"})
    world.empty()
    until(lambda: world.failed())
    world.stage(0)
    until(lambda: world.failed() is None)
    assert (world.making, world.current.state().swaps) == ([], 0)


def raises(error: BaseException) -> Callable[[ModelVersion], Told]:
    def make(version: ModelVersion) -> Told:
        raise error

    return make


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Damaged("model.pkl of churn@v1.1.0 is damaged"), "model.pkl of churn@v1.1.0 is damaged"),
        (ImportError("No module named 'x'"), "ImportError: No module named 'x'"),
        (MemoryError(), "MemoryError: "),
        (SystemExit(3), "SystemExit: 3"),  # the code of a model may do anything
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_made_is_told_once_and_not_tried_again(
    world: World, error: BaseException, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.instead["v1.1.0"] = raises(error)
    world.follow()
    world.stage(1)
    until(lambda: world.failed() == {"version": "churn@v1.1.0", "message": told})
    world.builder.put({"README.md": "more"})
    world.looks()
    assert (world.making, world.serves(0)) == (["v1.1.0"], True)
    assert world.current.state().status == "failed-to-update"
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == [f"churn@v1.1.0 cannot be served, churn@v1.0.0 is on: {told}".strip()]
    world.stage(2)
    until(lambda: world.serves(2))
    assert (world.failed(), world.current.state().extra["failures"]) == (None, 1)
    del world.instead["v1.1.0"]
    world.stage(1)
    until(lambda: world.serves(1))


def test_going_back_from_what_cannot_be_made_is_well_at_once(world: World) -> None:
    world.instead["v1.1.0"] = raises(ImportError("no"))
    world.follow()
    world.stage(1)
    until(lambda: world.failed())
    world.stage(0)
    until(lambda: world.failed() is None)
    assert (world.making, world.current.state().swaps) == (["v1.1.0"], 0)
    world.stage(1)
    until(lambda: world.making == ["v1.1.0", "v1.1.0"])


def test_a_store_that_is_away_is_asked_again(world: World) -> None:
    world.instead["v1.1.0"] = raises(Unreachable("the store does not answer"))
    world.follow()
    world.stage(1)
    until(lambda: len(world.making) > 2)
    assert world.failed() == {"version": "churn@v1.1.0", "message": "the store does not answer"}
    assert world.current.state().extra["failures"] == 1
    del world.instead["v1.1.0"]
    until(lambda: world.serves(1))
    assert world.failed() is None


def with_example(folder: Path, status: int) -> Callable[[ModelVersion], Told]:
    folder.mkdir(exist_ok=True)
    (folder / "serving_input_example.json").write_text('{"inputs": [1]}')
    return lambda version: Told(version, folder, status)


def test_a_new_version_answers_its_example_before_anybody_else(world: World, tmp_path: Path) -> None:
    world.instead["v1.1.0"] = with_example(tmp_path / "model", 200)
    world.follow()
    world.stage(1)
    until(lambda: world.serves(1))
    assert world.made[0].asked == [b'{"inputs": [1]}']


def test_a_version_that_fails_at_its_example_is_not_served(world: World, tmp_path: Path) -> None:
    world.instead["v1.1.0"] = with_example(tmp_path / "model", 500)
    world.follow()
    world.stage(1)
    until(lambda: world.failed())
    assert world.serves(0)
    assert world.made[0].closed.wait(20)


class Slow:
    """A version that takes until the test lets it go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, version: ModelVersion) -> Told:
        self.begun.set()
        assert self.go.wait(60)
        return Told(version)


def test_a_rollback_wins_over_what_is_being_loaded(world: World) -> None:
    world.instead["v1.1.0"] = slow = Slow()
    world.follow()
    world.stage(1)
    assert slow.begun.wait(60)
    until(lambda: world.current.state().updating == "churn@v1.1.0")
    world.stage(0)
    world.looks()
    slow.go.set()
    until(lambda: world.current.state().updating is None)
    assert world.made[0].closed.wait(20)
    assert (world.serves(0), world.current.state().swaps) == (True, 0)


def test_a_rollback_that_nobody_has_seen_yet_wins_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitreg.serve.follow.jittered", lambda every: HOUR)  # it looks once, then an hour later
    world.instead["v1.1.0"] = slow = Slow()
    world.stage(1)
    world.follow()
    assert slow.begun.wait(60)
    world.stage(0)
    slow.go.set()
    until(lambda: world.current.state().updating is None)
    assert (world.serves(0), world.current.state().swaps) == (True, 0)


def test_what_comes_after_what_hangs_is_loaded_beside_it(world: World) -> None:
    world.instead["v1.1.0"] = slow = Slow()
    world.follow()
    world.stage(1)
    assert slow.begun.wait(60)
    world.stage(2)
    until(lambda: world.serves(2))
    assert world.current.state().updating == "churn@v1.1.0"
    slow.go.set()
    until(lambda: world.current.state().updating is None)
    assert (world.making, world.current.state().swaps) == (["v1.1.0", "v1.2.0"], 1)
    assert [made.closed.is_set() for made in world.made] == [False, True]


def test_no_more_than_two_are_loaded_at_a_time(world: World) -> None:
    world.versions.append(world.builder.version(world.builder.run("run-3"), "churn", "v1.3.0", 4))
    first, second = Slow(), Slow()
    world.instead |= {"v1.1.0": first, "v1.2.0": second}
    world.follow()
    for number, slow in ((1, first), (2, second)):
        world.stage(number)
        assert slow.begun.wait(60)
    world.stage(3)
    world.looks()
    assert world.making == ["v1.1.0", "v1.2.0"]
    first.go.set()
    until(lambda: world.serves(3))
    second.go.set()
    until(lambda: world.current.state().updating is None)
    assert world.serves(3)


def test_what_is_taken_back_and_promoted_again_is_loaded_once(world: World) -> None:
    world.instead["v1.1.0"] = slow = Slow()
    world.follow()
    world.stage(1)
    assert slow.begun.wait(60)
    world.stage(0)
    world.looks()
    world.stage(1)
    world.looks()
    slow.go.set()
    until(lambda: world.serves(1))
    assert world.making == ["v1.1.0"]


def test_a_long_load_does_not_make_what_is_served_stale(world: World) -> None:
    world.instead["v1.1.0"] = slow = Slow()
    world.follow()
    world.stage(1)
    assert slow.begun.wait(60)
    world.looks()
    assert world.current.state().status == "ok"
    slow.go.set()
    until(lambda: world.serves(1))


@pytest.mark.parametrize("change", ["emptied", "retired"])
def test_a_stage_that_runs_nothing_any_more_leaves_what_is_served(
    world: World, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.follow()
    world.looks()
    if change == "emptied":
        world.empty()
    else:
        world.builder.retire(world.versions[0], "old")
    until(lambda: world.failed())
    world.looks()
    found = world.failed()
    assert found is not None
    assert found["version"] == ""
    assert ("no stage production runs churn" if change == "emptied" else "which is retired") in found["message"]
    assert world.current.state().status == "failed-to-update"
    assert world.serves(0)
    assert len(caplog.records) == 1
    assert "churn@v1.0.0 is on" in caplog.records[0].getMessage()


def test_an_origin_that_goes_and_comes(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    world.follow(max_stale=HOUR)
    world.looks()
    checked = world.current.state().checked
    world.builder.path.rename(tmp_path / "away")
    until(lambda: world.current.state().status == "stale")
    state = world.current.state()
    assert checked is not None and state.checked is not None
    assert state.checked >= checked
    assert (state.answers, state.failed) == (True, None)
    assert "origin" in str(state.extra["away"])
    for times in (1, 2):
        (tmp_path / "away").rename(world.builder.path)
        until(lambda: world.current.state().status == "ok")
        assert world.current.state().extra["away"] is None
        assert sum("cannot be looked up" in record.getMessage() for record in caplog.records) == times
        if times == 1:
            world.builder.path.rename(tmp_path / "away")
            until(lambda: world.current.state().status == "stale")
    world.stage(1)
    until(lambda: world.serves(1))


def test_beyond_max_stale_nothing_answers_until_the_origin_does(world: World, tmp_path: Path) -> None:
    world.builder.path.rename(tmp_path / "away")
    world.follow(max_stale=0.2)
    until(lambda: world.current.state().status == "too-stale")
    assert not world.current.state().answers
    (tmp_path / "away").rename(world.builder.path)
    until(lambda: world.current.state().checked and world.current.state().extra["away"] is None)


def test_whatever_befalls_a_look_the_next_one_is_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def befalls(self: Watched) -> None:
        raise BlockingIOError(11, "no more processes")

    with monkeypatch.context() as patch:
        patch.setattr(Watched, "look", befalls)
        world.follow()
        until(lambda: world.current.state().status == "stale")
        assert world.current.state().extra["away"] == "BlockingIOError: [Errno 11] no more processes"
    until(lambda: world.current.state().status == "ok")


def test_stopping_ends_the_looks_and_what_is_being_loaded_is_not_served(world: World) -> None:
    world.instead["v1.1.0"] = slow = Slow()
    world.follow()
    world.stage(1)
    assert slow.begun.wait(60)
    world.current.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "gitreg-follow"]
    slow.go.set()
    until(lambda: world.made and world.made[0].closed.is_set())
    assert world.serves(0)


def test_a_poll_starts_one_git(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    counted, look = Counted(tmp_path / "counted", monkeypatch), Watched.look

    def counting(watched: Watched) -> Look:
        found = look(watched)
        started.append(counted.started())
        return found

    monkeypatch.setattr(Watched, "look", counting)
    world.follow()
    until(lambda: len(started) > 5)
    assert [len(each) for each in started[1:5]] == [1, 1, 1, 1], started
    assert all("upload-pack" in line for each in started[1:5] for line in each)


def test_a_start_while_the_origin_is_away(world: World, tmp_path: Path, fixed_clock: Clock) -> None:
    first_version("churn@production", world.place)
    fixed_clock.advance(3 * HOUR)
    world.builder.path.rename(tmp_path / "away")
    found = first_version("churn@production", world.place, 4 * HOUR)
    assert (str(found), found.stale) == ("churn@v1.0.0", True)
    with pytest.raises(Unreachable, match="3 hours ago"):
        first_version("churn@production", world.place, 2 * HOUR)
    (tmp_path / "away").rename(world.builder.path)


@pytest.mark.parametrize("ref", ["churn@v1.0.0", "churn@1", "run:run-0"])
def test_what_never_changes_is_not_followed(world: World, ref: str) -> None:
    with pytest.raises(Refused, match="never changes"):
        world.follow(ref)
    with pytest.raises(Refused, match="never changes"):
        first_version(ref, world.place)


def test_a_start_with_what_is_not_there(world: World) -> None:
    with pytest.raises(NotFound, match="no stage champion runs churn"):
        first_version("churn@champion", world.place)
