"""The policy is not changed together with what is judged by it."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.checks._base import Problem, Proposal
from gitreg.checks.approvals import SIGNED
from gitreg.format.policy import Policy, StagePolicy

ABOUT = "people, groups and stages of gitreg.yaml stay as they are in a change of a stage file"


def applies(proposal: Proposal) -> bool:
    """Where a stage file is proposed, or deleted."""
    return proposal.path.startswith("stages/")


def problems(proposal: Proposal) -> Iterator[Problem]:
    """That they change."""
    if proposal.policy_changed:
        text = f"gitreg.yaml gets other people, groups or stages in the same change as {proposal.path}"
        yield Problem(text, "two pull requests: the policy first, then the promotion", "gitreg.yaml")


def found(proposal: Proposal) -> str:
    """Nothing more to tell."""
    return ""


def strictest(policy: Policy) -> StagePolicy:
    """What a change of the policy itself asks for: the approvals of the strictest stage, by its approvers.

    Of several that ask for as many, any approver of theirs may approve; where none of them names one, everybody.
    """
    most = max((stage.approvals for stage in policy.stages.values()), default=0)
    asking = [stage for stage in policy.stages.values() if stage.approvals == most]
    approvers = dict.fromkeys(name for stage in asking for name in stage.approvers)
    require = (SIGNED,) if any(SIGNED in stage.require for stage in policy.stages.values()) else ()
    return StagePolicy("", approvals=most, approvers=tuple(approvers), require=require)
