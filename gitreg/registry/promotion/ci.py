"""What continuous integration does once main has changed: records are published, and what came too late is closed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gitreg.errors import Conflict, GitregError, Unreachable
from gitreg.forges import LOCAL
from gitreg.forges._base import Forge
from gitreg.format.pulls import PullRequest, promotion_branch
from gitreg.format.tags import RecordTag, format_tag_name
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.promotion.forge import open_forge
from gitreg.registry.promotion.merge import merge
from gitreg.registry.promotion.records import bring_records, records_missing, write_records
from gitreg.registry.promotion.said import bring_commit
from gitreg.registry.promotion.timeline import StageChange, timeline
from gitreg.registry.publish import push_patiently
from gitreg.registry.seen import remember_seen
from gitreg.stores.git import RefChange
from gitreg.stores.git.changes import changed_blobs, merge_base

_AT_ONCE = 3  # tags in a push: of more, GitHub tells nobody
_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Closed:
    """A pull request that was closed, and what it was told."""

    pull: PullRequest
    why: str

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"pull": self.pull.to_dict(), "why": self.why}


@dataclass(frozen=True)
class CiRun:
    """What was done: record tags published, pull requests closed.

    `merged` are those, kept in Git, that plain git had merged: they say so now. `left_out` are the names of records
    that cannot be written, for what they would tell is not there; `failed` is what the next run has to do.
    """

    records: tuple[str, ...] = ()
    closed: tuple[Closed, ...] = ()
    merged: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    failed: tuple[GitregError, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "records": list(self.records),
            "closed": [each.to_dict() for each in self.closed],
            "merged": list(self.merged),
            "left_out": list(self.left_out),
            "failed": [error.message for error in self.failed],
        }


def ci_run(*, registry: str | os.PathLike[str] | Registry | None = None, dry_run: bool = False) -> CiRun:
    """Publish the record of every change of a stage that has none, and close promotions that are overtaken.

    Done again, or by two at once, it does nothing more. Unreachable where the origin does not answer; whatever else
    goes wrong with one record or one pull request keeps no other from being done.
    """
    place = writable(open_registry(registry))
    if place.remote and place.offline:
        raise Unreachable("records are published at the origin, and this is offline", "leave out --offline")
    bring_records(place)
    forge = open_forge(place)
    missing = [_name(change) for change in records_missing(place)]
    if dry_run:
        by_git = tuple(pull.number for pull in _merged_by_git(place, forge))
        return CiRun(tuple(missing), tuple(_overtaken(place, forge)), by_git)
    changes = write_records(place, forge)
    failed: list[GitregError] = []
    done = publish_records(place, changes, failed)
    written = {change.ref.removeprefix(_TAGS) for change in changes}
    merged = [pull.number for pull in _merged_by_git(place, forge) if _note_merged(place, pull, failed)]
    closed = [each for each in _overtaken(place, forge) if _close(forge, each, failed)]
    left_out = tuple(name for name in missing if name not in written)
    return CiRun(tuple(done), tuple(closed), tuple(merged), left_out, tuple(failed))


def _name(change: StageChange) -> str:
    return format_tag_name(RecordTag(change.model, change.stage, change.number, change.new is None))


def publish_records(place: Registry, changes: Sequence[RefChange], failed: list[GitregError]) -> list[str]:
    """Create the tags where they count, then here, a few at once; the names of those that are there then.

    One that somebody else created is no fault while it is the same; any other is added to `failed`.
    """
    done: list[str] = []
    for at in range(0, len(changes), _AT_ONCE):
        group = changes[at : at + _AT_ONCE]
        try:
            _create(place, group)
            created = list(group)
        except GitregError:
            created = [change for change in group if _created_alone(place, change, failed)]
        if place.remote:
            absent = [change for change in created if place.git.find_ref(change.ref) != change.new]
            if absent:
                place.git.change_refs(absent)
        remember_seen(place, {change.ref: change.new for change in created})
        done += [change.ref.removeprefix(_TAGS) for change in created]
    return done


def _create(place: Registry, changes: Sequence[RefChange]) -> None:
    if place.remote:
        push_patiently(place, changes)
    else:
        place.git.change_refs(changes)


def _created_alone(place: Registry, change: RefChange, failed: list[GitregError]) -> bool:
    try:
        _create(place, [change])
    except GitregError as error:
        there = place.git.remote_refs(place.remote, change.ref) if place.remote else {}
        known = there.get(change.ref, "") or place.git.find_ref(change.ref)
        if known == change.new:
            return True
        name = change.ref.removeprefix(_TAGS)
        if known and isinstance(error, Conflict):
            error = Conflict(f"there is another tag {name}: it tells something else than main", "gitreg audit")
        failed.append(error)
        return False
    return True


def _merged_by_git(place: Registry, forge: Forge) -> list[PullRequest]:
    """Open pull requests, kept in Git, whose head main has."""
    pulls = forge.pulls("open") if forge.name == LOCAL else ()
    main = place.main()
    return [pull for pull in pulls if pull.base == place.branch and place.git.is_ancestor(pull.head_commit, main)]


def _note_merged(place: Registry, pull: PullRequest, failed: list[GitregError]) -> bool:
    try:
        merge(pull.number, registry=place)
    except Conflict:  # another run was quicker
        return False
    except GitregError as error:
        failed.append(error)
        return False
    return True


def _overtaken(place: Registry, forge: Forge) -> Iterable[Closed]:
    """The open promotions that main has no use for any more."""
    for pull in forge.pulls("open"):
        if pull.base == place.branch and (why := _why_overtaken(place, pull)):
            yield Closed(pull, why)


def _why_overtaken(place: Registry, pull: PullRequest) -> str:
    """Why a promotion cannot be merged, or need not be; "" where it can, or is none of gitreg's making."""
    parts = pull.head.split("/")
    if len(parts) != 3 or pull.head != promotion_branch(parts[1], parts[2]):
        return ""
    stage, model = parts[1:]
    path = f"stages/{stage}/{model}.yaml"
    try:
        bring_commit(place, pull.head_commit, pull)
    except GitregError:  # its branch is gone: nothing can be said of it
        return ""
    main, head = place.main(), pull.head_commit
    base = merge_base(place.git, main, head)
    if not base or place.git.is_ancestor(head, main) or path not in changed_blobs(place.git, base, head):
        return ""
    if path not in changed_blobs(place.git, base, main):
        return ""
    now = _what_it_runs(place, stage, model)
    if path not in changed_blobs(place.git, main, head):
        return f"{now}: that is what this proposes, so there is nothing left to merge."
    return f"{now}. This was proposed before that; promote again what is still wanted."


def _what_it_runs(place: Registry, stage: str, model: str) -> str:
    last = timeline(place, stage=stage, model=model)[-1]
    number = last.message.trailers.get("Gitreg-Pull", "") if last.message else ""
    since = f"pull request {number}" if number else last.commit[:12]
    runs = f"{model} {last.after.version}" if last.after else f"no {model}"
    return f"{stage} runs {runs} since {since}"


def _close(forge: Forge, found: Closed, failed: list[GitregError]) -> bool:
    """Say why, and close it; whether it was this run that did."""
    try:
        if forge.get(found.pull.number).state != "open":  # another run was quicker
            return False
        forge.comment(found.pull.number, found.why)
        forge.close(found.pull.number)
    except Conflict:
        return False
    except GitregError as error:
        failed.append(error)
        return False
    return True
