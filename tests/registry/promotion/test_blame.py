from __future__ import annotations

import pytest

from gitreg.errors import NotFound, Refused
from gitreg.format.times import from_seconds
from gitreg.registry.promotion.blame import BlamedFact, blame, facts_of
from gitreg.registry.promotion.records import write_records
from testing.gitcli import git
from testing.promoted import CARA, History
from testing.registries import Place, log, signature


@pytest.fixture
def history(clone: Place) -> History:
    log(2, "churn", found=signature(plan="string"))
    log(3, "churn", found=signature(plan="string", tenure="long?"))
    return History(clone)


def facts(history: History, ref: str = "churn@production") -> dict[str, BlamedFact]:
    return {each.name: each for each in blame(ref, registry=history.place.path)}


def test_each_fact_tells_what_changed_it_last_and_from_what(history: History) -> None:
    first = history.merge("churn@1", "production")
    before = history.when
    second = history.merge("churn@2", "production")
    place = history.registry
    place.git.change_refs(write_records(place, history.said))
    found = facts(history)
    version = found["version"]
    assert (version.value, version.was, version.before, version.after) == ("v1.1.0", "v1.0.0", "v1.0.0", "v1.1.0")
    assert (version.pull, version.by, version.commit) == ("2", CARA, second)
    model = found["model"]
    assert (model.value, model.was, model.at, model.pull) == ("churn", None, from_seconds(before), "1")
    assert model.commit == first
    assert (found["signature.inputs.tenure"].was, found["signature.inputs.tenure"].pull) == (None, "2")
    assert found["signature.inputs.plan"].pull == "1"
    assert found["requirements.cloudpickle"].pull == "1"


def test_lines_are_those_of_the_file(history: History) -> None:
    history.merge("churn@1", "production")
    text = (history.place.path / "stages/production/churn.yaml").read_text().splitlines()
    for each in blame("churn@production", registry=history.place.path):
        assert each.value in text[each.line - 1]


def test_a_fact_belongs_to_the_merge_and_not_to_the_commit_on_the_branch(history: History) -> None:
    merge = history.merge("churn@1", "production")
    head = git(history.place.path, "rev-parse", f"{merge}^2")
    assert {each.commit for each in facts(history).values()} == {merge} != {head}


def test_a_revert_changes_back_what_it_reverts_alone(history: History) -> None:
    first = history.merge("churn@1", "production")
    revert = history.revert(history.merge("churn@2", "production"))
    found = facts(history)
    assert (found["version"].commit, found["version"].was) == (revert, "v1.1.0")
    assert found["model"].commit == first


def test_a_stage_that_was_emptied_begins_anew(history: History) -> None:
    history.merge("churn@1", "production")
    history.merge("churn@1", "production", text="")
    with pytest.raises(NotFound, match="no stage production runs churn"):
        blame("churn@production", registry=history.place.path)
    last = history.merge("churn@1", "production")
    assert {each.commit for each in facts(history).values()} == {last}
    with pytest.raises(NotFound, match="no stage staging runs churn"):
        blame("churn@staging", registry=history.place.path)


def test_without_a_record_the_pull_request_is_what_the_merge_says(history: History) -> None:
    history.merge("churn@1", "production", message="Promote\n\nGitreg-Format: 1\nGitreg-Pull: 12\n")
    assert facts(history)["model"].pull == "12"


def test_an_address_tells_the_same(history: History) -> None:
    history.merge("churn@1", "production")
    history.merge("churn@2", "production")
    assert blame("churn@production", registry=f"file://{history.place.origin}") == blame(
        "churn@production", registry=history.place.path
    )


def test_only_what_a_stage_runs_is_blamed(history: History) -> None:
    with pytest.raises(Refused, match="is not what a stage runs"):
        blame("churn@1", registry=history.place.path)


def test_facts_have_names() -> None:
    text = b"""\
format: 1
metrics:
  loss: "NaN"
params: {}
signature:
  inputs:
    "0": long
    "a: b": double?
requirements:
  - scikit-learn==1.9.1
  - "tf==1; python_version < '3'"
  - tf==2
# a remark: of somebody
"""
    assert list(facts_of(text)) == [
        (1, "format", "1"), (3, "metrics.loss", '"NaN"'), (4, "params", "{}"), (7, 'signature.inputs."0"', "long"),
        (8, 'signature.inputs."a: b"', "double?"), (10, "requirements.scikit-learn", "scikit-learn==1.9.1"),
        (11, "requirements.tf", "\"tf==1; python_version < '3'\""), (12, "requirements.tf'", "tf==2"),
    ]  # fmt: skip


def test_a_requirements_list_that_is_empty_is_a_fact() -> None:
    assert list(facts_of(b"requirements: []\n")) == [(1, "requirements", "[]")]
