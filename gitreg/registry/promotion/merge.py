"""Merging a pull request: judged once more on main as it is now, then merged and recorded, all or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gitreg.checks import ABOUT_APPROVAL
from gitreg.checks._base import Report
from gitreg.checks._people import person_behind
from gitreg.checks.approvals import SIGNED
from gitreg.errors import Conflict, GitregError, Refused, Unreachable
from gitreg.forges._base import Forge
from gitreg.forges.local import LocalForge
from gitreg.format.objects import parse_commit_object
from gitreg.format.policy import Policy
from gitreg.format.pulls import PullRequest
from gitreg.format.semver import parse_semver
from gitreg.format.stage_file import parse_stage_file
from gitreg.format.tags import retire_ref
from gitreg.format.trailers import Message, clean_prose, format_message
from gitreg.registry.place import CONFIG_FILE, Registry, open_registry, writable
from gitreg.registry.promotion.forge import open_forge
from gitreg.registry.promotion.gather import STAGES, read_change
from gitreg.registry.promotion.judge import judge
from gitreg.registry.promotion.records import (
    bring_records,
    counted,
    record_of,
    write_record,
    write_records,
)
from gitreg.registry.promotion.timeline import timeline, written
from gitreg.registry.publish import push_patiently
from gitreg.registry.resolve import read_stage
from gitreg.registry.seen import remember_seen
from gitreg.stores.git import RefChange
from gitreg.stores.git.changes import changed_blobs
from gitreg.stores.git.merging import clashing_files
from gitreg.stores.git.signing import signs

_TRIES = 10


@dataclass(frozen=True)
class Merged:
    """A pull request that was merged: the commit that main became, and the names of the record tags published then.

    Both are empty where nothing was done.
    """

    pull: PullRequest
    commit: str
    record: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"pull": self.pull.to_dict(), "commit": self.commit or None, "record": list(self.record)}


def merge(
    number: str | int,
    *,
    emergency: bool = False,
    why: str = "",
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
) -> Merged:
    """Merge a pull request into main, if everything that main's policy asks of it is there.

    An `emergency` does without approvals, for those whom the policy names and for a reason; every other check blocks.
    Refused where a check does, Conflict where the stage runs something else meanwhile, or where another merge was
    quicker. Whatever happens, it is merged and recorded, or nothing is changed.
    """
    place = writable(open_registry(registry))
    if place.remote and place.offline:
        raise Unreachable("merging needs the origin, and this is offline", "give the command without --offline")
    forge = open_forge(place)
    reason = clean_prose(why)
    if emergency and not reason:
        raise Refused("an emergency has a reason", f"gitreg pr merge {number} --emergency -m WHY")
    if emergency and not forge.takes_message:
        raise Refused(f"{forge.name} writes the messages of merges itself: nothing on main would tell of the emergency",
                      f"gitreg pr review {number} --approve, by those who may")  # fmt: skip
    for last in (*[False] * _TRIES, True):
        place.fetch_main()
        pull = forge.get(str(number))
        try:
            return _merge(place, forge, pull, reason, emergency=emergency, dry_run=dry_run)
        except _MainMoved as moved:
            if last:
                raise Conflict(moved.message, moved.hint) from None
    raise AssertionError("unreachable")


class _MainMoved(Conflict):
    """Somebody else was quicker: everything is looked at again."""


def _merge(place: Registry, forge: Forge, pull: PullRequest, why: str, *, emergency: bool, dry_run: bool) -> Merged:
    if pull.state != "open":
        raise Conflict(f"pull request {pull.number} is {pull.state} already", f"gitreg pr show {pull.number}")
    if pull.base != place.branch:
        raise Refused(f"pull request {pull.number} is for {pull.base}, not for {place.branch}",
                      f"gitreg promote proposes to {place.branch}")  # fmt: skip
    if isinstance(forge, LocalForge):
        forge.bring(pull)
    base, head = place.main(), pull.head_commit
    said = forge.refs.tip(pull.number).meta if isinstance(forge, LocalForge) else ""
    change = read_change(place, base, head, pull=pull, forge=forge)
    if place.git.is_ancestor(head, base):
        return _complete(place, forge, pull, dry_run=dry_run)
    _see_that_it_fits(place, base, head)
    staged = sorted(path for path in change.files if path.startswith(STAGES))
    if emergency:
        who = _emergency_person(place, forge, pull, change.policy, sorted(change.files))
    for model in sorted({path.rpartition("/")[2].removesuffix(".yaml") for path in staged}):
        place.fetch(f"refs/tags/{model}@*")
    reports = judge(place, base, head, pull=pull, forge=forge, run=not dry_run)
    _see_that_nothing_blocks(pull, reports, without=ABOUT_APPROVAL if emergency else frozenset())
    if dry_run:
        return Merged(pull, "")
    message = _message(pull, why or _said_before(place, head), who if emergency else "")
    if not isinstance(forge, LocalForge):
        return _merge_there(place, forge, pull, message)
    return _merge_here(place, forge, pull, base, staged, message, who if emergency else "", said)


def _see_that_it_fits(place: Registry, base: str, head: str) -> None:
    """Conflict where main has another version of a file since the branch left it."""
    for path in clashing_files(place.git, base, head):
        parts = path.split("/")
        if path.startswith(STAGES) and len(parts) == 3:
            stage, model = parts[1], parts[2].removesuffix(".yaml")
            raise Conflict(_what_changed(place, base, stage, model), "promote again, if it is still wanted")
        raise Conflict(f"{path} changed on {place.branch} since this was proposed", "merge main into the branch")


def _what_changed(place: Registry, base: str, stage: str, model: str) -> str:
    found = read_stage(place, stage, model, base)
    runs = f"{stage} runs {model} {found.version} now" if found else f"{stage} runs no {model} any more"
    last = timeline(place, stage=stage, model=model, tip=base)[-1:]
    message = written(last[0].change.message) if last else None
    number = message.trailers.get("Gitreg-Pull", "") if message else ""
    by = f" (pull request {number})" if number else f" (since {last[0].commit[:12]})" if last else ""
    return runs + by


def _emergency_person(place: Registry, forge: Forge, pull: PullRequest, policy: Policy, paths: Sequence[str]) -> str:
    """Who merges in an emergency, as the policy names them. Refused where it does not."""
    for path in paths:
        stage = path.removeprefix(STAGES).partition("/")[0]
        if not path.startswith(STAGES):
            raise Refused(f"pull request {pull.number} changes {path}: an emergency is of stages alone",
                          "propose the stage's file by itself")  # fmt: skip
        rules = policy.stages.get(stage)
        named = policy.members(rules.emergency) if rules else frozenset()
        by = forge.whoami()
        who = person_behind(policy, forge.name, by)
        if not who or who not in {*named, *(name.casefold() for name in named)}:
            listed = ", ".join(sorted(named)) or "nobody"
            raise Refused(f"{by} may not merge to {stage} in an emergency: {CONFIG_FILE} names {listed}",
                          f"gitreg pr review {pull.number} --approve, by others")  # fmt: skip
        if rules and SIGNED in rules.require and not signs(place.git):
            raise Refused(f"{stage} asks for signatures, and an emergency is not signed without a key",
                          "git config gpg.format ssh; git config user.signingkey KEY")  # fmt: skip
    return who


def _see_that_nothing_blocks(pull: PullRequest, reports: Iterable[Report], without: frozenset[str]) -> None:
    told = [
        f"{report.subject}: {result.check}: {problem.text}"
        for report in reports
        for result in report.results
        if result.state == "failed" and result.check not in without
        for problem in result.problems or ()
        if problem.blocks
    ]
    if told:
        raise Refused("\n".join([f"pull request {pull.number} cannot be merged:", *(f"  {line}" for line in told)]),
                      f"gitreg check --pr {pull.number} tells all of it")  # fmt: skip


def _message(pull: PullRequest, why: str, emergency: str) -> str:
    trailers = {"Gitreg-Format": "1", "Gitreg-Pull": pull.number}
    if emergency:
        trailers["Gitreg-Emergency"] = emergency
    return format_message(Message(f"{pull.title} (pull request {pull.number})", why, trailers))


def _said_before(place: Registry, head: str) -> str:
    """The reason that the proposal itself gave."""
    message = written(parse_commit_object(place.git.content(head, f"the commit {head[:12]}"), head[:12]).message)
    return message.body if message else ""


def _merge_here(
    place: Registry, forge: LocalForge, pull: PullRequest, base: str, staged: Sequence[str], message: str, who: str,
    said: str,
) -> Merged:  # fmt: skip
    git, refs = place.git, list[RefChange]()

    def records(commit: str) -> Sequence[RefChange]:
        refs[:] = _records(place, forge, pull, commit, staged)
        _see_that_none_is_retired(place, commit, staged)
        if _stands_on_main(place):
            git.check_out(commit, base, dry_run=True)
        return refs

    try:
        commit = forge.merge_onto(base, pull, message, records, who, said)
    except Conflict as error:
        if forge.get(pull.number).state == "merged":
            raise Conflict(f"pull request {pull.number} was just merged by somebody else",
                           f"gitreg pr show {pull.number}") from error  # fmt: skip
        raise _MainMoved(error.message, error.hint) from error
    if _stands_on_main(place):
        git.check_out(commit, base)
    place.fetch_main()
    remember_seen(place, {change.ref: change.new for change in refs})
    merged = replace(pull, state="merged", merged_commit=commit)
    return Merged(merged, commit, tuple(change.ref.removeprefix("refs/tags/") for change in refs))


def _stands_on_main(place: Registry) -> bool:
    """Whether main is the branch that is checked out here: in a registry without an origin it is its own."""
    return not place.remote and place.git.work_tree is not None and place.git.symbolic_ref("HEAD") == place.main_ref


def _records(place: Registry, forge: Forge, pull: PullRequest, commit: str, staged: Iterable[str]) -> list[RefChange]:
    """The records of what the merge `commit` does to stages; their objects are written."""
    found = []
    for path in staged:
        _, stage, name = path.split("/")
        change = timeline(place, stage=stage, model=name.removesuffix(".yaml"), tip=commit)[-1]
        approvals = counted(place, change, pull, forge)
        record = record_of(change, pull=pull.number, requested=pull.author, approvals=approvals)
        found.append(write_record(place, record, by=change.change.by, when=change.change.when))
    return found


def _see_that_none_is_retired(place: Registry, commit: str, staged: Iterable[str]) -> None:
    """Refused where a version was retired since it was judged.

    A push cannot ask that a ref be absent which it does not make, so this is asked right before it; a server's hook
    asks once more, and `audit` tells of what slipped through.
    """
    for path in staged:
        (_, kind, text), *_ = place.git.objects([f"{commit}:{path}"])
        if kind != "blob":
            continue
        named = parse_stage_file(text, path)
        ref = retire_ref(named.model, parse_semver(named.version))
        gone = place.git.remote_refs(place.remote, ref).get(ref) if place.remote else place.git.find_ref(ref)
        if gone:
            raise Refused(f"{named.model}@{named.version} was just retired", f"gitreg log {named.model}")


def _merge_there(place: Registry, forge: Forge, pull: PullRequest, message: str) -> Merged:
    commit = forge.merge(pull, message)
    merged = replace(pull, state="merged", merged_commit=commit)
    try:
        place.fetch_main(history=True)
        bring_records(place)
        changes = write_records(place, forge)
        if changes:
            push_patiently(place, changes)
            place.git.change_refs([change for change in changes if not place.git.find_ref(change.ref)])
    except GitregError:  # who may not push tags leaves them to `ci run`
        return Merged(merged, commit)
    return Merged(merged, commit, tuple(change.ref.removeprefix("refs/tags/") for change in changes))


def _complete(place: Registry, forge: Forge, pull: PullRequest, *, dry_run: bool) -> Merged:
    """Tell what main has already: a merge by plain git, or one on a host without atomic pushes that was cut short."""
    base, head = place.main(), pull.head_commit
    line = place.git.text("rev-list", "--first-parent", "--end-of-options", base, f"^{head}").split()
    within = [commit for commit in line if place.git.is_ancestor(head, commit)]
    commit = within[-1] if within else head
    if not isinstance(forge, LocalForge):
        raise Conflict(f"{place.branch} has the head of pull request {pull.number} already", "gitreg ci run")
    records = [] if dry_run else _records_lacking(place, forge, pull, commit)
    if not dry_run:
        forge.note_merge(pull, commit, records)
    names = tuple(change.ref.removeprefix("refs/tags/") for change in records)
    return Merged(replace(pull, state="merged", merged_commit=commit), commit, names)


def _records_lacking(place: Registry, forge: Forge, pull: PullRequest, commit: str) -> list[RefChange]:
    """The records of a merge that main has, as far as nobody wrote them; what cannot be written is left to `ci run`."""
    try:
        changed = changed_blobs(place.git, f"{commit}^1", commit)
        found = _records(place, forge, pull, commit, sorted(path for path in changed if path.startswith(STAGES)))
        names = [change.ref for change in found]
        there = place.git.remote_refs(place.remote, *names) if place.remote and names else {}
    except GitregError:
        return []
    return [change for change in found if change.ref not in there and not place.git.find_ref(change.ref)]
