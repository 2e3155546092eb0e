"""The order of stages: exactly this version, exactly these bytes."""

from __future__ import annotations

from dataclasses import replace

from gitreg.checks import run
from gitreg.checks._base import Proposal
from testing.proposals import RULES, before_of, contents, proposal


def said(found: Proposal) -> list[str]:
    (result,) = run(found, only=["order"]).results
    assert all(problem.blocks for problem in result.problems)
    return [problem.text for problem in result.problems]


def test_the_stage_before_has_to_run_it() -> None:
    assert said(proposal(before=None)) == ["production comes after staging, which runs no churn, not churn@v1.3.0"]
    other = before_of(contents("v1.2.0"))
    assert said(proposal(before=other)) == ["production comes after staging, which runs churn@v1.2.0, not churn@v1.3.0"]


def test_the_same_version_with_another_digest_is_not_it() -> None:
    other = replace(before_of(contents()), digest="sha256:" + "a" * 64)
    assert "with the digest sha256:aaaa" in said(proposal(before=other))[0]


def test_it_says_which_stage_ran_it_and_no_more() -> None:
    def about(found: Proposal) -> str:
        return run(found, only=["order"]).results[0].about

    assert about(proposal(before=None)) == "staging does not run it"
    assert about(proposal(before=None, returns=True)) == "production ran it before"
    assert about(proposal(before=before_of(contents()), returns=True)) == "staging runs it"


def test_what_it_ran_before_it_may_run_again_and_what_comes_first_at_once() -> None:
    assert said(proposal(before=None, returns=True)) == []
    (result,) = run(proposal(before=None, rules=replace(RULES, after="")), only=["order"]).results
    assert result.state == "skipped"
