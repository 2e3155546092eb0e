"""The predictor in use: requests keep the one they began with, nobody waits, and what was replaced goes."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from gitreg.errors import Unreachable
from gitreg.serve.current import Current
from testing.clock import Clock
from testing.following import Told, until, version_of

V1, V2 = version_of("churn@v1.0.0"), version_of("churn@v1.1.0")
HOUR = 3600.0


class Ticking:
    """A clock of seconds that the test moves on."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_request_keeps_the_predictor_that_it_began_with() -> None:
    old, new = Told(V1), Told(V2)
    current = Current(old)
    with current.use() as first:
        current.swap(new)
        with current.use() as second:
            assert (first, second) == (old, new)
        assert not old.closed.is_set()
        assert first.answer("", b"").status == 200
    assert old.closed.wait(20)
    assert not new.closed.is_set()


def test_what_nobody_asks_is_closed_at_once() -> None:
    old, new = Told(V1), Told(V2)
    current = Current(old)
    with current.use():
        pass
    current.swap(new)
    assert old.closed.is_set()
    assert current.predictor is new
    assert current.state().swaps == 1


def test_the_last_of_several_requests_closes_it_however_it_ends() -> None:
    old = Told(V1)
    current = Current(old)
    other = current.use()
    other.__enter__()
    with pytest.raises(ZeroDivisionError), current.use():
        current.swap(Told(V2))
        raise ZeroDivisionError
    assert not old.closed.is_set()
    other.__exit__(None, None, None)
    assert old.closed.wait(20)


def test_a_predictor_that_cannot_be_closed_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(Told):
        def close(self) -> None:
            raise RuntimeError("no")

    current = Current(Stuck(V1))
    current.swap(Told(V2))
    assert "churn@v1.0.0 could not be closed: RuntimeError: no" in caplog.text
    with current.use() as predictor:
        assert predictor.version == V2


def test_many_requests_and_many_swaps_at_once() -> None:
    made = [Told(version_of(f"churn@v1.{n}.0")) for n in range(50)]
    current, over = Current(made[0]), threading.Event()

    def ask() -> int:
        count = 0
        while not over.is_set() or not count:
            with current.use() as predictor:
                version = predictor.version
                assert predictor.answer("", b"").body == b'{"message": "%s"}' % str(version).encode()
            count += 1
        return count

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        for new in made[1:]:
            current.swap(new)
        over.set()
        assert all(asked.result() for asked in asking)
    for old in made[:-1]:
        assert old.closed.wait(20)
    assert not made[-1].closed.is_set()
    assert current.state().swaps == 49


def test_ten_swaps_keep_one_model() -> None:
    class Model:
        def __init__(self) -> None:
            self.me = self  # as frameworks tie their models

    class Holding(Told):
        def __init__(self, number: int) -> None:
            super().__init__(version_of(f"churn@v1.{number}.0"))
            self.model = Model()
            models.append(weakref.ref(self.model))

    models: list[weakref.ref[Model]] = []
    current = Current(Holding(0))
    gc.disable()  # nobody but `sweep` collects
    try:
        for number in range(1, 11):
            with current.use():
                pass
            current.swap(Holding(number))
            current.sweep()
            assert [model() is not None for model in models] == [False] * number + [True]
    finally:
        gc.enable()


def test_closing_waits_for_the_last_request_and_begins_none() -> None:
    stopped = []
    only = Told(V1)
    current = Current(only)
    current.follows("churn@production", 30, None, lambda: stopped.append(True))
    with current.use():
        current.close()
        current.close()
        assert stopped == [True]
        assert not only.closed.is_set()
        with pytest.raises(Unreachable, match="stopping"), current.use():
            pass
    assert only.closed.wait(20)


def test_what_comes_after_the_end_is_closed_at_once() -> None:
    only, late = Told(V1), Told(V2)
    current = Current(only)
    current.close()
    current.swap(late)
    assert only.closed.is_set()
    assert late.closed.is_set()
    assert current.state().swaps == 0


def test_the_state_of_what_follows_nothing(fixed_clock: Clock) -> None:
    state = Current(Told(V1)).state()
    assert (state.status, state.since, state.checked) == ("ok", "2026-03-02T09:30:00.000Z", V1.as_of)
    assert state.extra == {"follows": None, "updating": None, "stale": False, "away": None, "failures": 0}


def test_the_state_tells_how_old_the_last_answer_of_the_origin_is(fixed_clock: Clock) -> None:
    clock = Ticking()
    current = Current(Told(V1), clock=clock)
    current.follows("churn@production", 30, 2 * HOUR, lambda: None)
    clock.seconds += 20
    fixed_clock.advance(20)
    current.checked(fixed_clock.now)
    assert (current.state().status, current.state().age) == ("ok", 0)
    clock.seconds += HOUR  # while the clock on the wall goes back
    fixed_clock.advance(-10 * HOUR)
    current.checked(current.state().checked or "", "nobody answers")
    state = current.state()
    assert (state.status, state.age, state.answers) == ("stale", HOUR, True)
    assert state.checked == "2026-03-02T09:30:20Z"
    assert (state.extra["stale"], state.extra["away"]) == (True, "nobody answers")
    clock.seconds += HOUR + 1
    state = current.state()
    assert (state.status, state.age, state.answers, state.extra["stale"]) == ("too-stale", 2 * HOUR + 1, False, True)
    fixed_clock.advance(12 * HOUR)
    current.checked(fixed_clock.now)
    assert (current.state().status, current.state().age) == ("ok", 0)
    assert current.state().extra["away"] is None


def test_a_start_from_what_is_here_is_as_old_as_that(fixed_clock: Clock) -> None:
    clock = Ticking()
    fixed_clock.advance(HOUR)
    current = Current(Told(version_of("churn@v1.0.0", stale=True)), clock=clock)
    current.follows("churn@production", 30, 2 * HOUR, lambda: None)
    assert (current.state().status, current.state().age) == ("stale", HOUR)
    clock.seconds += HOUR + 1
    assert current.state().status == "too-stale"


def test_a_look_that_never_ends_makes_it_stale(fixed_clock: Clock) -> None:
    clock = Ticking()
    current = Current(Told(V1), clock=clock)
    current.follows("churn@production", 30, None, lambda: None)
    clock.seconds += 3 * 30 + 61
    assert (current.state().status, current.state().extra["away"]) == ("stale", None)


def test_the_state_tells_what_cannot_be_served(fixed_clock: Clock) -> None:
    current = Current(Told(V1))
    current.updating("churn@v1.1.0")
    assert current.state().updating == "churn@v1.1.0"
    current.updating("")
    for _ in range(2):
        current.failed("churn@v1.1.0", "it raises")
    state = current.state()
    assert (state.status, state.updating) == ("failed-to-update", None)
    assert state.failed == {"version": "churn@v1.1.0", "message": "it raises"}
    assert state.extra["failures"] == 1
    current.checked(fixed_clock.now, "nobody answers")
    assert current.state().status == "stale"
    assert current.state().failed == state.failed
    current.checked(fixed_clock.now)
    current.right()
    assert (current.state().status, current.state().failed) == ("ok", None)


def test_an_old_predictor_does_not_hold_up_the_answer_that_was_its_last() -> None:
    closing, go = threading.Event(), threading.Event()

    class Slow(Told):
        def close(self) -> None:
            closing.set()
            go.wait(20)
            super().close()

    old = Slow(V1)
    current = Current(old)
    with current.use():
        current.swap(Told(V2))
    until(closing.is_set)
    assert not old.closed.is_set()
    go.set()
    assert old.closed.wait(20)
