from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gitreg.format.versions import ModelVersion
from gitreg.registry.queries.search import search_runs, search_versions
from gitreg.stores.git import RefChange
from testing.plumbed import Builder, make_registry, mirror_of


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return make_registry(tmp_path / "registry")


@pytest.fixture
def versions(builder: Builder) -> dict[str, ModelVersion]:
    """churn v1.0.0 to v1.2.0 (number 3, in production) and fraud v0.1.0; the tag of v1.1.0 tells no metric."""
    a = builder.run("a", metrics={"accuracy": 0.7}, params={"depth": "4"}, tags={"team": "risk"}, name="first")
    b = builder.run("b", metrics={"accuracy": 0.9}, params={"depth": "8"})
    c = builder.run("c", metrics={"accuracy": 0.8}, params={"depth": "8"}, status="failed")
    found = {
        "one": builder.version(a, "churn", "v1.0.0", 1, description="the first\n\nof many"),
        "two": builder.version(b, "churn", "v1.1.0", 2, metrics=["none"]),
        "three": builder.version(c, "churn", "v1.2.0", 3),
        "fraud": builder.version(a, "fraud", "v0.1.0", 1),
    }
    builder.stage("production", found["three"])
    return found


def names(versions: list[ModelVersion]) -> list[str]:
    return [str(version) for version in versions]


def test_versions_come_by_model_the_highest_number_first(builder: Builder, versions: dict[str, ModelVersion]) -> None:
    found = search_versions(registry=builder.path)
    assert names(found) == ["churn@v1.2.0", "churn@v1.1.0", "churn@v1.0.0", "fraud@v0.1.0"]
    assert found[0].stages == ("production",)
    assert found[2] == versions["one"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("metrics.accuracy > 0.75", ["churn@v1.2.0", "churn@v1.1.0"]),
        ("params.depth = '8' AND metrics.accuracy > 0.85", ["churn@v1.1.0"]),
        ("tags.team = 'risk'", ["churn@v1.0.0", "fraud@v0.1.0"]),
        ("name = 'fraud'", ["fraud@v0.1.0"]),
        ("model IN ('fraud', 'nothing', 'bad name')", ["fraud@v0.1.0"]),
        ("model = 'no*'", []),
        ("model LIKE 'ch%' AND version < 'v1.2.0'", ["churn@v1.1.0", "churn@v1.0.0"]),
        ("number = 1", ["churn@v1.0.0", "fraud@v0.1.0"]),
        ("version_number > 2", ["churn@v1.2.0"]),
        ("stage = 'production'", ["churn@v1.2.0"]),
        ("stage IS NULL AND model = 'churn'", ["churn@v1.1.0", "churn@v1.0.0"]),
        ("flavor = 'sklearn' AND run_id = 'b'", ["churn@v1.1.0"]),
        ("run_name = 'first'", ["churn@v1.0.0", "fraud@v0.1.0"]),
        ("status = 'failed'", ["churn@v1.2.0"]),
        ("started > '2026-03-02T09:34:00Z'", ["churn@v1.2.0"]),
        ("created < '2026-03-02T09:38:00Z'", ["churn@v1.0.0"]),
        ("source_path = 'runs:/b/model'", ["churn@v1.1.0"]),
        ("author = 'Ana Analyst <ana@example.org>' AND model = 'fraud'", ["fraud@v0.1.0"]),
    ],
)
def test_a_filter_finds_the_versions_it_holds_for(
    builder: Builder, versions: dict[str, ModelVersion], where: str, expected: list[str]
) -> None:
    assert names(search_versions(where, registry=builder.path)) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("metrics.accuracy DESC", ["churn@v1.1.0", "churn@v1.2.0", "churn@v1.0.0", "fraud@v0.1.0"]),
        ("version", ["fraud@v0.1.0", "churn@v1.0.0", "churn@v1.1.0", "churn@v1.2.0"]),
        ("created DESC", ["fraud@v0.1.0", "churn@v1.2.0", "churn@v1.1.0", "churn@v1.0.0"]),
        ("params.depth", ["churn@v1.0.0", "fraud@v0.1.0", "churn@v1.2.0", "churn@v1.1.0"]),
    ],
)
def test_versions_are_ordered_as_asked(
    builder: Builder, versions: dict[str, ModelVersion], order: str, expected: list[str]
) -> None:
    assert names(search_versions(order_by=[order], registry=builder.path)) == expected
    assert names(search_versions(order_by=[order], limit=1, registry=builder.path)) == expected[:1]


def test_labels_are_filled_in_and_searched(builder: Builder, versions: dict[str, ModelVersion]) -> None:
    line = '{"at": "2026-03-02T10:00:00Z", "by": "Ana", "id": "1", "key": "approved", "n": 1, "value": "yes"}\n'
    at = builder.registry.git
    at.write_note("refs/notes/gitreg", "", versions["two"].tag, at.write_blob(line.encode()), "Ana <a@example.org>")
    (found,) = search_versions("labels.approved = 'yes'", registry=builder.path)
    assert found == replace(versions["two"], labels={"approved": "yes"})
    assert found in search_versions(registry=builder.path)
    assert names(search_versions("labels.approved IS NULL", registry=builder.path)) == [
        "churn@v1.2.0", "churn@v1.0.0", "fraud@v0.1.0",
    ]  # fmt: skip


def test_no_blob_is_read_but_stage_files(builder: Builder, versions: dict[str, ModelVersion]) -> None:
    wheres = ["", "metrics.accuracy > 0.75", "params.depth = '8' AND stage = 'production'", "model = 'churn'"]
    before = [search_versions(where, registry=builder.path) for where in wheres]
    assert builder.lose_blobs(but=["stages/production/churn.yaml"]) > 10
    assert [search_versions(where, registry=builder.path) for where in wheres] == before


def test_a_lost_stage_file_is_told_and_the_versions_still_listed(
    builder: Builder, versions: dict[str, ModelVersion]
) -> None:
    builder.lose_blobs()
    with pytest.warns(UserWarning, match="git does not have the content of production/churn.yaml"):
        assert len(search_versions(registry=builder.path)) == 4


def test_retired_versions_say_so(builder: Builder, versions: dict[str, ModelVersion]) -> None:
    builder.retire(versions["one"], "wrong data")
    found = {str(version): version.retired for version in search_versions("model = 'churn'", registry=builder.path)}
    assert found == {"churn@v1.2.0": False, "churn@v1.1.0": False, "churn@v1.0.0": True}


def test_versions_of_gto_alone_come_last_and_have_no_number(
    builder: Builder, versions: dict[str, ModelVersion]
) -> None:
    builder.plain_tag("churn@v1.0.1")
    builder.plain_tag("churn@v0.9.0")
    found = search_versions("model = 'churn'", registry=builder.path)
    assert names(found)[3:] == ["churn@v1.0.1", "churn@v0.9.0"]
    assert found[3].number is None
    assert names(search_versions("model = 'churn' AND number >= 1", registry=builder.path)) == names(found)[:3]


def test_tags_of_others_are_passed_over(builder: Builder, versions: dict[str, ModelVersion]) -> None:
    for name in ("churn@very-nice", "churn@v01.0.0", "mail@vera.org", "release-1.0"):
        builder.plain_tag(name)
    assert len(search_versions(registry=builder.path)) == 4


def test_purged_versions_are_tombstones(builder: Builder, versions: dict[str, ModelVersion]) -> None:
    builder.purge(versions["one"])
    found = search_versions("number = 1 AND model = 'churn'", registry=builder.path)
    assert [(str(v), v.tombstone, v.run_id) for v in found] == [("churn@v1.0.0", True, "")]
    assert names(search_versions("params.depth = '4'", registry=builder.path)) == ["fraud@v0.1.0"]


def test_a_tag_object_under_another_name_is_left_out_with_a_warning(
    builder: Builder, versions: dict[str, ModelVersion]
) -> None:
    builder.registry.git.change_refs([RefChange("refs/tags/churn@v9.0.0", versions["one"].tag)])
    with pytest.warns(UserWarning, match=r"the tag churn@v9.0.0 holds 'churn@v1.0.0'"):
        assert "churn@v9.0.0" not in names(search_versions(registry=builder.path))


def test_a_mirror_fetches_what_is_asked(builder: Builder, versions: dict[str, ModelVersion], tmp_path: Path) -> None:
    line = '{"at": "2026-03-02T10:00:00Z", "by": "Ana", "id": "1", "key": "approved", "n": 1, "value": "yes"}\n'
    at = builder.registry.git
    at.write_note("refs/notes/gitreg", "", versions["two"].tag, at.write_blob(line.encode()), "Ana <a@example.org>")
    mirror = mirror_of(builder, tmp_path / "mirror")
    assert search_versions("model = 'fraud'", registry=mirror) == [versions["fraud"]]
    assert [ref.name for ref in mirror.git.refs("refs/tags/")] == ["refs/tags/fraud@1", "refs/tags/fraud@v0.1.0"]
    found = search_versions("metrics.accuracy > 0.75", registry=mirror)
    assert names(found) == ["churn@v1.2.0", "churn@v1.1.0"]
    assert (found[0].stages, found[1].labels) == (("production",), {"approved": "yes"})
    assert not mirror.git.refs("refs/tags/run/")
    assert [run.id for run in search_runs(registry=mirror)] == ["c", "b", "a"]


def test_offline_a_mirror_lists_what_it_has_and_says_that_it_may_be_stale(
    builder: Builder, versions: dict[str, ModelVersion], tmp_path: Path
) -> None:
    mirror = mirror_of(builder, tmp_path / "mirror")
    search_versions("model = 'fraud'", registry=mirror)
    (found,) = search_versions(registry=replace(mirror, offline=True))
    assert found == replace(versions["fraud"], stale=True)
