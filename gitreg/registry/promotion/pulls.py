"""Pull requests, read and spoken on: the same verbs on every forge."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from gitreg.checks._people import LOCAL, person_behind
from gitreg.checks.approvals import count
from gitreg.errors import Conflict, Damaged, GitregError, Refused
from gitreg.forges._base import Forge
from gitreg.forges.local import LocalForge
from gitreg.format.objects import parse_commit_object
from gitreg.format.pulls import PullRequest, PullState, Review, Verdict
from gitreg.format.times import format_time
from gitreg.format.trailers import clean_prose
from gitreg.registry.freshness import Asked, last_fetch, remember_fetch
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.promotion.forge import open_forge
from gitreg.registry.promotion.gather import ProposedChange, proposals_from, read_change
from gitreg.registry.promotion.others import policy_proposals
from gitreg.registry.promotion.said import bring_commit
from gitreg.stores.clock import now
from gitreg.stores.git.changes import merge_base

PULLS = "pulls"
"""What is noted as fetched when the pull requests were brought."""

Where = str | os.PathLike[str] | Registry | None


@dataclass(frozen=True)
class Said:
    """What somebody said of a pull request. `counts` tells whether a verdict does, None where that is not known.

    `remark` says what is to be known of it: which key signed it or that none did, and why it does not count.
    """

    review: Review
    counts: bool | None
    remark: str
    why: str = ""
    """Why it does not count, "" where it does or where that is not known."""

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return self.review.to_dict() | {"counts": self.counts, "remark": self.remark or None}


@dataclass(frozen=True)
class PullFacts:
    """A pull request with what was said of it, oldest first; `forge` is the kind of where it is kept."""

    pull: PullRequest
    said: tuple[Said, ...]
    forge: str


def list_pulls(state: PullState | None = "open", *, registry: Where = None) -> tuple[PullRequest, ...]:
    """The pull requests of a state (None: of any), newest first."""
    place, forge = _opened(registry)
    found = tuple(forge.pulls(state))
    _remember(place, forge)
    return found


def show_pull(number: str | int, *, registry: Where = None) -> PullFacts:
    """One pull request, and what was said of it."""
    place, forge = _opened(registry)
    pull = forge.get(str(number))
    said = _judged(place, forge, pull)
    _remember(place, forge)
    return PullFacts(pull, said, forge.name)


def diff_pull(number: str | int, *, registry: Where = None) -> tuple[PullRequest, str]:
    """A pull request, and what it changes, as `git diff` shows it."""
    place, forge = _opened(registry)
    pull = forge.get(str(number))
    place.fetch_main()
    base = place.main()
    if pull.merged_commit:
        bring_commit(place, pull.merged_commit)
        base = place.git.find_ref(f"{pull.merged_commit}^1") or base
    if isinstance(forge, LocalForge):
        forge.bring(pull)
    bring_commit(place, base)
    bring_commit(place, pull.head_commit, pull)
    since = merge_base(place.git, base, pull.head_commit) or base
    how = ["--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--end-of-options"]
    answer = place.git.read("diff", *how, since, pull.head_commit)
    if answer.code:
        raise Damaged(f"git cannot compare {since[:12]} with {pull.head_commit[:12]}: {answer.err}", "git fsck")
    _remember(place, forge)
    return pull, answer.out.decode("utf-8", "replace")


def open_pull(
    branch: str, title: str = "", body: str = "", *, registry: Where = None, dry_run: bool = False
) -> PullRequest:
    """Propose to merge any branch of the origin into main; without a title its last commit's first line is one.

    Where it is proposed already, that pull request is brought up to date; Conflict where nothing is new.
    """
    place, forge = _opened(registry, write=True)
    if branch == place.branch:
        raise Refused(f"{branch} is main itself", "commit on a branch of its own, and push that")
    commit = _commit_of(place, forge, branch)
    chosen, text = " ".join(title.split()), clean_prose(body)
    if found := forge.find(branch, place.branch):
        wanted = replace(found, title=chosen or found.title, body=text or found.body, head_commit=commit)
        if wanted == found:
            raise Conflict(f"pull request {found.number} proposes {branch} already", f"gitreg pr show {found.number}")
        return wanted if dry_run else forge.update(found.number, wanted.title, wanted.body)
    message = parse_commit_object(place.git.content(commit, f"the commit {commit[:12]}"), commit[:12]).message
    chosen = chosen or " ".join(message.strip().partition("\n")[0].split()) or branch
    if dry_run:
        author = place.git.identity()
        return PullRequest("", "", chosen, text, branch, commit, place.branch, author, "open", format_time(now()))
    return forge.open(branch, place.branch, chosen, text)


def comment_pull(number: str | int, text: str, *, registry: Where = None, dry_run: bool = False) -> PullRequest:
    """Say something on a pull request."""
    _, forge = _opened(registry, write=True)
    said = _words(text, f"gitreg pr comment {number} -m TEXT")
    pull = forge.get(str(number))
    if not dry_run:
        forge.comment(pull.number, said)
    return pull


def review_pull(
    number: str | int, verdict: Verdict, text: str = "", *, registry: Where = None, dry_run: bool = False
) -> tuple[PullRequest, Said | None]:
    """Give a verdict on what a pull request proposes now. Refused where one other than approval gives no reason.

    The pull request, and the verdict with what is to be known of it; None where nothing was said.
    """
    place, forge = _opened(registry, write=True)
    said = clean_prose(text)
    if verdict != "approve":
        said = _words(text, f"gitreg pr review {number} --{verdict} -m TEXT")
    pull = forge.get(str(number))
    if pull.state != "open":
        raise Conflict(f"pull request {pull.number} is {pull.state} already", f"gitreg pr show {pull.number}")
    if dry_run:
        return pull, None
    forge.review(pull, verdict, said)
    return pull, _last_said(place, forge, pull, verdict)


def _last_said(place: Registry, forge: Forge, pull: PullRequest, verdict: Verdict) -> Said | None:
    try:
        said = [each for each in _judged(place, forge, pull) if each.review.verdict == verdict]
    except GitregError:  # it is said, whatever comes afterwards
        return None
    return sorted(said, key=lambda each: each.review.at)[-1] if said else None


def close_pull(number: str | int, *, registry: Where = None, dry_run: bool = False) -> PullRequest:
    """Close a pull request without merging it."""
    _, forge = _opened(registry, write=True)
    pull = forge.get(str(number))
    if pull.state != "open":
        raise Conflict(f"pull request {pull.number} is {pull.state} already", f"gitreg pr show {pull.number}")
    if dry_run:
        return pull
    forge.close(pull.number)
    return forge.get(pull.number)


def _opened(registry: Where, *, write: bool = False) -> tuple[Registry, Forge]:
    place = open_registry(registry)
    return (writable(place) if write else place), open_forge(place)


def _remember(place: Registry, forge: Forge) -> None:
    """Note how fresh the answer is."""
    if isinstance(forge, LocalForge) and forge.refs.away:
        place.freshness.add(Asked(last_fetch(place, PULLS), True))
        return
    if place.remote:
        remember_fetch(place, PULLS)
    place.freshness.add(Asked(format_time(now()), False, True))


def _words(text: str, hint: str) -> str:
    said = clean_prose(text)
    if not said:
        raise Refused("nothing is said", hint)
    return said


def _commit_of(place: Registry, forge: Forge, branch: str) -> str:
    if isinstance(forge, LocalForge):
        return forge.branch_commit(branch)
    ref = f"refs/heads/{branch}"
    commit = place.git.remote_refs(place.remote, ref).get(ref, "")
    if not commit:
        raise Refused(f"{place.git.address(place.remote)} has no branch {branch}", f"git push {place.remote} {branch}")
    bring_commit(place, commit)
    return commit


def _judged(place: Registry, forge: Forge, pull: PullRequest) -> tuple[Said, ...]:
    if pull.state == "open":
        try:
            place.fetch_main()
            if isinstance(forge, LocalForge):
                forge.bring(pull)
            change = read_change(place, place.main(), pull.head_commit, pull=pull, forge=forge)
            return _weighed(place, change)
        except GitregError:  # what was said is shown without it
            pass
    return tuple(_said(review, forge.name) for review in forge.reviews(pull.number))


def _weighed(place: Registry, change: ProposedChange) -> tuple[Said, ...]:
    """What was said, and what of it counts for the stages, or for the policy, that are proposed."""
    pull = change.pull
    if pull is None:
        return ()
    asked = (*proposals_from(place, change, payloads=False), *policy_proposals(change))
    counts = [count(proposal) for proposal in asked]
    approved = {approval.by for each in counts for approval in each.approvals}
    against = {who for each in counts for who in each.against}
    left_out = [pair for each in counts for pair in each.left_out]
    found = []
    for review in pull.reviews:
        said = _said(review, pull.forge)
        if review.verdict == "comment":
            found.append(said)
            continue
        if review.content != pull.content:
            counted, why = False, "stale: an older head was looked at"
        elif not counts:
            counted, why = None, ""
        elif review.verdict == "approve":
            counted = review.by in approved
            told = next((why for who, why in left_out if who == review.by or who.endswith(f"({review.by})")), "")
            why = "" if counted else f"does not count: {told or 'they said something else since'}"
        else:
            counted = person_behind(change.policy, pull.forge, review.by) in against
            why = "" if counted else "blocks nothing"
        found.append(Said(review, counted, ", ".join(part for part in (said.remark, why) if part), why))
    return tuple(found)


def _said(review: Review, forge: str) -> Said:
    """As it stands alone: whether it is signed."""
    if review.broken:
        return Said(review, False, review.broken)
    if review.verdict == "comment":
        return Said(review, None, "")
    return Said(review, None, f"signed by {review.signed}" if review.signed else "unsigned" if forge == LOCAL else "")
