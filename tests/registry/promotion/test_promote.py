"""Proposing that a stage runs a version: on a real repository, with pull requests in Git."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, Damaged, NotFound, Refused
from gitreg.format.stage_file import parse_stage_file
from gitreg.registry.care.purge import purge
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.merge import merge
from gitreg.registry.promotion.promote import propose_promotion
from gitreg.registry.promotion.pulls import close_pull, review_pull
from testing.addresses import Remote
from testing.churn import at_origin, copied
from testing.gitcli import git, snapshot
from testing.registries import log
from testing.team import Member

PATH = "stages/production/churn.yaml"
BRANCH = "refs/heads/promote/production/churn"


def refs_at_origin(who: Member) -> str:
    return at_origin(who, "for-each-ref")


def test_a_promotion_is_one_commit_on_main_that_changes_one_file(ana: Member) -> None:
    pull = gitreg.promote("churn@v1.0.0", "production", "Good enough", registry=ana.path)
    assert (pull.number, pull.state, pull.base, pull.head) == ("1", "open", "main", "promote/production/churn")
    assert pull.title == "Promote churn v1.0.0 to production"
    assert pull.head_commit == at_origin(ana, "rev-parse", BRANCH)
    assert at_origin(ana, "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert at_origin(ana, "rev-parse", f"{BRANCH}^") == at_origin(ana, "rev-parse", "main")
    assert at_origin(ana, "diff", "--name-status", "main", BRANCH) == f"A\t{PATH}"
    found = parse_stage_file(at_origin(ana, "show", f"{BRANCH}:{PATH}"))
    assert (found.version, found.number, found.metrics) == ("v1.0.0", 1, {"accuracy": 0.93})
    assert at_origin(ana, "log", "-1", "--format=%B", BRANCH).startswith(
        f"{pull.title}\n\nGood enough\n\nGitreg-Format:"
    )


def test_the_body_tells_what_a_reviewer_has_to_know(ana: Member) -> None:
    merge(gitreg.promote("churn@v1.0.0", "production", registry=ana.path).number, registry=ana.path)
    body = gitreg.promote("churn@v1.0.1", "production", "More data", registry=ana.path).body
    assert body.startswith("**Ready to merge**, with 1 remark.\n")
    assert "`production` shall run `churn` `v1.0.1` instead of `v1.0.0`, asked for by Ana." in body
    assert "> More data" in body
    assert "| `accuracy` | 0.93 | 0.95 | +0.02 |  |" in body
    assert "Nothing changes for who calls it." in body
    assert "| there |" in body
    assert "gitreg rollback churn production --to churn@v1.0.0" in body


def test_no_file_index_branch_or_setting_of_the_user_is_touched(ana: Member) -> None:
    here = ana.path
    git(here, "checkout", "-q", "-b", "work")
    (here / "stages/production").mkdir(parents=True)
    (here / PATH).write_text("mine\n")
    (here / "staged").write_text("staged\n")
    git(here, "add", "staged")
    before = snapshot(here)
    gitreg.promote("churn@1", "production", registry=here)
    gitreg.promote("churn@2", "production", registry=here)
    assert snapshot(here) == before


def test_a_dry_run_tells_all_and_changes_nothing(ana: Member) -> None:
    kept = ("for-each-ref", "refs/heads", "refs/remotes", "refs/gitreg")
    before, here = refs_at_origin(ana), git(ana.path, *kept)
    found = propose_promotion("churn@1", "production", "why", registry=ana.path, dry_run=True)
    assert found.diff.startswith(f"--- /dev/null\n+++ b/{PATH}\n@@ -0,0 +1,")
    assert "+version: v1.0.0\n" in found.diff
    assert found.pull.body.startswith("**Ready to merge**")
    assert (found.pull.number, found.pushed, found.opened) == ("", False, False)
    assert (refs_at_origin(ana), git(ana.path, *kept)) == (before, here)


def test_the_same_once_more_changes_nothing(ana: Member) -> None:
    first = propose_promotion("churn@1", "production", "why", registry=ana.path)
    before = refs_at_origin(ana)
    again = propose_promotion("churn@v1.0.0", "production", "why", registry=ana.path)
    silent = propose_promotion("churn@v1.0.0", "production", registry=ana.path)
    assert (first.opened, first.pushed) == (True, True)
    for found in (again, silent):
        assert (found.opened, found.pushed, found.updated) == (False, False, False)
        assert found.pull == first.pull
    assert refs_at_origin(ana) == before


def test_the_open_pull_request_is_brought_up_to_date(ana: Member) -> None:
    gitreg.promote("churn@1", "production", registry=ana.path)
    found = propose_promotion("churn@2", "production", "Better", registry=ana.path)
    assert (found.opened, found.pushed, found.updated) == (False, True, True)
    assert (found.pull.number, found.pull.title) == ("1", "Promote churn v1.0.1 to production")
    assert found.replaced == "Promote churn v1.0.0 to production"
    assert "`v1.0.1`" in found.pull.body
    assert ana.forge.get("1").head_commit == found.pull.head_commit == at_origin(ana, "rev-parse", BRANCH)
    assert at_origin(ana, "diff", "--name-only", "main", BRANCH) == PATH


def test_another_reason_is_told_in_the_body_and_the_commit(ana: Member) -> None:
    gitreg.promote("churn@1", "production", "old reason", registry=ana.path)
    found = propose_promotion("churn@1", "production", "new reason", registry=ana.path)
    assert (found.pushed, found.updated) == (True, True)
    assert "> new reason" in found.pull.body
    assert "old reason" not in found.pull.body


def test_an_origin_that_takes_no_forced_push_takes_another_proposal(ana: Member) -> None:
    assert ana.place.origin
    git(ana.place.origin, "config", "receive.denyNonFastForwards", "true")
    git(ana.place.origin, "config", "receive.denyDeletes", "true")
    gitreg.promote("churn@1", "production", registry=ana.path)
    found = propose_promotion("churn@2", "production", registry=ana.path)
    assert found.pull.head_commit == at_origin(ana, "rev-parse", BRANCH)
    assert at_origin(ana, "diff", "--name-only", "main", BRANCH) == PATH
    again = propose_promotion("churn@2", "production", registry=ana.path)
    assert (again.pushed, again.updated) == (False, False)
    merge("1", registry=ana.path)
    assert gitreg.resolve("churn@production", registry=ana.path).version == "v1.0.1"
    assert gitreg.promote("churn@3", "production", registry=ana.path).number == "2"


def test_whoever_proposed_before_may_approve_what_was_proposed_instead(both: tuple[Member, Member]) -> None:
    ana, bo = both
    assert ana.place.origin
    git(ana.place.origin, "config", "receive.denyNonFastForwards", "true")
    first = gitreg.promote("churn@1", "staging", registry=ana.path)
    merge(first.number, registry=ana.path)
    close_pull(gitreg.promote("churn@1", "production", "mine", registry=bo.path).number, registry=bo.path)
    pull = gitreg.promote("churn@1", "production", "another reason", registry=ana.path)
    assert len(at_origin(ana, "rev-parse", f"{BRANCH}^@").split()) == 2
    _, said = review_pull(pull.number, "approve", registry=bo.path)
    assert said is not None and said.counts
    _, said = review_pull(pull.number, "approve", registry=ana.path)
    assert said is not None and "requested it" in said.why
    assert merge(pull.number, registry=bo.path).commit


def test_it_is_made_from_main_as_it_is_at_the_origin_now(ana: Member) -> None:
    other = ana.place.clone(ana.path.parent / "other")
    (other.path / "models").mkdir()
    (other.path / "models/churn.md").write_text("---\ntitle: Churn\n---\n")
    git(other.path, "add", ".")
    git(other.path, "commit", "-q", "-m", "a card")
    git(other.path, "push", "-q", "origin", "main")
    gitreg.promote("churn@1", "production", registry=ana.path)
    assert at_origin(ana, "rev-parse", f"{BRANCH}^") == git(other.path, "rev-parse", "main")


def test_a_proposal_that_still_fits_stays_when_main_moves(ana: Member) -> None:
    first = gitreg.promote("churn@1", "production", registry=ana.path)
    merge(gitreg.promote("churn@1", "staging", registry=ana.path).number, registry=ana.path)
    again = propose_promotion("churn@1", "production", registry=ana.path)
    assert not again.pushed
    assert again.pull.head_commit == first.head_commit


def test_a_proposal_that_no_longer_fits_is_made_anew(ana: Member) -> None:
    first = gitreg.promote("churn@2", "production", registry=ana.path)
    git(ana.path, "push", "-q", "origin", f"{first.head_commit}:refs/heads/aside", f":{BRANCH}")
    ana.forge.close("1")
    merge(gitreg.promote("churn@1", "production", registry=ana.path).number, registry=ana.path)
    git(ana.path, "push", "-q", "-f", "origin", f"{first.head_commit}:{BRANCH}")
    found = propose_promotion("churn@2", "production", registry=ana.path)
    assert found.pushed
    assert at_origin(ana, "rev-parse", f"{BRANCH}^") == at_origin(ana, "rev-parse", "main")
    assert "-version: v1.0.0\n" in found.diff


def test_what_another_stage_runs_can_be_promoted(ana: Member) -> None:
    merge(gitreg.promote("churn@2", "staging", registry=ana.path).number, registry=ana.path)
    assert gitreg.promote("churn@staging", "production", registry=ana.path).title.endswith("v1.0.1 to production")


def test_the_newest_can_be_promoted_by_its_model_alone(ana: Member) -> None:
    assert gitreg.promote("churn", "dev", registry=ana.path).title == "Promote churn v1.0.2 to dev"


def test_two_stages_and_two_models_are_two_pull_requests(ana: Member) -> None:
    log(9.0, "fraud", registry=ana.path)
    pulls = [gitreg.promote(ref, stage, registry=ana.path) for ref, stage in
             (("churn@1", "staging"), ("churn@1", "production"), ("fraud@1", "staging"))]  # fmt: skip
    assert [pull.number for pull in pulls] == ["1", "2", "3"]


def test_a_lone_registry_keeps_branch_and_pull_request_itself(ana: Member, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    git(tmp_path, "clone", "-q", ana.path, alone)
    git(alone, "fetch", "-q", "origin", "refs/tags/*:refs/tags/*")
    git(alone, "remote", "remove", "origin")
    pull = gitreg.promote("churn@1", "production", registry=alone)
    assert pull.number == "1"
    assert git(alone, "rev-parse", BRANCH) == pull.head_commit
    assert git(alone, "status", "--porcelain") == ""
    git(alone, "checkout", "-q", "promote/production/churn")
    with pytest.raises(Refused, match="checked out"):
        gitreg.promote("churn@2", "production", registry=alone)


def test_offline_it_is_a_draft_that_the_next_push_sends(ana: Member) -> None:
    before = refs_at_origin(ana)
    place = open_registry(ana.path, offline=True)
    with pytest.warns(UserWarning, match="waits here for the origin; gitreg push sends it"):
        first = propose_promotion("churn@1", "production", "on the train", registry=place)
    again = propose_promotion("churn@1", "production", registry=place)
    other = propose_promotion("churn@2", "production", registry=place)
    assert first.pull.number.startswith("draft-")
    assert again.pull.number == other.pull.number == first.pull.number
    assert (again.pushed, again.updated, other.pushed, other.updated) == (False, False, True, True)
    assert refs_at_origin(ana) == before
    with pytest.warns(UserWarning, match="is pull request 1 now"):
        assert ana.forge.find("promote/production/churn", "main")
    found = ana.forge.get("1")
    assert found.title == "Promote churn v1.0.1 to production"
    assert found.head_commit == at_origin(ana, "rev-parse", BRANCH)


def test_what_failed_blocks_the_merge_and_not_the_proposal(both: tuple[Member, Member]) -> None:
    _, bo = both
    found = propose_promotion("churn@3", "production", registry=bo.path)
    assert {result.check for report in found.reports for result in report.results if result.state == "failed"} == {
        *("metrics", "order", "approvals")
    }
    assert not found.ok
    assert found.pull.number == "1"
    assert found.pull.body.startswith("**Blocked** by `metrics`, `order`, `approvals`")
    assert "at least 0.9" in found.pull.body
    with pytest.raises(Refused, match="cannot be merged"):
        merge("1", registry=bo.path)


def test_the_body_says_how_many_approvals_are_missing(both: tuple[Member, Member]) -> None:
    _, bo = both
    merge(gitreg.promote("churn@1", "staging", registry=bo.path).number, registry=bo.path)
    body = gitreg.promote("churn@1", "production", registry=bo.path).body
    assert body.startswith("**Waiting for review**: it needs 1 approval of `ana`, `bo`")


@pytest.mark.parametrize(
    ("ref", "stage", "error", "said"),
    [
        ("run:nothing", "production", Refused, "is a run"),
        ("churn@v9.9.9", "production", NotFound, "churn has no version v9.9.9"),
        ("other", "production", NotFound, "no model other"),
        ("churn@staging", "production", NotFound, "no stage staging runs churn"),
        ("churn@1", "v1", Refused, "bad stage name"),
        ("churn@1", "pro/duction", Refused, "bad stage name"),
    ],
)
def test_what_names_no_version_or_stage_is_refused(
    ana: Member, ref: str, stage: str, error: type[Exception], said: str
) -> None:
    before = refs_at_origin(ana)
    with pytest.raises(error, match=said):
        gitreg.promote(ref, stage, registry=ana.path)
    assert refs_at_origin(ana) == before


def test_a_stage_that_the_policy_does_not_list_is_refused(both: tuple[Member, Member]) -> None:
    ana, _ = both
    with pytest.raises(NotFound, match="no stage Production") as told:
        gitreg.promote("churn@1", "Production", registry=ana.path)
    assert told.value.hint == "did you mean production?"
    with pytest.raises(NotFound, match="no stage live") as told:
        gitreg.promote("churn@1", "live", registry=ana.path)
    assert "staging, production" in told.value.hint


def test_a_policy_with_mistakes_is_told_with_all_of_them(ana: Member) -> None:
    (ana.path / "gitreg.yaml").write_text("format: 1\nstages:\n  staging: {approvals: -1, aprovers: []}\n")
    git(ana.path, "commit", "-q", "-a", "-m", "mistakes")
    git(ana.path, "push", "-q", "origin", "main")
    with pytest.raises(Damaged, match=r"(?s)line 3.*aprovers|aprovers.*line 3"):
        gitreg.promote("churn@1", "staging", registry=ana.path)


def test_what_the_stage_runs_already_is_a_conflict(ana: Member) -> None:
    merge(gitreg.promote("churn@1", "production", registry=ana.path).number, registry=ana.path)
    with pytest.raises(Conflict, match=r"production runs churn@v1\.0\.0 already"):
        gitreg.promote("churn@1", "production", registry=ana.path)


def test_a_retired_version_is_refused(ana: Member) -> None:
    gitreg.retire("churn@1", "bad data", registry=ana.path)
    with pytest.raises(Refused, match=r"churn@v1\.0\.0 is retired"):
        gitreg.promote("churn@1", "production", registry=ana.path)


def test_a_version_that_somebody_else_retired_is_refused(churn_made: Path, tmp_path: Path) -> None:
    ana, bo = copied(churn_made, tmp_path)
    gitreg.resolve("churn@1", registry=bo.path)
    gitreg.retire("churn@1", "bad data", registry=ana.path)
    assert not gitreg.resolve("churn@1", registry=bo.path).retired  # what is here is not looked up
    with pytest.raises(Refused, match=r"churn@v1\.0\.0 is retired"):
        gitreg.promote("churn@1", "production", registry=bo.path)


def test_a_version_that_was_purged_is_refused(ana: Member) -> None:
    assert purge("churn@1", "leaked", registry=ana.path, yes=True).done
    with pytest.raises(Refused, match=r"churn@v1\.0\.0 was purged"):
        gitreg.promote("churn@v1.0.0", "production", registry=ana.path)


def test_a_stage_file_that_cannot_be_read_is_mended_by_a_promotion(ana: Member) -> None:
    ana.place.stage("production", "churn", "version: [\n")
    found = propose_promotion("churn@1", "production", registry=ana.path)
    assert "\n-version: [\n" in found.diff
    assert found.ok
    merge(found.pull.number, registry=ana.path)
    assert gitreg.resolve("churn@production", registry=ana.path).number == 1


def test_a_tampered_stage_file_is_mended_by_a_promotion(ana: Member) -> None:
    merge(gitreg.promote("churn@1", "production", registry=ana.path).number, registry=ana.path)
    git(ana.path, "pull", "-q", "--ff-only", "origin", "main")
    text = (ana.path / PATH).read_text()
    digest = gitreg.resolve("churn@1", registry=ana.path).digest
    ana.place.stage("production", "churn", text.replace(digest, "sha256:" + "0" * 64))
    assert propose_promotion("churn@1", "production", registry=ana.path).opened


def test_a_version_of_gtos_alone_is_refused(ana: Member) -> None:
    git(ana.path, "tag", "-a", "-m", "by gto", "other@v1.0.0")
    git(ana.path, "push", "-q", "origin", "other@v1.0.0")
    with pytest.raises(Refused, match="tagged without gitreg: it states no digest"):
        gitreg.promote("other@v1.0.0", "production", registry=ana.path)


def test_a_branch_that_somebody_moved_meanwhile_is_left_alone(ana: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    gitreg.promote("churn@1", "production", registry=ana.path)
    theirs = ana.branch("theirs")
    from gitreg.registry.promotion import propose as module

    judged = module.judge_proposals

    def meanwhile(*args, **options):  # type: ignore[no-untyped-def]  # as what it stands for
        git(ana.path, "push", "-q", "-f", "origin", f"{theirs}:{BRANCH}")
        return judged(*args, **options)

    monkeypatch.setattr(module, "judge_proposals", meanwhile)
    with pytest.raises(Conflict, match="promote/production/churn was moved at this moment"):
        gitreg.promote("churn@2", "production", registry=ana.path)
    assert at_origin(ana, "rev-parse", BRANCH) == theirs


def test_a_branch_that_somebody_deleted_meanwhile_stays_deleted(ana: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    gitreg.promote("churn@1", "production", registry=ana.path)
    from gitreg.registry.promotion import propose as module

    judged = module.judge_proposals

    def meanwhile(*args, **options):  # type: ignore[no-untyped-def]  # as what it stands for
        git(ana.path, "push", "-q", "origin", f":{BRANCH}")
        return judged(*args, **options)

    monkeypatch.setattr(module, "judge_proposals", meanwhile)
    with pytest.raises(Conflict, match="was moved at this moment"):
        gitreg.promote("churn@2", "production", registry=ana.path)
    assert at_origin(ana, "for-each-ref", BRANCH) == ""


def test_a_branch_that_is_gone_is_made_again(ana: Member) -> None:
    first = gitreg.promote("churn@1", "production", registry=ana.path)
    git(ana.path, "push", "-q", "origin", f":{BRANCH}")
    found = propose_promotion("churn@1", "production", registry=ana.path)
    assert found.pushed
    assert found.pull.number == first.number
    assert at_origin(ana, "rev-parse", BRANCH) == found.pull.head_commit


def test_a_branch_with_changes_by_hand_is_replaced_by_what_gitreg_writes(ana: Member) -> None:
    gitreg.promote("churn@1", "production", registry=ana.path)
    git(ana.path, "fetch", "-q", "origin", "promote/production/churn")
    git(ana.path, "checkout", "-q", "FETCH_HEAD")
    text = (ana.path / PATH).read_text()
    (ana.path / PATH).write_text(text.replace("accuracy: 0.93", "accuracy: 0.99"))
    git(ana.path, "commit", "-q", "-a", "-m", "better")
    git(ana.path, "push", "-q", "origin", f"HEAD:{BRANCH}")
    git(ana.path, "checkout", "-q", "main")
    assert propose_promotion("churn@1", "production", registry=ana.path).pushed
    assert at_origin(ana, "show", f"{BRANCH}:{PATH}") == text.rstrip("\n")


def test_somebody_elses_proposal_of_the_same_is_not_made_twice(churn_made: Path, tmp_path: Path) -> None:
    ana, bo = copied(churn_made, tmp_path)
    first = gitreg.promote("churn@1", "production", registry=ana.path)
    again = propose_promotion("churn@1", "production", registry=bo.path)
    assert (again.pushed, again.opened, again.updated) == (False, False, False)
    assert (again.pull.number, again.pull.author) == (first.number, "Ana <ana@example.org>")


def test_it_works_by_address(remote: Remote) -> None:
    log(2.0, "churn", registry=remote.place.path)
    log(3.0, "churn", registry=remote.place.path)
    first = propose_promotion("churn@1", "production", "by address")
    again = propose_promotion("churn@1", "production")
    other = propose_promotion("churn@2", "production")
    assert (first.opened, first.pull.number) == (True, "1")
    assert not (again.pushed or again.updated)
    assert (other.pushed, other.updated, other.pull.number) == (True, True, "1")
    assert git(remote.origin, "diff", "--name-only", "main", BRANCH) == PATH
    assert merge("1").commit == git(remote.origin, "rev-parse", "main")
    assert gitreg.resolve("churn@production").number == 2
