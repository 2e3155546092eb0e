"""The body of a promotion's pull request, written again in place once more is known than when it was opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gitreg.checks import ABOUT_APPROVAL
from gitreg.checks._base import Proposal, Report
from gitreg.forges._base import Forge
from gitreg.format.body import format_body
from gitreg.format.pulls import PullRequest, Status, promotion_branch
from gitreg.registry.place import Registry
from gitreg.registry.promotion.facts import body_facts
from gitreg.registry.promotion.timeline import written

STATUS = "gitreg/check"
_LONGEST = 140
"""The shortest limit of a status's text that a forge has."""


def post_body(
    place: Registry, forge: Forge, pull: PullRequest, proposals: Sequence[Proposal], reports: Sequence[Report]
) -> PullRequest:
    """Let the pull request's body tell what the checks said; `reports` are those of `proposals`, in their order.

    Only that of a promotion which gitreg opened is gitreg's to write: a description by a person stays as it is.
    """
    if len(proposals) != 1 or pull.head != promotion_branch(proposals[0].stage, proposals[0].model):
        return pull
    message = written(place.git.text("log", "-1", "--format=%B", "--end-of-options", pull.head_commit))
    if message is None:
        return pull
    facts = body_facts(proposals[0], reports, proposed_by(place, pull.head_commit), message.body)
    body = format_body(facts, forge.longest)
    if as_kept(body) == as_kept(pull.body):
        return pull
    forge.update(pull.number, pull.title, body)
    return replace(pull, body=body)


def proposed_by(place: Registry, head: str) -> str:
    """Who made the commit that is proposed, `Name <email>`: whoever opened the pull request may have been another."""
    return place.git.text("log", "-1", "--format=%an <%ae>", "--end-of-options", head)


def status_of(reports: Sequence[Report]) -> Status:
    """What a commit's status says of the checks: pending where nothing but people is missing."""
    failed = dict.fromkeys(r.check for report in reports for r in report.results if r.state == "failed")
    if not failed:
        return Status(STATUS, "success", "the checks passed")
    if failed.keys() <= ABOUT_APPROVAL:
        return Status(STATUS, "pending", "waits for approvals")
    text = f"blocked by {', '.join(failed)}"
    return Status(STATUS, "failure", text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def as_kept(text: str) -> str:
    """`text` without what a forge may change of it: line ends, and blanks before them."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()
