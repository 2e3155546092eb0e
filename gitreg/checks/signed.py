"""Signatures of approvals: whether they were really given by whom they name."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.checks._base import Problem, Proposal
from gitreg.checks._people import LOCAL, has_key, person_behind
from gitreg.checks.approvals import SIGNED, count

ABOUT = "approvals are signed with keys that gitreg.yaml has"

_HINT = "git config gpg.format ssh; git config user.signingkey KEY; then approve again"


def applies(proposal: Proposal) -> bool:
    """Where the policy asks for signatures, or approvals are kept in Git and anybody could have written them."""
    if proposal.pull is None:
        return False
    if SIGNED in proposal.rules.require:
        return bool(proposal.rules.approvals)
    return proposal.pull.forge == LOCAL and bool(count(proposal).approvals)


def problems(proposal: Proposal) -> Iterator[Problem]:
    """Each approval that is not signed, as far as it is missed."""
    counted = count(proposal)
    if SIGNED in proposal.rules.require:
        if text := _unsigned_proposal(proposal):
            hint = f"{_HINT.partition(';')[0]}; git config user.signingkey KEY; gitreg pr close, and propose it again"
            yield Problem(text, hint, proposal.path)
        if len(counted.approvals) < counted.wanted:
            text = f"{counted.wanted} signed approvals wanted, {len(counted.approvals)} there"
            yield Problem(text, _HINT, proposal.path)
        return
    for approval in counted.approvals:
        if not approval.signed:
            text = f"the approval of {approval.who} is not signed: whoever may push here could have written it"
            yield Problem(text, _HINT, proposal.path, blocks=False)
        elif proposal.policy.people and not has_key(proposal.policy, approval.who, approval.signed):
            text = f"the approval of {approval.who} is signed with {approval.signed}, which gitreg.yaml does not know"
            yield Problem(text, f"add it in gitreg.yaml: people: {approval.who}: keys", proposal.path, blocks=False)


def _unsigned_proposal(proposal: Proposal) -> str:
    """What is wrong where anybody could have proposed it: whoever did may not be among those who approve."""
    pull = proposal.pull
    if pull is None or pull.signed is None:
        return ""
    by = pull.proposer or pull.author
    if has_key(proposal.policy, person_behind(proposal.policy, pull.forge, by), pull.signed):
        return ""
    return f"what {by} proposes is {'signed with a key that is not theirs' if pull.signed else 'not signed'}"


def found(proposal: Proposal) -> str:
    """How many."""
    approvals = count(proposal).approvals
    return f"{sum(bool(approval.signed) for approval in approvals)} of {len(approvals)} signed"
