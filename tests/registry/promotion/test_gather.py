"""From a change of main to proposals: each stage file with what it names, and nothing that is wrong raises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import gitreg
from gitreg.checks import run
from gitreg.checks._base import Proposal
from gitreg.errors import Damaged, NotFound
from gitreg.format.pulls import content_of
from gitreg.registry.care.purge import purge
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.gather import proposals_of
from gitreg.registry.promotion.said import authors_of
from testing.addresses import Remote
from testing.gitcli import git
from testing.models import write_on_main
from testing.promoted import BEN, CARA, History, as_
from testing.staged import POLICY, begun, blocking


def proposed(story: History, head: str, **how: object) -> list[Proposal]:
    """What the change from main to `head` proposes."""
    place = story.registry
    return proposals_of(place, place.main(), head, **how)  # type: ignore[arg-type]  # keywords of several types


def test_a_promotion_is_gathered_whole(story: History) -> None:
    (found,) = proposed(story, story.propose("churn@v1.0.1", "production"))
    assert (found.model, found.stage, found.path) == ("churn", "production", "stages/production/churn.yaml")
    assert found.candidate is not None and found.current is not None and found.before is not None
    assert (str(found.candidate.version), str(found.current.version)) == ("churn@v1.0.1", "churn@v1.0.0")
    assert found.before.version == "v1.0.1"
    assert found.new.decode() in found.written
    assert (found.candidate.measured, found.current.measured) == ({"accuracy": 0.94}, {"accuracy": 0.93})
    assert found.candidate.payloads is not None
    assert [(fact.path, fact.state) for fact in found.candidate.payloads] == [("model.pkl", "there")]
    assert set(found.candidate.sizes) == set(found.candidate.hashes)
    assert {"MLmodel", "SHA256SUMS", "model.pkl.dvc", "requirements.txt"} <= set(found.candidate.texts)
    assert found.candidate.run.author == "Ana Analyst <ana@example.org>"
    assert found.rules.approvals == 1 and found.policy.people["ben"].emails == ("ben@example.org",)
    assert (found.faults, found.pull, found.policy_changed) == ((), None, False)
    assert blocking(found) == []


def test_the_store_is_asked_only_where_that_is_wanted(story: History) -> None:
    (found,) = proposed(story, story.propose("churn@v1.0.1", "production"), payloads=False)
    assert found.candidate is not None and found.candidate.payloads is None


def test_a_stage_that_is_emptied_has_no_candidate(story: History) -> None:
    (found,) = proposed(story, story.propose("churn@v1.0.0", "production", text=""))
    assert (found.new, found.candidate) == (b"", None)
    assert found.current is not None and str(found.current.version) == "churn@v1.0.0"
    assert blocking(found) == []


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("version: v1.0.1", "version: v7.0.0", "has no version v7.0.0"),
        ("digest: sha256:", "digest: sha256:00", "not sha256: and 64 hex digits"),
        ("number: 2", "number: 1", "its number is 1, and that of churn@v1.0.1 is 2"),
        ("stage: production", "stage: staging", "speaks of churn in staging"),
        ("accuracy: 0.94", "accuracy: 0.99", "it is not what gitreg writes for churn@v1.0.1: '  accuracy: 0.99'"),
        ("format: 1", "format: 2", "has format 2; this gitreg reads up to format 1"),
        ("model: churn", "model: [", "stages/production/churn.yaml"),
    ],
)
def test_what_is_wrong_with_a_stage_file_is_a_problem_and_no_error(
    story: History, old: str, new: str, text: str
) -> None:
    written = story.text("churn@v1.0.1", "production")
    assert old in written
    (found,) = proposed(story, story.propose("churn@v1.0.1", "production", text=written.replace(old, new)))
    (problem,) = blocking(found, "stage-file")
    assert text in problem


def test_a_digest_of_another_version_is_told_by_line(story: History) -> None:
    other = gitreg.resolve("churn@v1.0.0").digest
    written = story.text("churn@v1.0.1", "production")
    mine = gitreg.resolve("churn@v1.0.1").digest
    (found,) = proposed(story, story.propose("churn@v1.0.1", "production", text=written.replace(mine, other)))
    results = {result.check: result for result in run(found).results}
    assert [(p.path, p.line) for p in results["stage-file"].problems] == [("stages/production/churn.yaml", 8)]
    assert results["digest"].problems[0].text.startswith(f"it states the digest {other}")
    assert results["digest"].problems[0].hint == "gitreg promote churn@v1.0.1 production"


def test_files_at_wrong_places_are_told(story: History) -> None:
    here = story.place.path
    git(here, "checkout", "-q", "-b", "odd")
    for path in ("stages/churn.yaml", "stages/production/deep/churn.yaml", "stages/README.md", "stages/Prod/con.yaml"):
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_text("format: 1\n")
        git(here, "add", path)
    head = story._commit(BEN, "odd places")
    found = {each.path: blocking(each, "stage-file") for each in proposed(story, head)}
    assert found["stages/README.md"] == []
    assert "is no stages/<stage>/<model>.yaml" in found["stages/churn.yaml"][0]
    assert "is no stages/<stage>/<model>.yaml" in found["stages/production/deep/churn.yaml"][0]
    assert "bad model name 'con'" in found["stages/Prod/con.yaml"][0]


def test_several_stages_in_one_change_are_proposed_each(story: History) -> None:
    first = story.propose("churn@v1.0.0", "staging")
    git(story.place.path, "checkout", "-q", "-b", "both", first)
    story._put("stages/production/churn.yaml", story.text("churn@v1.0.1", "production"))
    found = proposed(story, story._commit(BEN, "both"))
    assert [each.stage for each in found] == ["production", "staging"]
    production = found[0].before
    assert production is not None and production.version == "v1.0.1"  # as main has it, not as the change would


def test_an_empty_change_proposes_nothing(story: History) -> None:
    assert proposed(story, story.registry.main()) == []
    git(story.place.path, "commit", "-q", "--allow-empty", "-m", "nothing")
    assert proposed(story, git(story.place.path, "rev-parse", "HEAD")) == []


def test_a_base_that_moved_on_is_what_counts(story: History) -> None:
    head = story.propose("churn@v1.0.1", "production")
    story.policy(POLICY.replace("approvals: 1", "approvals: 2"))
    story.push("churn@v1.0.0", "staging")
    (found,) = proposed(story, head)
    assert found.rules.approvals == 2 and found.before is not None and found.before.version == "v1.0.0"
    assert blocking(found, "order") == ["production comes after staging, which runs churn@v1.0.0, not churn@v1.0.1"]


def test_a_policy_that_is_weakened_in_the_same_change_is_seen_and_not_used(story: History) -> None:
    first = story.propose("churn@v1.0.1", "production")
    git(story.place.path, "checkout", "-q", "-b", "weak", first)
    story._put("gitreg.yaml", POLICY.replace("approvals: 1", "approvals: 0"))
    (found,) = proposed(story, story._commit(BEN, "weaker"))
    assert (found.policy_changed, found.rules.approvals) == (True, 1)
    assert "in the same change as stages/production/churn.yaml" in blocking(found, "policy")[0]
    story._put("gitreg.yaml", "# only a remark\n" + POLICY)
    assert not proposed(story, story._commit(BEN, "as strict"))[0].policy_changed
    story._put("gitreg.yaml", "stages: [")
    assert proposed(story, story._commit(BEN, "broken"))[0].policy_changed


def test_a_policy_of_main_that_cannot_be_read_is_an_error(story: History) -> None:
    head = story.propose("churn@v1.0.1", "production")
    story.policy("format: 1\nstages: {production: {approvals: many}}\n")
    with pytest.raises(Damaged, match="stages: production: approvals"):
        proposed(story, head)


def test_a_commit_that_nobody_has_is_an_error(story: History) -> None:
    with pytest.raises(NotFound, match="0123456789ab is not here"):
        proposed(story, "0123456789ab" * 3 + "0123")


def test_a_retired_version_and_a_purged_one(story: History) -> None:
    head = story.propose("churn@v1.0.1", "production")
    story.place.stage("staging", "churn", "")
    gitreg.retire("churn@v1.0.1", "wrong data")
    assert blocking(proposed(story, head)[0], "retired") == ["churn@v1.0.1 is retired"]
    purge("churn@v1.0.1", "wrong data", yes=True)
    (found,) = proposed(story, head)
    assert found.candidate is None
    assert blocking(found, "stage-file") == ["churn@v1.0.1 was purged"]


def test_later_measurements_are_newer_than_the_run_and_those_of_a_dataset_are_not(story: History) -> None:
    head = story.propose("churn@v1.0.1", "production")
    gitreg.note("churn@v1.0.1", metrics={"accuracy": 0.91, "auc": 0.8})
    gitreg.note("churn@v1.0.1", metrics={"accuracy": 0.5}, dataset="production")
    (found,) = proposed(story, head)
    assert found.candidate is not None and found.candidate.measured == {"accuracy": 0.91, "auc": 0.8}
    story.policy(POLICY + '    evaluate: "python evaluate.py"\n')
    (found,) = proposed(story, head)
    assert found.candidate is not None and found.candidate.measured == {"accuracy": 0.5}
    assert found.current is not None and found.current.measured == {}


def test_reviews_are_bound_to_what_the_files_were(story: History) -> None:
    head = story.propose("churn@v1.0.1", "production")
    number = story.said.opened(head, "churn@v1.0.1", "production", BEN, story.when)
    story.said.approved(number, CARA, head, story.when)
    pull = story.said.get(number)
    (found,) = proposed(story, head, pull=pull, forge=story.said)
    assert found.pull is not None
    assert found.pull.content == content_of({found.path: found.new}) == found.pull.reviews[0].content
    assert (found.pull.author, found.pull.authors) == (BEN, (BEN,))
    assert (found.pull.changed, found.pull.forge) == ((found.path,), "github")
    # A rebase that changes nothing of the files changes nothing of what was approved.
    story.push("churn@v1.0.1", "staging", text=story.text("churn@v1.0.1", "staging") + "\n")
    rebased = story.propose("churn@v1.0.1", "production")
    assert rebased != head
    (again,) = proposed(story, rebased, pull=replace(pull, head_commit=rebased), forge=story.said)
    assert again.pull is not None and again.pull.reviews[0].content == again.pull.content == found.pull.content
    # Another file, and the approval is one of an older head; so is that of a commit which nobody has.
    other = story.propose("churn@v1.0.1", "production", text=story.text("churn@v1.0.0", "production") + "\n")
    story.said.approved(number, CARA, "e" * 40, story.when)
    (stale,) = proposed(story, other, pull=replace(pull, head_commit=other), forge=story.said)
    assert stale.pull is not None
    assert [review.content for review in stale.pull.reviews] == [found.pull.content, ""]
    assert stale.pull.content != found.pull.content


def test_a_head_that_only_the_origin_has_is_brought(story: History, tmp_path: Path) -> None:
    other = story.place.clone(tmp_path / "other")
    head = story.propose("churn@v1.0.1", "production")
    place = open_registry(other.path)
    (found,) = proposals_of(place, place.main(), head)
    assert blocking(found) == []
    assert git(other.path, "for-each-ref", "refs/remotes/origin/promote") == ""  # brought without a name


def test_a_registry_that_is_known_by_its_address_only(over_http: Remote, tmp_path: Path) -> None:
    story = begun(over_http.place, tmp_path)
    head = story.propose("churn@v1.0.1", "production")
    story.push("churn@v1.0.1", "staging", text=story.text("churn@v1.0.1", "staging") + "\n")
    gitreg.use(over_http.address)
    place = open_registry(over_http.address)
    assert place.mirror
    place.fetch_main(history=True)
    (found,) = proposals_of(place, place.main(), head)
    assert found.candidate is not None and str(found.candidate.version) == "churn@v1.0.1"
    assert blocking(found, "stage-file") == []
    assert found.current is not None and str(found.current.version) == "churn@v1.0.0"


def test_someone_else_wrote_a_commit_of_the_branch(story: History) -> None:
    head = story.propose("churn@v1.0.1", "production")
    git(story.place.path, "checkout", "-q", "-B", "more", head)
    as_(CARA, story.when, story.place.path, "commit", "-q", "--allow-empty", "-m", "a hand")
    later = git(story.place.path, "rev-parse", "HEAD")
    number = story.said.opened(later, "churn@v1.0.1", "production", BEN, story.when)
    (found,) = proposed(story, later, pull=story.said.get(number), forge=story.said)
    assert found.pull is not None and found.pull.authors == (BEN, CARA)


def test_an_earlier_proposal_behind_a_promotion_is_nobodys_request(story: History) -> None:
    place = open_registry(story.place.path)
    head, main = story.propose("churn@v1.0.1", "production"), place.main()
    made = ("commit-tree", f"{head}^{{tree}}", "-p", main, "-p", head, "-m", "again")
    again = as_(CARA, story.when, story.place.path, *made).strip()
    assert authors_of(place, main, again, "promote/production/churn") == (CARA,)
    assert authors_of(place, main, again, "topic") == (BEN, CARA)  # a merge of somebody's work is theirs, too


def test_a_stage_file_of_main_that_is_damaged_blocks_nothing(story: History) -> None:
    write_on_main(story.place.path, "stages/production/churn.yaml", "format: 1\n")
    (found,) = proposed(story, story.propose("churn@v1.0.1", "production"))
    assert found.current is None
    assert [fault.blocks for fault in found.faults] == [False]
    assert blocking(found) == []
