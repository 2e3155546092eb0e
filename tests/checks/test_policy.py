"""The policy does not change with what it judges; what a change of itself asks for."""

from __future__ import annotations

from gitreg.checks import run
from gitreg.checks.policy import strictest
from gitreg.format.policy import Policy, StagePolicy
from testing.proposals import POLICY, RULES, proposal


def test_a_policy_that_changes_with_a_stage_file_blocks() -> None:
    report = run(proposal(policy_changed=True), only=["policy"])
    assert not report.ok
    (problem,) = report.results[0].problems
    assert problem.path == "gitreg.yaml" and "in the same change as stages/production/churn.yaml" in problem.text
    assert run(proposal(), only=["policy"]).ok
    assert not run(proposal(policy_changed=True, new=b"", candidate=None), only=["policy"]).ok


def test_the_strictest_stage_judges_the_policy() -> None:
    assert strictest(Policy()) == StagePolicy("")
    assert strictest(POLICY) == StagePolicy("", approvals=1, approvers=RULES.approvers)
    two = {
        "a": StagePolicy("a", approvals=2, approvers=("bo", "cy")),
        "b": StagePolicy("b", approvals=2, approvers=("@leads", "cy"), require=("signed",)),
        "c": StagePolicy("c", approvals=1, approvers=("eve",)),
    }
    assert strictest(Policy(stages=two)) == StagePolicy(
        "", approvals=2, approvers=("bo", "cy", "@leads"), require=("signed",)
    )
