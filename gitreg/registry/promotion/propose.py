"""Proposing what a stage shall run: the branch, the checks, the pull request, its body (docs/promotion.md)."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gitreg.checks._base import Report
from gitreg.checks.approvals import missing
from gitreg.errors import Conflict, GitregError, Refused, Unreachable, warn
from gitreg.forges._base import Forge
from gitreg.format.body import format_body
from gitreg.format.pulls import PullRequest, promotion_branch
from gitreg.format.stage_file import stage_file_path
from gitreg.format.times import format_time
from gitreg.format.trailers import Message, clean_prose, format_message, parse_message
from gitreg.registry.place import Registry
from gitreg.registry.promotion.branch import Standing, push_proposal, standing_proposal, write_proposal
from gitreg.registry.promotion.facts import body_facts
from gitreg.registry.promotion.forge import open_forge
from gitreg.registry.promotion.judge import judge_proposals
from gitreg.registry.promotion.posted import STATUS, as_kept, proposed_by, status_of
from gitreg.stores.clock import now


@dataclass(frozen=True)
class Wish:
    """What a stage shall run of a model: the bytes of its file before and after (None: it runs nothing)."""

    model: str
    stage: str
    old: bytes | None
    new: bytes | None
    title: str
    why: str = ""

    @property
    def path(self) -> str:
        """The file that changes."""
        return stage_file_path(self.stage, self.model)

    @property
    def diff(self) -> str:
        """What changes in the file, as `diff -u` has it."""
        old, new = ((text or b"").decode("utf-8", "replace").splitlines(keepends=True) for text in (self.old, self.new))
        before, after = "/dev/null" if self.old is None else f"a/{self.path}", f"b/{self.path}"
        return "".join(difflib.unified_diff(old, new, before, after if self.new is not None else "/dev/null"))


@dataclass(frozen=True)
class Promotion:
    """What was proposed, and how: `pushed` where the branch got a new commit, `opened` where the pull request is new,
    `updated` where the open one got another title or body, and `replaced` the title it had if that was another.
    `reports` are what the checks said of its head, `waits_for` the approvals that are missing, in words ("" none), and
    `record` the record tags of what an emergency merged at once.
    """

    pull: PullRequest
    diff: str
    reports: tuple[Report, ...] = ()
    pushed: bool = False
    opened: bool = False
    updated: bool = False
    replaced: str = ""
    waits_for: str = ""
    record: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no check blocks the merge."""
        return all(report.ok for report in self.reports)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "pull": self.pull.to_dict(),
            "diff": self.diff,
            "ok": self.ok,
            "reports": [report.to_dict() for report in self.reports],
            "pushed": self.pushed,
            "opened": self.opened,
            "updated": self.updated,
            "replaced": self.replaced or None,
            "waits_for": self.waits_for or None,
            "record": list(self.record),
        }


def propose(place: Registry, wish: Wish, *, run: bool = True, dry_run: bool = False) -> Promotion:
    """Propose it: open the pull request, or bring the open one up to date.

    Done in steps that the same call completes where it was cut short: commit, checks, branch, pull request, status.
    With `run` the evaluation and checks of the team's own are run.
    """
    forge = open_forge(place)
    branch, base = promotion_branch(wish.stage, wish.model), place.main()
    standing = standing_proposal(place, wish.path, wish.new, branch)
    message = _message(wish, standing)
    again = standing.fits and standing.message == message
    commit = standing.commit if again else write_proposal(place, wish.path, wish.new, message)
    pull = _open_one(forge, branch, place.branch, dry_run=dry_run)
    if pull and pull.number.isdecimal() and place.remote and place.offline:
        raise Unreachable(f"pull request {pull.number} changes at the origin, and this is offline", "give it online")
    shown = replace(pull, head_commit=commit) if pull else _not_opened(place, wish, commit)
    said = forge if pull else None  # nobody reviewed what is not opened
    proposals, reports = judge_proposals(place, base, commit, pull=shown, forge=said, run=run and not dry_run)
    wish = replace(wish, why=parse_message(message).body)
    proposal = next(one for one in proposals if one.path == wish.path)
    waits = missing(proposal)
    body = format_body(body_facts(proposal, reports, proposed_by(place, commit), wish.why), forge.longest)
    if dry_run:
        number = pull.number if pull else ""
        would_be = replace(shown, number=number, title=wish.title, body=body)
        return Promotion(would_be, wish.diff, tuple(reports), waits_for=waits)
    if not again:
        commit = push_proposal(place, branch, commit, standing.commit)
    opened = pull is None
    if pull is None:
        try:
            pull = forge.open(branch, place.branch, wish.title, body)
        except Conflict:  # somebody opened it at this moment
            pull, opened = forge.find(branch, place.branch), False
            if pull is None:
                raise
    updated = not opened and (pull.title, as_kept(pull.body)) != (wish.title, as_kept(body))
    replaced = pull.title if pull.title != wish.title else ""
    if updated:
        pull = forge.update(pull.number, wish.title, body)
    _set_status(forge, commit, reports)
    pull = replace(pull, head_commit=commit)
    return Promotion(pull, wish.diff, tuple(reports), not again, opened, updated, replaced, waits)


def _message(wish: Wish, standing: Standing) -> str:
    """The message of the commit. Whoever gives no reason keeps the one that stands."""
    why = clean_prose(wish.why)
    if not why and standing.fits:
        with contextlib.suppress(GitregError):  # not written by gitreg
            why = parse_message(standing.message).body
    return format_message(Message(wish.title, why, {"Gitreg-Format": "1"}))


def _open_one(forge: Forge, branch: str, base: str, *, dry_run: bool) -> PullRequest | None:
    try:
        return forge.find(branch, base)
    except (Refused, Unreachable):
        if dry_run:  # what would be proposed is known without the forge
            return None
        raise


def _not_opened(place: Registry, wish: Wish, commit: str) -> PullRequest:
    branch, author = promotion_branch(wish.stage, wish.model), place.git.identity()
    return PullRequest("NUMBER", "", wish.title, "", branch, commit, place.branch, author, "open", format_time(now()))


def _set_status(forge: Forge, commit: str, reports: Sequence[Report]) -> None:
    """Tell the forge, whose branch may ask for it. The proposal stands without that."""
    try:
        forge.set_status(commit, status_of(reports))
    except GitregError as error:
        warn(f"the status {STATUS} could not be set: {error.message}")
