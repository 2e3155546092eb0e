"""What reached each stage, and who let it: told by main's first-parent history and the record tags, asking nobody else.

History says what changed, when, and who put it on main; the record says who asked and who approved. Where they
disagree, or one is missing, a remark says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gitreg.errors import Damaged, GitregError, NotFound
from gitreg.format.config import NAME
from gitreg.format.names import check_model_name, check_stage_name
from gitreg.format.objects import TagObject, parse_tag_object
from gitreg.format.policy import Policy, StagePolicy, parse_policy
from gitreg.format.record import Approval, Record, parse_record
from gitreg.format.tags import RecordTag, format_tag_name, parse_tag_name
from gitreg.format.times import from_seconds
from gitreg.registry.freshness import ALL, answer_from_here
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.promotion.records import bring_records, record_of
from gitreg.registry.promotion.timeline import StageChange, timeline

Kind = Literal["no-record", "record", "squash", "direct", "merge", "approvals", "emergency", "policy", "stage-file"]

_TAGS = "refs/tags/"
_NUMBERED = re.compile(r"\((?:#|!|pull request )\d+\)$")
_FACTS = {"version": "version", "digest": "digest", "before": "version before", "merge": "merge commit"}


@dataclass(frozen=True)
class Remark:
    """Something about a change that an auditor wants to know; `kind` is for programs."""

    kind: Kind
    text: str

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"kind": self.kind, "text": self.text}


@dataclass(frozen=True)
class Audited:
    """One change of a stage: the `number`-th of its file.

    `before` and `after` are versions ("" nothing), `commit` the commit of main that made it ("" for a record of a
    change that main does not have), `merged_by` its committer, `wanted` how many approvals that moment's policy asked
    for (None where it cannot be read), `record` the name of its tag.
    """

    at: str
    model: str
    stage: str
    number: int
    before: str
    after: str
    commit: str
    merged_by: str
    requested: str = ""
    approvals: tuple[Approval, ...] = ()
    wanted: int | None = 0
    pull: str = ""
    emergency: str = ""
    why: str = ""
    record: str = ""
    remarks: tuple[Remark, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "at": self.at,
            "model": self.model,
            "stage": self.stage,
            "number": self.number,
            "before": self.before or None,
            "after": self.after or None,
            "commit": self.commit or None,
            "merged_by": self.merged_by or None,
            "requested": self.requested or None,
            "approvals": [one.to_dict() for one in self.approvals],
            "wanted": self.wanted,
            "pull": self.pull or None,
            "emergency": self.emergency or None,
            "why": self.why,
            "record": self.record or None,
            "remarks": [one.to_dict() for one in self.remarks],
        }


@dataclass(frozen=True)
class _Tag:
    """A record tag as it is here: the object under that name; None for what is no annotated tag."""

    name: RecordTag
    target: str
    made: TagObject | None


def audit(
    model: str = "",
    stage: str = "",
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> list[Audited]:
    """Every change of the stages (of one stage, of one model), oldest first.

    In a clone nothing is fetched. NotFound where no stage ever ran the model, or the stage never ran anything.
    Refused where the history is cut off; Unreachable where a registry's address does not answer.
    """
    place = open_registry(registry, offline=offline)
    model, stage = model and check_model_name(model), stage and check_stage_name(stage)
    if place.mirror and not place.offline:
        bring_records(place)
    else:
        answer_from_here(place, ALL)
    return audited(place, model, stage)


def audited(place: Registry, model: str = "", stage: str = "") -> list[Audited]:
    """`audit` of what is here."""
    changes = timeline(place, stage=stage, model=model)
    tags = _tags(place, stage, model)
    if not changes and (model or stage):
        of = f"{stage or 'any stage'}{f' for {model}' if model else ''}"
        raise NotFound(f"no change of {of} on main", "gitreg stages")
    found = []
    for change, policy in zip(changes, _policies(place, changes), strict=True):
        tag = tags.pop((change.model, change.stage, change.number), None)
        found.append(_audited(change, tag, policy))
    return [*found, *(_stray(place, tag) for tag in tags.values() if _record(tag)[0])]


def _tags(place: Registry, stage: str, model: str) -> dict[tuple[str, str, int], _Tag]:
    names = {ref.name.removeprefix(_TAGS): ref.oid for ref in place.git.refs(f"{_TAGS}{model or '*'}#*")}
    parsed = [(tag, oid) for name, oid in names.items() if isinstance(tag := parse_tag_name(name), RecordTag)]
    wanted = [(tag, oid) for tag, oid in parsed if stage in ("", tag.stage)]
    found = {}
    for (tag, oid), (_, kind, content) in zip(wanted, place.git.objects(oid for _, oid in wanted), strict=True):
        made = parse_tag_object(content, format_tag_name(tag)) if kind == "tag" else None
        found[tag.model, tag.stage, tag.number] = _Tag(tag, made.target if made else oid, made)
    return found


def _record(tag: _Tag) -> tuple[Record | None, str]:
    """What gitreg wrote in a record tag; None where that is nothing, and why, where it is broken."""
    if tag.made is None:
        return None, ""
    try:
        found = parse_record(tag.made.message, tag.name)
    except GitregError as error:
        return None, error.message
    return (found, "") if found.merge else (None, "")


def _policies(place: Registry, changes: Sequence[StageChange]) -> Iterator[Policy | Damaged]:
    """The policy that main had before each change; why it cannot be read, where that is so."""
    known: dict[str, Policy | Damaged] = {}
    # What has no parent names nothing, and finds nothing.
    asked = [f"{(change.change.parents or ('0' * 40,))[0]}:{NAME}" for change in changes]
    for _, kind, content in place.git.objects(asked):
        text = content.decode("utf-8", "replace") if kind == "blob" else ""
        if text not in known:
            try:
                known[text] = parse_policy(text) if text else Policy()
            except Damaged as error:
                known[text] = error
        yield known[text]


def _audited(change: StageChange, tag: _Tag | None, policy: Policy | Damaged) -> Audited:
    record, broken = _record(tag) if tag else (None, "")
    try:
        true = record_of(change)
    except Damaged:
        true = None
    found = Audited(
        from_seconds(change.change.when), change.model, change.stage, change.number,
        change.before.version if change.before else "", change.after.version if change.after else "",
        change.commit, change.change.by, emergency=true.emergency if true else "", why=true.why if true else "",
        pull=change.message.trailers.get("Gitreg-Pull", "") if change.message else "",
    )  # fmt: skip
    remarks = []
    if change.damage:
        remarks.append(Remark("stage-file", change.damage))
    if record and tag:
        found = replace(found, requested=record.requested, approvals=record.approvals, pull=record.pull,
                        record=format_tag_name(tag.name))  # fmt: skip
        remarks += _disagreement(change, tag, record, true)
    elif broken:
        remarks.append(Remark("record", broken))
    elif tag:
        remarks.append(Remark("no-record", f"no record: the tag {format_tag_name(tag.name)} is not gitreg's"))
    else:
        remarks.append(Remark("no-record", "no record: who approved it is not known here"))
    remarks += _way(change, record)
    if isinstance(policy, Damaged):
        return replace(found, wanted=None, remarks=(*remarks, Remark("policy", policy.message.split("\n")[0])))
    rules = policy.stages.get(change.stage)
    if rules is None and policy.stages:
        remarks.append(Remark("policy", f"the policy knew no stage {change.stage}"))
    rules = rules or StagePolicy(change.stage)
    remarks += _consent(found, policy, rules)
    return replace(found, wanted=rules.approvals, remarks=tuple(remarks))


def _disagreement(change: StageChange, tag: _Tag, record: Record, true: Record | None) -> Iterator[Remark]:
    """Where a record tells something else than main's history."""
    if tag.made is None or true is None:
        return
    if tag.made.name != format_tag_name(tag.name):
        yield Remark("record", f"the record holds the name {tag.made.name!r}: it is another tag under this name")
    if tag.name.emptied != true.tag.emptied:
        said = "was not emptied" if tag.name.emptied else "was emptied"
        yield Remark("record", f"the record is {format_tag_name(tag.name)}, and the stage {said}")
    for name, shown in _FACTS.items():
        told, fact = getattr(record, name), getattr(true, name)
        if told != fact:
            yield Remark("record", f"the record tells the {shown} {told or 'none'}, and main {fact or 'none'}")
    if record.emergency != true.emergency:
        yield Remark("record", f"the record tells an emergency by {record.emergency or 'nobody'}, and the merge by "
                               f"{true.emergency or 'nobody'}")  # fmt: skip
    ran = change.after or change.before
    if ran and tag.target != ran.commit:
        yield Remark("record", f"the record is on {tag.target[:12]}, and the version on {ran.commit[:12]}")
    if (tag.made.tagger, tag.made.when) != (change.change.by, change.change.when):
        yield Remark("record", f"the record is by {tag.made.tagger} of {from_seconds(tag.made.when)}, and not by the "
                               "committer at the time of the merge")  # fmt: skip


def _way(change: StageChange, record: Record | None) -> Iterator[Remark]:
    """How a change came to main, where it was not the merge of a pull request."""
    parents = change.change.parents
    if len(parents) > 1:
        if record and not record.pull:
            yield Remark("direct", "merged without a pull request")
        if change.change.after not in {each.blob for each in change.proposed}:
            yield Remark("merge", "the merge made another file of it than was proposed")
        return
    subject = change.change.message.split("\n")[0]
    if record.pull if record else _NUMBERED.search(subject):
        yield Remark("squash", "no merge commit: squashed or rebased")
    else:
        yield Remark("direct", "pushed directly: no merge commit" + ("" if record else ", no pull request known"))


def _consent(found: Audited, policy: Policy, rules: StagePolicy) -> Iterator[Remark]:
    """Whether as many agreed as the policy asked, or somebody who might went ahead without."""
    lacking = len(found.approvals) < rules.approvals
    if lacking and found.record:
        yield Remark("approvals", f"{len(found.approvals)} of {rules.approvals} approvals")
    if "signed" in rules.require and any(not one.signed for one in found.approvals):
        yield Remark("approvals", "approvals that are not signed, which the policy asked for")
    if found.emergency:
        yield Remark("emergency", f"merged in an emergency by {found.emergency}")
        may = {name.casefold() for name in policy.members(rules.emergency)}
        if found.emergency.casefold() not in may:
            yield Remark("policy", f"the policy did not let {found.emergency} merge in an emergency")


def _stray(place: Registry, tag: _Tag) -> Audited:
    """A record of a change that main does not have."""
    record = _record(tag)[0]
    assert record is not None and tag.made is not None
    name = tag.name
    there = len(timeline(place, stage=name.stage, model=name.model))
    said = f"main changed stages/{name.stage}/{name.model}.yaml {there} time{'s' * (there != 1)} only"
    return Audited(
        from_seconds(tag.made.when), name.model, name.stage, name.number, record.before, record.version, "", "",
        record.requested, record.approvals, None, record.pull, record.emergency, record.why, format_tag_name(name),
        (Remark("record", f"a record of no change: {said}"),),
    )  # fmt: skip


def columns(found: Sequence[Audited]) -> list[list[str]]:
    """A table for programs that open CSV: heads, then a row a change; no cell is taken for a formula."""
    heads = ["when", "stage", "model", "before", "after", "requested by", "approved by", "merged by", "pull request",
             "emergency", "why", "remarks", "approvals wanted", "commit", "record"]  # fmt: skip
    rows = [
        [each.at, each.stage, each.model, each.before, each.after, each.requested,
         shown_approvals(each.approvals, keys=True), each.merged_by, each.pull, each.emergency, each.why,
         "; ".join(one.text for one in each.remarks), "" if each.wanted is None else str(each.wanted), each.commit,
         each.record]
        for each in found
    ]  # fmt: skip
    return [heads, *([_plain(cell) for cell in row] for row in rows)]


def shown_approvals(approvals: Sequence[Approval], *, keys: bool = False) -> str:
    """ "ana (signed), ben"; with `keys` those that signed."""
    return ", ".join(
        one.who + (f" (signed {one.signed})" if keys else " (signed)") * bool(one.signed) for one in approvals
    )


def _plain(cell: str) -> str:
    """A cell that a spreadsheet shows and does not compute."""
    return f"'{cell}" if cell.lstrip(" ")[:1] in set("=+-@\t\r") and cell else cell
