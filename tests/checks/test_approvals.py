"""Whose approvals count: the last verdict of each person, of exactly this, and of nobody who made it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitreg.checks import run
from gitreg.checks._people import email_of, has_key
from gitreg.checks.approvals import Counted, count
from gitreg.format.policy import Person, Policy, StagePolicy
from gitreg.format.pulls import Review
from testing.proposals import FINGERPRINT, KEY, RULES, approve, contents, proposal, pull, said, stage_text

BO, CY = "Bo <bo@example.org>", "Cy <cy@example.org>"
NEW = stage_text(contents())


def judged(*reviews: Review, wanted: int = 1, **own: object) -> Counted:
    """What counts of these reviews."""
    rules = replace(RULES, approvals=wanted, require=tuple(own.pop("require", ())))  # type: ignore[arg-type]  # names
    return count(proposal(rules=rules, pull=pull(*reviews, new=NEW, **own)))  # type: ignore[arg-type]  # of a pull


def who(found: Counted) -> list[str]:
    return [approval.who for approval in found.approvals]


def test_two_people_count_twice_and_one_with_two_addresses_once() -> None:
    assert who(judged(approve(BO, NEW), approve(CY, NEW))) == ["bo", "cy"]
    assert who(judged(approve(BO, NEW), approve("Robert <BO@example.org>", NEW))) == ["bo"]


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("Rita Requester <rita@example.org>", "requested it"),
        ("Rita <rita@home.example.org>", "requested it (as Rita Requester <rita@example.org>)"),
        ("Ana <ana@example.org>", "logged the run (as Ana Analyst <ana@example.org>)"),
        ("Eve <eve@example.org>", "nobody among the people of gitreg.yaml"),
    ],
)
def test_who_made_it_and_strangers_do_not_count(by: str, why: str) -> None:
    found = judged(approve(by, NEW))
    assert who(found) == []
    assert found.left_out[0][1].startswith(why)
    assert by in found.left_out[0][0]


def test_whoever_wrote_a_commit_of_the_branch_does_not_count() -> None:
    found = count(proposal(pull=replace(pull(approve(BO, NEW), new=NEW), authors=(BO,))))
    assert (who(found), found.left_out[0][1]) == ([], "requested it (as Bo <bo@example.org>)")


def test_only_approvers_count_where_the_stage_names_some() -> None:
    rules = replace(RULES, approvers=("cy",))
    found = count(proposal(rules=rules, pull=pull(approve(BO, NEW), approve(CY, NEW), new=NEW)))
    assert (who(found), found.left_out) == (["cy"], ((f"bo ({BO})", "none of cy"),))
    anybody = count(proposal(rules=replace(RULES, approvers=()), pull=pull(approve(BO, NEW), new=NEW)))
    assert who(anybody) == ["bo"]


@pytest.mark.parametrize("content", ["", "sha256:" + "0" * 64])
def test_an_approval_of_another_content_is_stale(content: str) -> None:
    found = judged(approve(BO, NEW, content=content))
    assert (who(found), found.left_out) == ([], ((f"bo ({BO})", "approved an older head"),))


def test_the_last_verdict_of_a_person_counts() -> None:
    assert judged(approve(BO, NEW), said(BO, "request-changes", NEW)).against == ("bo",)
    assert who(judged(said(BO, "request-changes", NEW), approve(BO, NEW))) == ["bo"]
    assert who(judged(approve(BO, NEW), said(BO, "comment", NEW))) == ["bo"]
    assert judged(approve(CY, NEW), said(BO, "request-changes", b"older")).against == ("bo",)


def test_changes_that_somebody_else_asks_for_block_nothing() -> None:
    assert judged(approve(BO, NEW), said("Eve <eve@example.org>", "request-changes", NEW)).enough
    assert judged(approve(BO, NEW), said("Ana <ana@example.org>", "request-changes", NEW)).enough  # no approver
    assert not judged(approve(BO, NEW), said(CY, "request-changes", NEW)).enough


def test_at_a_forge_people_are_told_by_their_logins() -> None:
    found = judged(approve("bo-b", NEW), approve("cy-c", NEW), forge="github", author="rita-r")
    assert who(found) == ["bo", "cy"]
    assert judged(approve("RITA-R", NEW), forge="github", author="rita-r").left_out[0][1].startswith("requested it")
    assert judged(approve("bo-b", NEW), forge="gitlab").left_out[0][1] == "nobody among the people of gitreg.yaml"
    ana = judged(approve("ana-a", NEW), forge="github", author="rita-r")
    assert ana.left_out[0][1].startswith("logged the run")


def test_without_a_map_of_people_an_address_or_a_login_is_somebody() -> None:
    rules = StagePolicy("production", approvals=1)
    bare = proposal(policy=Policy(), rules=rules)
    found = count(replace(bare, pull=pull(approve(BO, NEW), approve("B <BO@example.org>", NEW), new=NEW)))
    assert who(found) == ["bo@example.org"]
    mine = count(replace(bare, pull=pull(approve("R <rita@example.org>", NEW), new=NEW)))
    assert mine.left_out[0][1].startswith("requested it")
    there = count(
        replace(bare, pull=pull(approve("Bo-B", NEW), approve("me", NEW), new=NEW, forge="github", author="me"))
    )
    assert (who(there), there.left_out[0][0]) == (["bo-b"], "me")
    named = replace(rules, approvers=("bo@example.org",))
    assert who(count(replace(bare, rules=named, pull=pull(approve(BO, NEW), approve(CY, NEW), new=NEW)))) == [
        "bo@example.org"
    ]


def test_where_signatures_are_required_only_signed_approvals_count() -> None:
    plain, signed = approve(BO, NEW), approve(BO, NEW, signed=FINGERPRINT)
    assert judged(plain, require=["signed"]).left_out == ((f"bo ({BO})", "not signed"),)
    assert who(judged(signed, require=["signed"])) == ["bo"]
    other = judged(approve(CY, NEW, signed=FINGERPRINT), require=["signed"])
    assert other.left_out[0][1] == "signed with a key that gitreg.yaml does not have as theirs"


def test_an_unsigned_approval_takes_back_nothing() -> None:
    against, signed = said(BO, "request-changes", NEW), approve(BO, NEW, signed=FINGERPRINT)
    assert judged(against, approve(BO, NEW), require=["signed"]).against == ("bo",)
    assert who(judged(signed, approve(BO, NEW), require=["signed"])) == ["bo"]
    assert judged(against, signed, require=["signed"]).against == ()


def test_what_is_missing_is_told_with_those_that_were_left_out() -> None:
    report = run(
        proposal(rules=replace(RULES, approvals=2), pull=pull(approve(BO, NEW), approve("Eve <e@x.org>", NEW), new=NEW))
    )
    (found,) = [result for result in report.results if result.check == "approvals"]
    assert [problem.text for problem in found.problems] == [
        "2 approvals of @leads wanted, 1 there (bo); 1 missing",
        "the approval of Eve <e@x.org> does not count: nobody among the people of gitreg.yaml",
    ]
    assert found.problems[0].hint == "gitreg pr review 12 --approve"


def test_nobody_is_asked_where_there_is_no_pull_request_or_nothing_to_ask() -> None:
    free = StagePolicy("production")
    for odd in (proposal(pull=None), proposal(rules=free), proposal(policy=Policy(), rules=free)):
        (found,) = run(odd, only=["approvals"]).results
        assert found.state == "skipped"


def test_an_emptied_stage_needs_approvals_too() -> None:
    emptied = proposal(new=b"", candidate=None, pull=pull())
    assert not run(emptied, only=["approvals"]).ok


def test_keys_are_known_by_their_fingerprints() -> None:
    for own in (KEY, FINGERPRINT):
        policy = Policy({"bo": Person("bo", ("bo@example.org",), keys=(own,))})
        assert has_key(policy, "bo", FINGERPRINT)
        assert not has_key(policy, "bo", FINGERPRINT.swapcase())
        assert not has_key(policy, "bo", "")
        assert not has_key(policy, "ana", FINGERPRINT)


def test_an_address_is_what_stands_in_angles() -> None:
    assert (email_of(BO), email_of("bo-b"), email_of("Bo <>")) == ("bo@example.org", "", "")


def test_on_a_public_repository_strangers_neither_approve_nor_block_without_a_map_of_people() -> None:
    nobody = Policy()
    for verdict in ("approve", "request-changes"):
        review = replace(approve(BO, NEW), verdict=verdict, outsider=True)  # type: ignore[arg-type]  # one of them
        rules = replace(RULES, approvals=1, approvers=())
        found = count(proposal(rules=rules, policy=nobody, pull=pull(review, approve(CY, NEW), new=NEW)))
        assert (len(found.approvals), found.against) == (1, ())
        assert not found.left_out or "belong to the repository" in found.left_out[0][1]
    mapped = replace(approve(BO, NEW), outsider=True)  # a membership may be private
    assert who(judged(mapped)) == ["bo"]
