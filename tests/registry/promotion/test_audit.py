from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import NotFound
from gitreg.format.record import Approval
from gitreg.format.tags import tag_ref
from gitreg.format.times import from_seconds
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.audit import Audited, audit, columns
from gitreg.registry.promotion.merge import merge
from gitreg.registry.promotion.records import record_of, write_record, write_records
from gitreg.registry.promotion.timeline import timeline
from gitreg.stores.git import RefChange
from testing.gitcli import git
from testing.promoted import CARA, History
from testing.registries import SETTINGS, Place, log
from testing.team import member, team, version

STRICT = SETTINGS + "stages:\n  production: {approvals: 2, emergency: [cara@example.org]}\n"
PRODUCTION = "churn#production#1"


@pytest.fixture
def history(clone: Place) -> History:
    log(2, "churn")
    log(3, "churn")
    log(5, "fraud")
    return History(clone)


def recorded(history: History) -> None:
    place = history.registry
    place.git.change_refs(write_records(place, history.said))


def record(history: History, *approvals: Approval, at: int = -1, ref: str = "", **other: object) -> None:
    """The record of a change, with what others are told to have said; `other` facts are lies."""
    place = history.registry
    change = timeline(place)[at]
    true = record_of(change, pull="1", requested="ben", approvals=approvals)
    name = ref or tag_ref(true.tag)
    git(place.git.common_dir, "update-ref", "-d", name)
    made = write_record(place, replace(true, **other), by=change.change.by, when=change.change.when)  # type: ignore[arg-type]
    place.git.change_refs([RefChange(name, made.new)])


def remarks(history: History, *what: str) -> list[list[str]]:
    return [[remark.text for remark in each.remarks] for each in audit(*what, registry=history.place.path)]


def one(where: Path, *what: str) -> Audited:
    (found,) = audit(*what, registry=where)
    return found


DAN = Approval("dan", "dan", "2026-08-29T10:00:00.000Z", "SHA256:abc")
EVE = Approval("eve", "Eve <eve@example.org>", "2026-08-29T10:00:00.000Z")


def test_each_change_is_told_with_who_asked_who_approved_and_who_merged(history: History) -> None:
    history.policy(STRICT)
    merge = history.merge("churn@1", "production", why="better")
    record(history, DAN, EVE)
    found = one(history.place.path)
    assert (found.at, found.commit) == (from_seconds(history.when), merge)
    assert (found.model, found.stage, found.number, found.before, found.after) == (
        "churn", "production", 1, "", "v0.1.0",
    )  # fmt: skip
    assert (found.requested, found.merged_by, found.pull, found.why) == ("ben", CARA, "1", "better")
    assert (found.approvals, found.wanted, found.record, found.remarks) == ((DAN, EVE), 2, PRODUCTION, ())


def test_a_change_without_a_record_is_told(history: History) -> None:
    history.merge("churn@1", "production")
    assert remarks(history) == [["no record: who approved it is not known here"]]


def test_a_squash_is_told(history: History) -> None:
    history.squash("churn@1", "production")
    assert remarks(history) == [
        ["no record: who approved it is not known here", "no merge commit: squashed or rebased"]
    ]
    record(history, DAN)
    assert remarks(history) == [["no merge commit: squashed or rebased"]]


def test_a_direct_push_is_told(history: History) -> None:
    history.push("churn@1", "production")
    assert remarks(history)[0][1] == "pushed directly: no merge commit, no pull request known"
    record(history, pull="", requested="")
    assert remarks(history) == [["pushed directly: no merge commit"]]


def test_a_merge_without_a_pull_request_is_told(history: History) -> None:
    history.merge("churn@1", "production")
    record(history, pull="", requested="")
    assert remarks(history) == [["merged without a pull request"]]


def test_a_merge_that_made_another_file_than_was_proposed_is_told(history: History) -> None:
    history.merge("churn@1", "production")
    here = history.place.path
    (here / "stages/production/churn.yaml").write_text(history.text("churn@2", "production"))
    git(here, "commit", "-q", "-a", "--amend", "--no-edit")
    git(here, "push", "-q", "-f", "origin", "main")
    record(history)
    assert remarks(history) == [["the merge made another file of it than was proposed"]]


def test_fewer_approvals_than_the_policy_of_that_moment_asked_are_told(history: History) -> None:
    history.merge("churn@1", "production")
    record(history)
    history.policy(STRICT)
    history.merge("churn@2", "production")
    record(history, DAN)
    history.policy(SETTINGS)
    assert remarks(history) == [[], ["1 of 2 approvals"]]


def test_the_policy_is_that_of_main_before_the_change(history: History) -> None:
    here = history.place.path
    history.policy(STRICT)
    (here / "gitreg.yaml").write_text(SETTINGS)
    git(here, "add", "gitreg.yaml")
    history.push("churn@1", "production")
    record(history, pull="")
    assert remarks(history) == [["pushed directly: no merge commit", "0 of 2 approvals"]]


def test_unsigned_approvals_are_told_where_signed_ones_were_asked_for(history: History) -> None:
    history.policy(SETTINGS + "stages:\n  production: {approvals: 1, require: [signed]}\n")
    history.merge("churn@1", "production")
    record(history, EVE)
    assert remarks(history) == [["approvals that are not signed, which the policy asked for"]]


def test_a_policy_that_cannot_be_read_and_a_stage_that_it_did_not_know_are_told(history: History) -> None:
    history.policy(STRICT)
    history.merge("churn@1", "elsewhere")
    record(history)
    history.policy(SETTINGS + "stages:\n  production: {approvals: many}\n")
    history.merge("fraud@1", "production")
    record(history)
    first, second = audit(registry=history.place.path)
    assert [remark.text for remark in first.remarks] == ["the policy knew no stage elsewhere"]
    assert (second.wanted, second.remarks[0].kind) == (None, "policy")
    assert "line 3" in second.remarks[0].text


def test_an_emergency_tells_who_and_whether_they_might(history: History) -> None:
    history.policy(STRICT)
    message = "Promote\n\nprices are wrong\n\nGitreg-Format: 1\nGitreg-Pull: 1\nGitreg-Emergency: {}\n"
    history.merge("churn@1", "production", message=message.format("cara@example.org"))
    record(history)
    history.merge("churn@2", "production", message=message.format("mallory@example.org"))
    record(history)
    first, second = audit(registry=history.place.path)
    assert (first.emergency, first.why) == ("cara@example.org", "prices are wrong")
    assert [remark.kind for remark in first.remarks] == ["approvals", "emergency"]
    assert second.remarks[-1].text == "the policy did not let mallory@example.org merge in an emergency"


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"version": "v9.9.9"}, "the record tells the version v9.9.9, and main v0.1.0"),
        ({"digest": "sha256:" + "0" * 64}, f"the record tells the digest sha256:{'0' * 64}, and main sha256:"),
        ({"before": "v0.0.9"}, "the record tells the version before v0.0.9, and main none"),
        ({"emergency": "zoe"}, "the record tells an emergency by zoe, and the merge by nobody"),
    ],
)
def test_a_record_that_disagrees_with_main_is_told(history: History, lie: dict[str, object], said: str) -> None:
    history.merge("churn@1", "production")
    record(history, **lie)
    assert remarks(history)[0][0].startswith(said)


def test_a_record_of_another_merge_is_told(history: History) -> None:
    first = history.merge("churn@1", "production")
    history.merge("churn@2", "production")
    record(history, at=0)
    record(history, at=1, merge=first)
    said = remarks(history)
    assert said[0] == []
    assert said[1][0].startswith(f"the record tells the merge commit {first}, and main ")


def test_a_record_under_another_number_is_told(history: History) -> None:
    history.merge("churn@1", "production")
    history.merge("churn@2", "production")
    record(history, at=0, ref="refs/tags/churn#production#2")
    assert remarks(history)[1][0] == "the record holds the name 'churn#production#1': it is another tag under this name"
    git(history.place.path, "tag", "-d", "churn#production#2")
    record(history, at=1, ref="refs/tags/churn#production#7")
    found = audit(registry=history.place.path)[-1]
    assert (found.record, found.commit) == ("churn#production#7", "")
    assert found.remarks[0].text == "a record of no change: main changed stages/production/churn.yaml 2 times only"


def test_a_record_on_another_commit_or_by_somebody_else_is_told(history: History) -> None:
    history.merge("churn@1", "production")
    place = history.registry
    change = timeline(place)[0]
    assert change.after is not None
    made = place.git.content(write_record(place, record_of(change, pull="1"), by=CARA, when=1).new, "tag")
    other = made.replace(change.after.commit.encode(), git(place.git.common_dir, "rev-parse", "churn@2^{}").encode())
    oid = git(place.git.common_dir, "mktag", input=other)
    place.git.change_refs([RefChange("refs/tags/churn#production#1", oid)])
    first, second = remarks(history)[0]
    assert first.startswith("the record is on ")
    assert second.startswith(f"the record is by {CARA} of 1970-01-01T00:00:01.000Z")


def test_a_tag_of_gto_s_is_no_record(history: History) -> None:
    history.merge("churn@1", "production")
    git(history.place.path, "tag", "-a", "-m", "Assigning stage", "churn#production#1", "churn@1^{}")
    git(history.place.path, "tag", "churn#production#2", "churn@1^{}")
    assert remarks(history) == [["no record: the tag churn#production#1 is not gitreg's"]]


def test_a_broken_record_and_a_newer_one_are_told(history: History) -> None:
    history.merge("churn@1", "production")
    git(history.place.path, "tag", "-a", "-m", "x\n\nGitreg-Format: 99\n", "churn#production#1", "churn@1^{}")
    assert "99" in remarks(history)[0][0]


def test_a_stage_file_that_cannot_be_read_is_told(history: History) -> None:
    history.push("churn@1", "production", text="version: [\n")
    found = one(history.place.path)
    assert (found.after, found.remarks[0].kind) == ("", "stage-file")


def test_an_emptied_stage_and_a_revert_are_changes(history: History) -> None:
    history.merge("churn@1", "production")
    history.merge("churn@1", "production", text="")
    history.merge("churn@1", "production")
    history.revert(history.merge("churn@2", "production"))
    found = audit(registry=history.place.path)
    assert [(each.before, each.after) for each in found] == [
        ("", "v0.1.0"), ("v0.1.0", ""), ("", "v0.1.0"), ("v0.1.0", "v0.2.0"), ("v0.2.0", "v0.1.0"),
    ]  # fmt: skip


def test_one_model_or_one_stage_alone(history: History) -> None:
    history.merge("churn@1", "staging")
    history.merge("churn@1", "production")
    history.merge("fraud@1", "staging")
    where = history.place.path
    assert [(each.stage, each.model) for each in audit(registry=where)] == [
        ("staging", "churn"), ("production", "churn"), ("staging", "fraud"),
    ]  # fmt: skip
    assert [each.model for each in audit(stage="staging", registry=where)] == ["churn", "fraud"]
    assert [each.stage for each in audit("churn", registry=where)] == ["staging", "production"]
    assert one(where, "fraud", "staging").number == 1
    with pytest.raises(NotFound, match="no change of production for fraud"):
        audit("fraud", "production", registry=where)


def test_nothing_is_asked_and_a_plain_clone_is_enough(history: History, tmp_path: Path) -> None:
    history.merge("churn@1", "production", approved=["dan"])
    record(history, DAN)
    git(history.place.path, "push", "-q", "origin", "churn#production#1")
    here = audit(registry=history.place.path)
    other = history.place.clone(tmp_path / "other")
    assert history.place.origin is not None
    history.place.origin.rename(tmp_path / "gone")
    assert audit(registry=other.path) == here
    assert audit(registry=open_registry(other.path, offline=True)) == here


def test_an_address_tells_the_same(history: History) -> None:
    history.merge("churn@1", "production")
    record(history, DAN)
    git(history.place.path, "push", "-q", "origin", "churn#production#1")
    history.merge("churn@2", "production")
    address = f"file://{history.place.origin}"
    gitreg.resolve("churn@production", registry=address)
    assert audit(registry=address) == audit(registry=history.place.path)


def test_the_forge_s_reviews_and_the_audit_agree(history: History) -> None:
    history.policy(STRICT)
    history.merge("churn@1", "production", approved=["dan", "eve"])
    history.merge("churn@2", "production", approved=["dan"])
    recorded(history)
    for each in audit(registry=history.place.path):
        said = [review.by for review in history.said.reviews(each.pull) if review.verdict == "approve"]
        assert [approval.by for approval in each.approvals] == said


def test_a_registry_in_bare_git_agrees_with_its_own_reviews_signed_or_not(tmp_path: Path) -> None:
    """Whatever people said in between, the audit tells whom the pull request counts."""
    ana, bo = team(tmp_path, STRICT)
    cy = member(bo.place.clone(tmp_path / "cy"), "Cy", "cy@example.org")
    dee = member(bo.place.clone(tmp_path / "dee"), "Dee", "dee@example.org")
    version(ana)
    pull = gitreg.promote("churn@1", "production", "better", registry=bo.path)
    bo.signs(tmp_path)
    key = cy.signs(tmp_path)
    for who, verdict in (
        (ana, "approve"),
        (bo, "approve"),
        (cy, "approve"),
        (dee, "request-changes"),
        (dee, "approve"),
    ):
        who.forge.review(who.forge.get(pull.number), verdict, "")  # type: ignore[arg-type]  # one of the three
    merged = merge(pull.number, registry=dee.path)
    assert merged.record == ("churn#production#1",)
    found = one(dee.path)
    # Ana logged the run and Bo asked for it: neither counts.
    assert [approval.by for approval in found.approvals] == ["Cy <cy@example.org>", "Dee <dee@example.org>"]
    said = {review.by: review.signed for review in dee.forge.reviews(pull.number)}
    assert [approval.signed for approval in found.approvals] == [said[approval.by] for approval in found.approvals]
    assert [bool(approval.signed) for approval in found.approvals] == [True, False], key
    assert (found.merged_by, found.requested, found.remarks) == ("Dee <dee@example.org>", "Bo <bo@example.org>", ())


def test_a_table_has_a_row_a_change_and_no_formula(history: History) -> None:
    history.merge("churn@1", "production", why="=HYPERLINK(evil)")
    record(history, replace(DAN, who="@dan"), EVE, requested="-1+2")
    rows = columns(audit(registry=history.place.path))
    assert [len(row) for row in rows] == [15, 15]
    found = dict(zip(*rows, strict=True))
    assert (found["why"], found["requested by"]) == ("'=HYPERLINK(evil)", "'-1+2")
    assert found["approved by"] == "'@dan (signed SHA256:abc), eve"
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    assert list(csv.reader(io.StringIO(stream.getvalue()))) == rows


def test_an_emptied_stage_with_its_record_is_in_order(history: History) -> None:
    history.merge("churn@1", "production")
    history.merge("churn@1", "production", text="")
    record(history, at=0)
    record(history)
    assert remarks(history) == [[], []]
