from __future__ import annotations

from pathlib import Path

import pytest

from gitreg.errors import NotFound, Refused
from gitreg.format.card import Card
from gitreg.format.models import RegisteredModel
from gitreg.format.versions import ModelVersion
from gitreg.registry.queries.search import model, models, stages
from testing.plumbed import Builder, make_registry


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return make_registry(tmp_path / "registry")


@pytest.fixture
def versions(builder: Builder) -> list[ModelVersion]:
    """churn v1.0.0, v2.0.0, then a backport v1.0.1; v1.0.0 runs in staging. fraud v0.1.0. One card."""
    a = builder.run("a", metrics={"accuracy": 0.7}, params={"depth": "4"})
    b = builder.run("b", metrics={"accuracy": 0.9}, params={"depth": "8"})
    found = [
        builder.version(a, "churn", "v1.0.0", 1),
        builder.version(b, "churn", "v2.0.0", 2),
        builder.version(a, "churn", "v1.0.1", 3),
        builder.version(a, "fraud", "v0.1.0", 1),
    ]
    builder.card("churn", Card("Who leaves", "A tree.", {"team": "risk"}, ("ana",), "# Prose\n"))
    builder.stage("staging", found[0])
    return found


def names(found: list[RegisteredModel]) -> list[str]:
    return [str(one) for one in found]


def test_a_model_is_told_from_its_card_and_its_tags(builder: Builder, versions: list[ModelVersion]) -> None:
    found = model("churn", registry=builder.path)
    assert (found.title, found.description, found.owners) == ("Who leaves", "A tree.", ("ana",))
    assert found.tags == {"team": "risk"}
    assert found.latest == versions[1]
    assert (found.versions, found.retired) == (3, 0)
    assert found.stages == {"staging": "v1.0.0"}
    assert found.updated == versions[2].created
    assert found.to_dict()["latest"] == versions[1].to_dict()


def test_models_come_by_name(builder: Builder, versions: list[ModelVersion]) -> None:
    found = models(registry=builder.path)
    assert names(found) == ["churn", "fraud"]
    assert found[0] == model("churn", registry=builder.path)
    assert (found[1].title, found[1].latest) == ("", versions[3])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("name LIKE 'ch%'", ["churn"]),
        ("tags.team = 'risk'", ["churn"]),
        ("tags.team IS NULL", ["fraud"]),
        ("metrics.accuracy < 0.8", ["fraud"]),
        ("params.depth = '8'", ["churn"]),
        ("stage = 'staging'", ["churn"]),
        ("stage IS NULL", ["fraud"]),
        ("version >= 'v1.0.0'", ["churn"]),
        ("number = 2", ["churn"]),
        ("run_id = 'a'", ["fraud"]),
        ("created < '2026-03-02T09:36:00Z'", ["churn"]),
        ("updated >= '2026-03-02T09:38:00Z'", ["fraud"]),
        ("labels.approved IS NULL", ["churn", "fraud"]),
    ],
)
def test_a_filter_finds_the_models_it_holds_for(
    builder: Builder, versions: list[ModelVersion], where: str, expected: list[str]
) -> None:
    assert names(models(where, registry=builder.path)) == expected


def test_models_are_ordered_and_limited(builder: Builder, versions: list[ModelVersion]) -> None:
    assert names(models(order_by=["metrics.accuracy"], registry=builder.path)) == ["fraud", "churn"]
    assert names(models(limit=1, registry=builder.path)) == ["churn"]


def test_a_retired_version_is_not_the_latest(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.retire(versions[1], "wrong data")
    found = model("churn", registry=builder.path)
    assert (str(found.latest), found.retired) == ("churn@v1.0.1", 1)


def test_a_purged_version_is_not_the_latest(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.purge(versions[1])
    assert str(model("churn", registry=builder.path).latest) == "churn@v1.0.1"


def test_a_model_whose_versions_are_all_retired_has_no_latest(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.retire(versions[3], "over")
    found = model("fraud", registry=builder.path)
    assert (found.latest, found.versions, found.retired) == (None, 1, 1)


def test_a_pre_release_is_not_the_latest(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.version(builder.run("c"), "fraud", "v1.0.0-rc.1", 2)
    assert str(model("fraud", registry=builder.path).latest) == "fraud@v0.1.0"


def test_a_card_alone_is_a_model(builder: Builder) -> None:
    builder.card("plan", Card("To be built"))
    (found,) = models(registry=builder.path)
    assert found == RegisteredModel("plan", "To be built")


def test_an_unknown_model_is_told_with_those_there_are(builder: Builder, versions: list[ModelVersion]) -> None:
    with pytest.raises(NotFound, match="no model chrun in") as error:
        model("chrun", registry=builder.path)
    assert error.value.hint == "there is churn, fraud"
    with pytest.raises(Refused, match="bad model name"):
        model("no/name", registry=builder.path)


def test_the_list_of_models_reads_cards_and_stage_files_only(builder: Builder, versions: list[ModelVersion]) -> None:
    before = models(registry=builder.path)
    assert builder.lose_blobs(but=["models/churn.md", "stages/staging/churn.yaml"]) > 5
    assert models(registry=builder.path) == before


def test_a_broken_card_is_told_and_the_model_still_listed(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.put({"models/fraud.md": "---\ntitle: [1\n---\n"})
    with pytest.warns(UserWarning, match=r"models/fraud\.md"):
        assert names(models(registry=builder.path)) == ["churn", "fraud"]


def test_stages_tell_what_they_run(builder: Builder, versions: list[ModelVersion]) -> None:
    builder.stage("production", versions[1])
    builder.stage("staging", versions[3])
    found = stages(registry=builder.path)
    assert [(one.stage, str(one), one.version, one.number) for one in found] == [
        ("production", "churn@production", "v2.0.0", 2),
        ("staging", "churn@staging", "v1.0.0", 1),
        ("staging", "fraud@staging", "v0.1.0", 1),
    ]
    assert found[0].to_dict()["digest"] == versions[1].digest
    assert stages("staging", registry=builder.path) == found[1:]
    assert stages(model="fraud", registry=builder.path) == found[2:]


def test_a_stage_file_that_speaks_of_another_model_is_left_out(builder: Builder, versions: list[ModelVersion]) -> None:
    text = builder.registry.git.content("main:stages/staging/churn.yaml", "it").decode()
    builder.put({"stages/staging/fraud.yaml": text})
    with pytest.warns(UserWarning, match="speaks of churn in staging"):
        assert [str(one) for one in stages(registry=builder.path)] == ["churn@staging"]
