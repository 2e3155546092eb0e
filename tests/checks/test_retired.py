"""Retired and purged versions run nowhere."""

from __future__ import annotations

from gitreg.checks import run
from gitreg.checks._base import Proposal
from testing.proposals import contents, proposal


def said(found: Proposal) -> list[str]:
    (result,) = run(found, only=["retired"]).results
    assert all(problem.blocks for problem in result.problems)
    return [problem.text for problem in result.problems]


def test_a_retired_version_and_a_purged_one_block() -> None:
    assert said(proposal(contents(retired=True))) == ["churn@v1.3.0 is retired"]
    assert said(proposal(contents(retired=True, tombstone=True))) == ["churn@v1.3.0 was purged"]


def test_taking_a_retired_version_away_is_no_problem() -> None:
    (result,) = run(proposal(new=b"", candidate=None), only=["retired"]).results
    assert result.state == "skipped"
