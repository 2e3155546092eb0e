from __future__ import annotations

from pathlib import Path

import pytest

from gitreg.errors import NotFound
from gitreg.format.versions import ModelVersion
from gitreg.registry.notes import note
from gitreg.registry.queries.history import Event, history
from gitreg.registry.retire import retire
from gitreg.stores.git import RefChange
from testing.clock import Clock
from testing.plumbed import AUTHOR, Builder, make_registry


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return make_registry(tmp_path / "registry")


@pytest.fixture
def versions(builder: Builder) -> list[ModelVersion]:
    run = builder.run("a")
    return [
        builder.version(run, "churn", "v1.0.0", 1, description="the first"),
        builder.version(run, "fraud", "v0.1.0", 1),
        builder.version(run, "churn", "v1.1.0", 2),
    ]


def told(events: list[Event]) -> list[str]:
    return [str(event) for event in events]


def test_a_registration_tells_who_when_and_what(builder: Builder, versions: list[ModelVersion]) -> None:
    first = history("churn", registry=builder.path)[0]
    at = versions[0].created
    assert first == Event("registered", "churn", "v1.0.0", 1, at, AUTHOR, "the first", "a")
    assert first.to_dict()["ref"] == "churn@v1.0.0"


def test_without_a_model_all_models_are_told_in_order_of_time(builder: Builder, versions: list[ModelVersion]) -> None:
    assert told(history(registry=builder.path)) == [
        "churn@v1.0.0 registered", "fraud@v0.1.0 registered", "churn@v1.1.0 registered",
    ]  # fmt: skip


def test_a_retirement_tells_why(builder: Builder, versions: list[ModelVersion], fixed_clock: Clock) -> None:
    fixed_clock.set("2026-03-05T00:00:00Z")
    retire("churn@v1.0.0", "trained on the test data\n\nas Ben found out", registry=builder.registry)
    last = history("churn", registry=builder.path)[-1]
    assert (last.kind, last.version, last.at, last.by) == ("retired", "v1.0.0", "2026-03-05T00:00:01.000Z", AUTHOR)
    assert last.text == "trained on the test data\n\nas Ben found out"


def test_a_retirement_by_gto_is_told_in_its_words(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.plain_tag("churn@v1.0.0!", "Deprecating artifact version churn@v1.0.0\n", versions[0].commit)
    assert history("churn", registry=builder.path)[-1].text == "Deprecating artifact version churn@v1.0.0"


def test_notes_are_told_with_what_was_taken_back(
    builder: Builder, versions: list[ModelVersion], fixed_clock: Clock
) -> None:
    fixed_clock.set("2026-03-05T00:00:00Z")
    note("churn@v1.0.0", {"approved": "yes"}, {"auc": 0.8}, "june", registry=builder.registry)
    fixed_clock.advance(60)
    note("churn@v1.0.0", {"approved": None}, registry=builder.registry)
    noted = [event for event in history("churn", registry=builder.path) if event.kind == "noted"]
    values = {("approved", "yes"), ("metrics.auc@june", 0.8)}
    assert {(event.key, event.value) for event in noted[:2]} == values
    assert (noted[2].key, noted[2].value, noted[2].at) == ("approved", None, "2026-03-05T00:01:00.000Z")


def test_versions_stand_in_the_order_of_their_numbers_whatever_clocks_said(builder: Builder) -> None:
    run = builder.run("a")
    builder.seconds += 86400
    first = builder.version(run, "churn", "v1.0.0", 1)
    builder.seconds -= 86400
    builder.version(run, "churn", "v1.1.0", 2)
    builder.retire(first, "its clock was wrong")
    assert told(history("churn", registry=builder.path)) == [
        "churn@v1.0.0 registered", "churn@v1.0.0 retired", "churn@v1.1.0 registered",
    ]  # fmt: skip


def test_a_purge_is_told(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.purge(versions[0])
    assert told(history("churn", registry=builder.path)) == ["churn@v1.0.0 purged", "churn@v1.1.0 registered"]


def test_versions_of_gto_alone_are_told(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.plain_tag("churn@v1.0.5", "Registering artifact churn\n")
    event = history("churn", registry=builder.path)[-1]
    assert (event.version, event.number, event.run_id, event.text) == ("v1.0.5", None, "", "Registering artifact churn")


def test_only_the_last_events_come_back_with_a_limit(builder: Builder, versions: list[ModelVersion]) -> None:
    assert told(history(limit=1, registry=builder.path)) == ["churn@v1.1.0 registered"]
    assert history(limit=0, registry=builder.path) == []


def test_no_blob_is_read(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.retire(versions[0], "old")
    before = history(registry=builder.path)
    assert builder.lose_blobs() > 3
    assert history(registry=builder.path) == before


def test_an_unknown_model_is_told(builder: Builder) -> None:
    with pytest.raises(NotFound, match="no model churn"):
        history("churn", registry=builder.path)


def test_what_cannot_be_read_is_left_out_with_a_warning(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.retire(versions[0], "old")
    tag = builder.registry.git.find_ref("refs/tags/churn@v1.0.0!")
    builder.registry.git.change_refs([RefChange("refs/tags/churn@v1.1.0!", tag)])
    with pytest.warns(UserWarning, match=r"the tag churn@v1.1.0! holds 'churn@v1.0.0!'"):
        retired = [event for event in history("churn", registry=builder.path) if event.kind == "retired"]
    assert [event.version for event in retired] == ["v1.0.0"]
