"""Approvals: enough of the right people approved exactly this, and none of them asks for changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gitreg.checks._base import Problem, Proposal
from gitreg.checks._people import has_key, left_out, nobodies, person_behind
from gitreg.format.pulls import Review
from gitreg.format.record import Approval

ABOUT = "enough people approved exactly this, and no approver asks for changes"
SIGNED = "signed"


@dataclass(frozen=True)
class Counted:
    """The approvals that count, who was left out and why, who asks for changes, and how many are wanted."""

    approvals: tuple[Approval, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    wanted: int = 0
    against: tuple[str, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether nothing is missing, and nobody is against it."""
        return len(self.approvals) >= self.wanted and not self.against


def applies(proposal: Proposal) -> bool:
    """Where there is a pull request, and somebody who may say yes or no."""
    return proposal.pull is not None and bool(proposal.rules.approvals or proposal.rules.approvers)


def problems(proposal: Proposal) -> Iterator[Problem]:
    """Who is against it; what is missing; who was left out."""
    counted = count(proposal)
    for who in counted.against:
        text = f"{who} asks for changes"
        yield Problem(text, "change what they ask for; then they approve, or take it back", proposal.path)
    for by in nobodies(proposal) if counted.wanted else ():
        text = f"{by} asks for it, and is nobody among the people of gitreg.yaml: they may be one who approves"
        yield Problem(text, "add that address to somebody's emails on main, or propose it as somebody who is there")
    lacking = counted.wanted - len(counted.approvals)
    if lacking > 0:
        there = f", {len(counted.approvals)} there ({_names(counted)})" if counted.approvals else ""
        text = f"{_approvals(proposal, counted.wanted)} wanted{there}; {lacking} missing"
        number = proposal.pull.number if proposal.pull else "NUMBER"
        yield Problem(text, f"gitreg pr review {number} --approve", proposal.path)
        for who, why in counted.left_out:
            yield Problem(f"the approval of {who} does not count: {why}", path=proposal.path, blocks=False)


def found(proposal: Proposal) -> str:
    """Who approved."""
    counted = count(proposal)
    names = _names(counted)
    return f"{len(counted.approvals)} of {counted.wanted}" + (f": {names}" if names else "")


def missing(proposal: Proposal) -> str:
    """What is missing, in words: "1 approval of @leads"; "" where nothing is."""
    counted = count(proposal)
    lacking = counted.wanted - len(counted.approvals)
    return _approvals(proposal, lacking) if lacking > 0 else ""


def _approvals(proposal: Proposal, number: int) -> str:
    among = f" of {', '.join(proposal.rules.approvers)}" if proposal.rules.approvers else ""
    return f"{number} approval{'s' * (number != 1)}{among}"


def _names(counted: Counted) -> str:
    return ", ".join(approval.who for approval in counted.approvals)


def count(proposal: Proposal) -> Counted:
    """Whose approvals count for what the stage's policy asks: the last verdict of each person, bound to the content.

    Neither whoever requested it nor whoever logged the run counts, under whatever address the policy knows them by.
    """
    pull, rules = proposal.pull, proposal.rules
    if pull is None:
        return Counted(wanted=rules.approvals)
    may = proposal.policy.members(rules.approvers)
    out = left_out(proposal)
    approvals: dict[str, Approval] = {}
    ignored: list[tuple[str, str]] = []
    against: list[str] = []
    for who, review in _last_verdicts(proposal):
        if review.verdict == "request-changes":
            stranger = review.outsider and not proposal.policy.people
            if who and not stranger and (who in may or (not rules.approvers and rules.approvals)):
                against.append(who)
            continue
        why = _why_not(proposal, who, review, may, out)
        if why:
            ignored.append((_called(who, review), why))
        else:
            approvals[who] = Approval(who, review.by, review.at, review.signed)
    found = tuple(sorted(approvals.values(), key=lambda approval: (approval.at, approval.who)))
    return Counted(found, tuple(ignored), rules.approvals, tuple(against))


def _last_verdicts(proposal: Proposal) -> list[tuple[str, Review]]:
    """The last verdict of each person (of each login or address that is nobody's), in the order they were given.

    Where signatures are required, an approval without one does not take back what its person said before.
    """
    assert proposal.pull
    found: dict[tuple[str, str], tuple[str, Review]] = {}
    for review in proposal.pull.reviews:
        if review.verdict == "comment":
            continue
        who = person_behind(proposal.policy, proposal.pull.forge, review.by)
        key = (who, "") if who else ("", review.by)
        before = found.get(key)
        weak = review.verdict == "approve" and not _signed_enough(proposal, who, review)
        if before and weak and (before[1].verdict == "request-changes" or _signed_enough(proposal, who, before[1])):
            continue
        found.pop(key, None)
        found[key] = (who, review)
    return list(found.values())


def _signed_enough(proposal: Proposal, who: str, review: Review) -> bool:
    return SIGNED not in proposal.rules.require or has_key(proposal.policy, who, review.signed)


def _why_not(proposal: Proposal, who: str, review: Review, may: frozenset[str], out: dict[str, str]) -> str:
    """Why an approval does not count, "" where it does."""
    assert proposal.pull
    if not who:
        return "nobody among the people of gitreg.yaml"
    if who in out:
        return out[who]
    if review.outsider and not proposal.policy.people:
        return "the forge does not say that they belong to the repository; name them in people of gitreg.yaml"
    if proposal.rules.approvers and who not in may:
        return f"none of {', '.join(proposal.rules.approvers)}"
    if not proposal.pull.content or review.content != proposal.pull.content:
        return "approved an older head"
    if not _signed_enough(proposal, who, review):
        return "signed with a key that gitreg.yaml does not have as theirs" if review.signed else "not signed"
    return ""


def _called(who: str, review: Review) -> str:
    return f"{who} ({review.by})" if who and who.casefold() != review.by.casefold() else review.by
