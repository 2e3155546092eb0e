from __future__ import annotations

import pytest

from gitreg.errors import NotFound
from gitreg.format.times import from_seconds
from gitreg.registry.promotion.records import write_records
from gitreg.registry.promotion.stage_log import stage_log
from gitreg.registry.resolve import resolve
from testing.promoted import CARA, History
from testing.registries import Place, log


@pytest.fixture
def history(clone: Place) -> History:
    log(2, "churn")
    log(3, "churn")
    log(5, "fraud")
    return History(clone)


def test_a_stage_s_log_tells_what_it_ran_who_asked_who_approved_and_why(history: History) -> None:
    commit = history.merge("churn@1", "production", approved=["dan"], why="better\n\nby far")
    place = history.registry
    place.git.change_refs(write_records(place, history.said))
    (event,) = stage_log("production", "churn", registry=history.place.path)
    assert (event.kind, event.before, event.after, event.at) == ("promoted", "", "v0.1.0", from_seconds(history.when))
    assert (event.by, event.requested, event.pull) == (CARA, "Ben <ben@example.org>", "1")
    assert ([one.who for one in event.approvals], event.why) == (["dan"], "better\n\nby far")
    assert event.commit == commit


def test_each_kind_of_change_has_a_name(history: History) -> None:
    history.merge("churn@1", "production")
    history.revert(history.merge("churn@2", "production"))
    history.merge("churn@1", "production", text="")
    history.push("churn@1", "production", text="version: [\n")
    history.push("churn@1", "production")
    text = history.text("churn@1", "production")
    history.push("churn@1", "production", text=text.replace("metrics: {}", "metrics:\n  a: 1"))
    assert [event.kind for event in stage_log("production", registry=history.place.path)] == [
        "promoted", "promoted", "rolled back", "emptied", "unreadable", "promoted", "rewritten",
    ]  # fmt: skip


def test_of_many_the_last_are_told_and_of_one_model_its_own(history: History) -> None:
    history.merge("churn@1", "production")
    history.merge("fraud@1", "production")
    history.merge("churn@2", "production")
    where = history.place.path
    assert [event.model for event in stage_log("production", registry=where)] == ["churn", "fraud", "churn"]
    assert [event.after for event in stage_log("production", limit=1, registry=where)] == ["v0.2.0"]
    assert stage_log("production", limit=0, registry=where) == []
    assert [event.model for event in stage_log("production", "fraud", registry=where)] == ["fraud"]
    with pytest.raises(NotFound, match="no change of staging on main"):
        stage_log("staging", registry=where)


@pytest.mark.parametrize("by_address", [False, True])
def test_a_moment_is_looked_up_on_main_s_own_line(history: History, by_address: bool) -> None:
    """A branch that was proposed long before it was merged did not run then."""
    where = f"file://{history.place.origin}" if by_address else str(history.place.path)
    start = history.when

    def at(hours: float) -> str:
        return str(resolve("churn@production", at=from_seconds(start + hours * 3600), registry=where))

    history.merge("churn@1", "production")  # proposed after 1 hour, opened after 2, merged after 3
    history.merge("churn@2", "production")  # 6
    history.merge("churn@2", "production", text="")  # 9
    history.merge("churn@1", "production")  # 12
    for hours in (0, 1.5, 2.5, 9, 11.5):
        with pytest.raises(NotFound, match="production ran no churn at"):
            at(hours)
    assert [at(hours) for hours in (3, 4.5, 5.9, 6, 8.9, 12, 99)] == [
        "churn@v0.1.0", "churn@v0.1.0", "churn@v0.1.0", "churn@v0.2.0", "churn@v0.2.0", "churn@v0.1.0", "churn@v0.1.0",
    ]  # fmt: skip


def test_a_clock_that_went_back_does_not_hide_what_main_was(history: History) -> None:
    history.merge("churn@1", "production")
    first = history.when
    history.when -= 100 * 3600
    history.merge("churn@2", "production")
    assert str(resolve("churn@production", at=from_seconds(first), registry=history.place.path)) == "churn@v0.2.0"
