"""The public records of what stages began to run: tags made of main's history and of what was said on pull requests.

Whoever makes the record of a change again makes the same tag object: nothing in it is of the clock or of who asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gitreg.errors import Damaged, NotFound, Refused
from gitreg.forges import LOCAL
from gitreg.forges._base import Forge
from gitreg.format.pulls import PullRequest, Review
from gitreg.format.record import Approval, Record, format_record
from gitreg.format.stage_file import parse_stage_file, stage_file_path
from gitreg.format.tags import RecordTag, format_tag_name, parse_tag_name, tag_ref
from gitreg.format.times import parse_time
from gitreg.format.trailers import clean_prose, parse_message
from gitreg.registry.place import Registry
from gitreg.registry.promotion.timeline import StageChange, bring_timeline, timeline, written
from gitreg.stores.git import RefChange
from gitreg.stores.git.changes import first_parent_changes

_LONGEST = 1000  # characters of a text that is not gitreg's


def record_number(place: Registry, tip: str, path: str) -> int:
    """How often a file changed on the first-parent line up to the commit `tip`."""
    return len(first_parent_changes(place.git, tip, path))


def write_record(place: Registry, record: Record, *, by: str, when: int) -> RefChange:
    """Write a record's tag object, and tell the change that publishes it; no ref is made.

    `by` is the committer (`Name <email>`) and `when` the time (seconds since 1970) of the commit `record.merge`.
    Damaged where the stage file there says nothing that can be read; NotFound where the version's commit is not here.
    """
    tag = record.tag
    path = stage_file_path(tag.stage, tag.model)
    at = f"{record.merge}^1:{path}" if tag.emptied else f"{record.merge}:{path}"
    target = parse_stage_file(place.git.content(at, f"{path} of {record.merge[:12]}"), path).commit
    if place.git.find_ref(f"{target}^{{commit}}") != target:
        raise NotFound(f"the commit {target[:12]}, which {path} names, is not here", "gitreg fetch")
    made = place.git.write_tag(format_tag_name(tag), target, format_record(record), by, when)
    return RefChange(tag_ref(tag), made)


def record_of(
    change: StageChange,
    *,
    pull: str = "",
    requested: str = "",
    approvals: Sequence[Approval] = (),
) -> Record:
    """The record of a change that pull request `pull` brought. Damaged where the stage file cannot be read."""
    if change.damage or (change.new is None and change.before is None):
        raise Damaged(change.damage or f"{change.path} was deleted, and what it was cannot be read")
    message = change.message
    return Record(
        RecordTag(change.model, change.stage, change.number, change.after is None),
        version=change.after.version if change.after else "",
        digest=change.after.digest if change.after else "",
        before=change.before.version if change.before else "",
        merge=change.commit,
        pull=pull,
        requested=requested,
        approvals=tuple(approvals),
        emergency=message.trailers.get("Gitreg-Emergency", "") if message else "",
        why=why_of(change),
    )


def why_of(change: StageChange) -> str:
    """What was written about a change: by gitreg in the merge or in the proposal, else whatever the commit says."""
    for text in (change.change.message, *(each.message for each in change.proposed)):
        if message := written(text):
            return message.body
    return _plain(change.change.message)


def _plain(text: str) -> str:
    try:
        message = parse_message(text)
        text = "\n\n".join(part for part in (message.subject, message.body) if part)
    except Damaged:
        pass
    printable = "".join(letter for letter in text if letter.isprintable() or letter == "\n")
    try:
        return clean_prose(printable[:_LONGEST])
    except Refused:  # the header of a signature
        return ""


def records_missing(place: Registry) -> list[StageChange]:
    """The changes of stage files on main, as it is here, that have no record here; oldest first."""
    known = {
        (tag.model, tag.stage, tag.number)
        for ref in place.git.refs("refs/tags/*#*")
        if isinstance(tag := parse_tag_name(ref.name.removeprefix("refs/tags/")), RecordTag)
    }
    return [change for change in timeline(place) if (change.model, change.stage, change.number) not in known]


def bring_records(place: Registry) -> None:
    """Fetch main with its history, and all records and versions of the models that stages ever ran."""
    bring_timeline(place)
    models = sorted({change.model for change in timeline(place)})
    place.fetch(*(f"refs/tags/{model}{mark}*" for model in models for mark in "#@"))


def write_records(place: Registry, forge: Forge | None = None) -> list[RefChange]:
    """Write the objects of all records that are missing here, and tell the changes that publish them, oldest first.

    What was said is asked of `forge` (of the registry's own). A change whose record cannot be written is left out:
    its stage file, or the version that it names, is not there; `audit` tells of it.
    """
    missing = records_missing(place)
    if not missing:
        return []
    if forge is None:
        from gitreg.registry.promotion.forge import open_forge

        forge = open_forge(place)
    pulls = [*forge.pulls("merged"), *forge.pulls("open")]  # plain git merges what stays open where it is kept in Git
    changes = []
    for change in missing:
        try:
            changes.append(record_by(place, change, pulls, forge))
        except (Damaged, NotFound):
            continue
    return changes


def record_by(place: Registry, change: StageChange, pulls: Sequence[PullRequest], forge: Forge) -> RefChange:
    """Write the record of a change that one of `pulls` brought, or none of them; no ref is made.

    Damaged where the stage file there says nothing that can be read; NotFound where the version's commit is not here.
    """
    found = pull_of(change, pulls)
    approvals = counted(place, change, found, forge) if found else ()
    record = record_of(change, pull=found.number if found else "", requested=found.author if found else "",
                       approvals=approvals)  # fmt: skip
    return write_record(place, record, by=change.change.by, when=change.change.when)


def pull_of(change: StageChange, pulls: Sequence[PullRequest]) -> PullRequest | None:
    """The pull request that brought a change to main: by a merge, a squash or a rebase."""
    commit, parents = change.commit, change.change.parents
    by_result = [pull for pull in pulls if pull.merged_commit == commit]
    by_head = [pull for pull in pulls if pull.head_commit in (commit, *parents[1:])]
    named = change.message.trailers.get("Gitreg-Pull", "") if change.message else ""
    # Others may have the same head, or say that they became this commit.
    return next(iter(sorted([*by_result, *by_head], key=lambda pull: pull.number != named)), None)


def counted(place: Registry, change: StageChange, pull: PullRequest, forge: Forge) -> tuple[Approval, ...]:
    """The approvals that counted when a pull request was merged, by the policy of main before it."""
    from gitreg.checks.approvals import count
    from gitreg.registry.promotion.gather import proposals_of

    parents = change.change.parents
    if not parents:
        return ()
    head = parents[1] if len(parents) > 1 else _head_of(place, pull) or change.commit
    try:
        proposals = proposals_of(place, parents[0], head, pull=pull, forge=forge, payloads=False)
    except Damaged:  # the policy: nobody's approval counts
        return ()
    for proposal in proposals:
        if proposal.path == change.path and proposal.pull:
            said = proposal.pull.reviews
            if forge.name != LOCAL:  # there nothing is said after the merge, and people's clocks may disagree
                said = tuple(review for review in said if _seconds(review) <= change.change.when)
            return count(replace(proposal, pull=replace(proposal.pull, reviews=said))).approvals
    return ()


def _head_of(place: Registry, pull: PullRequest) -> str:
    """The head of a pull request that was squashed or rebased, where it can still be had."""
    from gitreg.registry.promotion.said import bring_commit

    try:
        bring_commit(place, pull.head_commit, pull)
    except NotFound:
        return ""
    return pull.head_commit


def _seconds(review: Review) -> int:
    return int(parse_time(review.at).timestamp())
