"""Signatures of approvals: told where they lack, and wanted where the policy asks for them."""

from __future__ import annotations

from dataclasses import replace

from gitreg.checks import run
from gitreg.checks._base import Proposal, Result
from testing.proposals import FINGERPRINT, RULES, approve, contents, proposal, pull, stage_text

BO, CY = "Bo <bo@example.org>", "Cy <cy@example.org>"
NEW = stage_text(contents())
SIGNED = replace(RULES, require=("signed",))


def result(found: Proposal) -> Result:
    (one,) = run(found, only=["signed"]).results
    return one


def test_an_unsigned_approval_in_git_is_a_remark() -> None:
    found = result(proposal())
    assert (found.state, found.about) == ("warned", "0 of 1 signed")
    assert found.problems[0].text.startswith("the approval of bo is not signed")


def test_a_key_that_the_policy_does_not_know_is_a_remark() -> None:
    known = proposal(pull=pull(approve(BO, NEW, signed=FINGERPRINT), new=NEW))
    assert result(known).state == "passed"
    other = proposal(pull=pull(approve(CY, NEW, signed=FINGERPRINT), new=NEW))
    assert "which gitreg.yaml does not know" in result(other).problems[0].text


def test_where_signatures_are_required_unsigned_approvals_are_missing() -> None:
    assert result(proposal(rules=SIGNED)).problems[0].text == "1 signed approvals wanted, 0 there"
    enough = proposal(rules=SIGNED, pull=pull(approve(BO, NEW, signed=FINGERPRINT), approve(CY, NEW), new=NEW))
    assert result(enough).state == "passed"  # one more that is not signed does no harm


def test_at_a_forge_the_login_is_what_tells() -> None:
    there = proposal(pull=pull(approve("bo-b", NEW), new=NEW, forge="github", author="rita-r"))
    assert result(there).state == "skipped"
    assert not run(replace(there, rules=SIGNED), only=["signed"]).ok
