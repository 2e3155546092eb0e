"""Proposing that a stage runs again what it ran before."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, NotFound, Refused
from gitreg.forges.local import LocalForge
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.merge import merge
from gitreg.registry.promotion.rollback import propose_rollback
from testing.addresses import Remote
from testing.churn import at_origin
from testing.gitcli import git, snapshot
from testing.registries import log
from testing.team import Member

PATH = "stages/production/churn.yaml"
BRANCH = "refs/heads/promote/production/churn"


def promoted(who: Member, *refs: str, stage: str = "production") -> None:
    """Promote versions one after the other, each merged."""
    for ref in refs:
        merge(gitreg.promote(ref, stage, registry=who.path).number, registry=who.path)


def on_main(who: Member, commit: str = "main") -> str:
    return at_origin(who, "show", f"{commit}:{PATH}")


def test_it_proposes_the_file_as_it_was_before_the_last_change_byte_for_byte(ana: Member) -> None:
    promoted(ana, "churn@1")
    before = on_main(ana)
    promoted(ana, "churn@2")
    pull = gitreg.rollback("churn", "production", why="It forgets spring", registry=ana.path)
    assert pull.title == "Roll back churn in production to v1.0.0"
    assert "> It forgets spring" in pull.body
    assert "`production` shall run `churn` `v1.0.0` instead of `v1.0.1`" in pull.body
    assert "gitreg rollback churn production --to churn@v1.0.1" in pull.body
    assert on_main(ana, BRANCH) == before
    merge(pull.number, registry=ana.path)
    assert on_main(ana) == before
    assert gitreg.resolve("churn@production", registry=ana.path).version == "v1.0.0"


def test_bytes_that_gitreg_would_not_write_today_come_back_too(ana: Member) -> None:
    promoted(ana, "churn@1")
    git(ana.path, "pull", "-q", "--ff-only", "origin", "main")
    with (ana.path / PATH).open("a") as file:
        file.write("# as it was in the last release\n")
    git(ana.path, "commit", "-q", "-a", "-m", "by an older gitreg")
    git(ana.path, "push", "-q", "origin", "main")
    before = on_main(ana)
    promoted(ana, "churn@2")
    gitreg.rollback("churn", "production", registry=ana.path)
    assert on_main(ana, BRANCH) == before


def test_it_is_what_git_revert_of_the_merge_makes(ana: Member) -> None:
    promoted(ana, "churn@1", "churn@2")
    git(ana.path, "fetch", "-q", "origin", "main")
    git(ana.path, "checkout", "-q", "--detach", "FETCH_HEAD")
    git(ana.path, "revert", "--no-edit", "-m", "1", "HEAD")
    reverted = git(ana.path, "rev-parse", "HEAD^{tree}")
    git(ana.path, "checkout", "-q", "main")
    assert gitreg.rollback("churn", "production", registry=ana.path).state == "open"
    assert at_origin(ana, "rev-parse", f"{BRANCH}^{{tree}}") == reverted


def test_what_was_reverted_by_plain_git_is_rolled_back_to_what_it_was(ana: Member) -> None:
    promoted(ana, "churn@1", "churn@2")
    git(ana.path, "pull", "-q", "--ff-only", "origin", "main")
    git(ana.path, "revert", "--no-edit", "-m", "1", "HEAD")
    git(ana.path, "push", "-q", "origin", "main")
    assert gitreg.resolve("churn@production", registry=ana.path).version == "v1.0.0"
    assert gitreg.rollback("churn", "production", registry=ana.path).title.endswith("to v1.0.1")


def test_the_first_promotion_rolled_back_empties_the_stage(ana: Member) -> None:
    promoted(ana, "churn@1")
    found = propose_rollback("churn", "production", registry=ana.path)
    assert found.pull.title == "Empty production of churn"
    assert found.diff.startswith(f"--- a/{PATH}\n+++ /dev/null\n")
    assert "`production` stops running `churn` `v1.0.0`" in found.pull.body
    assert at_origin(ana, "diff", "--name-status", "main", BRANCH) == f"D\t{PATH}"
    merge(found.pull.number, registry=ana.path)
    with pytest.raises(NotFound, match="no stage production runs churn"):
        gitreg.resolve("churn@production", registry=ana.path)
    assert "churn#production!#2" in at_origin(ana, "tag", "--list", "churn#*").splitlines()


def test_an_emptied_stage_is_rolled_back_to_what_it_ran(ana: Member) -> None:
    promoted(ana, "churn@1")
    before = on_main(ana)
    merge(gitreg.rollback("churn", "production", registry=ana.path).number, registry=ana.path)
    pull = gitreg.rollback("churn", "production", registry=ana.path)
    assert pull.title == "Roll back churn in production to v1.0.0"
    assert on_main(ana, BRANCH) == before


@pytest.mark.parametrize("to", ["churn@v1.0.0", "churn@1", "v1.0.0", "1"])
def test_any_version_that_the_stage_ran_can_be_named(ana: Member, to: str) -> None:
    promoted(ana, "churn@1")
    before = on_main(ana)
    promoted(ana, "churn@2", "churn@3")
    assert gitreg.rollback("churn", "production", to, registry=ana.path).title.endswith("to v1.0.0")
    assert on_main(ana, BRANCH) == before


def test_nothing_of_the_users_is_touched(ana: Member) -> None:
    promoted(ana, "churn@1", "churn@2")
    (ana.path / "staged").write_text("staged\n")
    git(ana.path, "add", "staged")
    before = snapshot(ana.path)
    gitreg.rollback("churn", "production", registry=ana.path)
    assert snapshot(ana.path) == before


def test_the_same_once_more_changes_nothing_and_a_dry_run_nothing_at_all(ana: Member) -> None:
    promoted(ana, "churn@1", "churn@2")
    before = at_origin(ana, "for-each-ref")
    tried = propose_rollback("churn", "production", registry=ana.path, dry_run=True)
    assert "\n-version: v1.0.1\n" in tried.diff
    assert "\n+version: v1.0.0\n" in tried.diff
    assert at_origin(ana, "for-each-ref") == before
    propose_rollback("churn", "production", why="why", registry=ana.path)
    before = at_origin(ana, "for-each-ref")
    again = propose_rollback("churn", "production", registry=ana.path)
    assert (again.opened, again.pushed, again.updated) == (False, False, False)
    assert at_origin(ana, "for-each-ref") == before


def test_a_rollback_takes_the_place_of_an_open_promotion(ana: Member) -> None:
    promoted(ana, "churn@1", "churn@2")
    promotion = gitreg.promote("churn@3", "production", registry=ana.path)
    found = propose_rollback("churn", "production", registry=ana.path)
    assert found.pull.number == promotion.number
    assert found.pull.title == "Roll back churn in production to v1.0.0"


@pytest.mark.parametrize(
    ("model", "stage", "to", "error", "said"),
    [
        ("churn", "staging", None, NotFound, "staging never ran churn"),
        ("other", "production", None, NotFound, "production never ran other"),
        ("churn", "production", "churn@3", NotFound, r"production never ran churn@v1\.0\.2"),
        ("churn", "production", "churn@2", Conflict, r"production runs churn v1\.0\.1 already"),
        ("churn", "production", "churn@9", NotFound, "no version number 9"),
        ("churn", "production", "run:x", Refused, "is a run"),
        ("churn", "production", "fraud@1", Refused, r"fraud@v0\.1\.0 is no version of churn"),
        ("../x", "production", None, Refused, "bad model name"),
    ],
)
def test_what_cannot_be_rolled_back_is_refused(
    ana: Member, model: str, stage: str, to: str | None, error: type[Exception], said: str
) -> None:
    promoted(ana, "churn@1", "churn@2")
    log(9.0, "fraud", registry=ana.path)
    before = at_origin(ana, "for-each-ref")
    with pytest.raises(error, match=said):
        gitreg.rollback(model, stage, to, registry=ana.path)
    assert at_origin(ana, "for-each-ref") == before


def test_a_version_that_was_retired_meanwhile_is_refused(ana: Member) -> None:
    promoted(ana, "churn@1", "churn@2", "churn@3")
    gitreg.retire("churn@2", "bad data", registry=ana.path)
    gitreg.retire("churn@1", "bad data", registry=ana.path)
    with pytest.raises(Refused, match=r"production cannot go back: churn@v1\.0\.1 is retired") as told:
        gitreg.rollback("churn", "production", registry=ana.path)
    assert "--to" in told.value.hint
    with pytest.raises(Refused, match=r"churn@v1\.0\.0 is retired"):
        gitreg.rollback("churn", "production", "churn@1", registry=ana.path)


def test_a_former_file_that_cannot_be_read_is_not_put_back(ana: Member) -> None:
    ana.place.stage("production", "churn", "version: [\n")
    promoted(ana, "churn@1")
    with pytest.raises(Refused, match="what production ran before") as told:
        gitreg.rollback("churn", "production", registry=ana.path)
    assert "--to" in told.value.hint


def test_a_former_file_that_does_not_fit_its_version_is_not_put_back(ana: Member) -> None:
    promoted(ana, "churn@1")
    git(ana.path, "pull", "-q", "--ff-only", "origin", "main")
    digest = gitreg.resolve("churn@1", registry=ana.path).digest
    ana.place.stage("production", "churn", (ana.path / PATH).read_text().replace(digest, "sha256:" + "0" * 64))
    promoted(ana, "churn@2")
    with pytest.raises(Refused, match="with another digest or commit") as told:
        gitreg.rollback("churn", "production", registry=ana.path)
    assert told.value.hint == "promote it anew: gitreg promote churn@v1.0.0 production"


def test_a_shallow_clone_does_not_know_what_ran_before(ana: Member, tmp_path: Path) -> None:
    promoted(ana, "churn@1", "churn@2")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{ana.place.origin}", shallow)
    with pytest.raises(Refused, match="shallow clone"):
        gitreg.rollback("churn", "production", registry=shallow)


def test_it_works_by_address(remote: Remote) -> None:
    for factor in (2.0, 3.0):
        log(factor, "churn", registry=remote.place.path)
        merge(gitreg.promote("churn", "production").number)
    pull = gitreg.rollback("churn", "production")
    assert pull.title == "Roll back churn in production to v0.1.0"
    merge(pull.number)
    assert gitreg.resolve("churn@production").number == 1


# In an emergency.


def staged(who: Member, other: Member) -> None:
    """Production runs v1.0.1 and ran v1.0.0, each approved; staging runs v1.0.1."""
    for ref in ("churn@1", "churn@2"):
        promoted(who, ref, stage="staging")
        pull = gitreg.promote(ref, "production", registry=who.path)
        # Ana logged the runs and Bo asks: somebody else approves.
        third = LocalForge(open_registry(other.path).git, "origin", "main")
        third.review(third.get(pull.number), "approve", "")
        merge(pull.number, registry=who.path)


@pytest.fixture
def three(both: tuple[Member, Member], tmp_path: Path) -> tuple[Member, Member]:
    """Ana and Bo; Cy approved what production runs."""
    ana, bo = both
    place = ana.place.clone(tmp_path / "cy")
    git(place.path, "config", "user.name", "Cy")
    git(place.path, "config", "user.email", "cy@example.org")
    staged(bo, Member(place, "cy@example.org"))
    return ana, bo


def test_a_rollback_is_in_order_though_the_stage_before_runs_something_else(three: tuple[Member, Member]) -> None:
    _, bo = three
    found = propose_rollback("churn", "production", registry=bo.path)
    assert [result.check for result in found.reports[0].results if result.state == "failed"] == ["approvals"]
    assert found.pull.body.startswith("**Waiting for review**: it needs 1 approval")
    with pytest.raises(Refused, match="approval"):
        merge(found.pull.number, registry=bo.path)


def test_who_the_policy_names_merges_at_once_in_an_emergency(three: tuple[Member, Member]) -> None:
    _, bo = three
    pull = gitreg.rollback("churn", "production", why="It answers no", emergency=True, registry=bo.path)
    assert pull.state == "merged"
    assert pull.merged_commit == at_origin(bo, "rev-parse", "main")
    assert gitreg.resolve("churn@production", registry=bo.path).version == "v1.0.0"
    message = at_origin(bo, "log", "-1", "--format=%B", "main")
    assert "It answers no" in message
    assert "Gitreg-Emergency: bo" in message
    assert "Gitreg-Emergency: bo" in at_origin(bo, "cat-file", "tag", "churn#production#3")


def test_typed_twice_an_emergency_is_not_taken_back(three: tuple[Member, Member]) -> None:
    _, bo = three
    gitreg.rollback("churn", "production", why="It answers no", emergency=True, registry=bo.path)
    with pytest.raises(Conflict, match="was rolled back in an emergency already") as told:
        gitreg.rollback("churn", "production", why="It answers no", emergency=True, registry=bo.path)
    assert "--to" in told.value.hint
    assert gitreg.rollback("churn", "production", registry=bo.path).title.endswith("to v1.0.1")


def test_others_may_not_and_nothing_is_merged(three: tuple[Member, Member]) -> None:
    ana, _ = three
    before = at_origin(ana, "rev-parse", "main")
    with pytest.raises(Refused, match=r"gitreg\.yaml names bo"):
        gitreg.rollback("churn", "production", why="It answers no", emergency=True, registry=ana.path)
    assert at_origin(ana, "rev-parse", "main") == before


def test_an_emergency_has_a_reason(three: tuple[Member, Member]) -> None:
    _, bo = three
    before = at_origin(bo, "for-each-ref")
    with pytest.raises(Refused, match="an emergency has a reason"):
        gitreg.rollback("churn", "production", why=" \n", emergency=True, registry=bo.path)
    assert at_origin(bo, "for-each-ref") == before


def test_where_the_policy_names_nobody_there_is_no_emergency(ana: Member) -> None:
    promoted(ana, "churn@1", "churn@2")
    before = at_origin(ana, "for-each-ref")
    with pytest.raises(Refused, match="nobody may roll production back without approval"):
        gitreg.rollback("churn", "production", why="now", emergency=True, registry=ana.path)
    assert at_origin(ana, "for-each-ref") == before


def test_a_dry_run_of_an_emergency_merges_nothing(three: tuple[Member, Member]) -> None:
    _, bo = three
    before = at_origin(bo, "for-each-ref")
    pull = gitreg.rollback("churn", "production", why="now", emergency=True, registry=bo.path, dry_run=True)
    assert pull.state == "open"
    assert at_origin(bo, "for-each-ref") == before
