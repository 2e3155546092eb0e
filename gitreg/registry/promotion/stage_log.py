"""What happened to a stage: promotions, rollbacks, emptyings; who asked, who approved, why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from gitreg.format.record import Approval
from gitreg.format.semver import parse_semver
from gitreg.registry.place import Registry
from gitreg.registry.promotion.audit import Audited, audit

Kind = Literal["promoted", "rolled back", "emptied", "rewritten", "unreadable"]


@dataclass(frozen=True)
class StageEvent:
    """One change of a stage, `at` an RFC 3339 time; `before` and `after` are versions, "" nothing.

    `by` is whoever put it on main; who asked and who approved is known where there is a record of it.
    """

    kind: Kind
    at: str
    model: str
    stage: str
    before: str
    after: str
    by: str
    requested: str
    approvals: tuple[Approval, ...]
    pull: str
    emergency: str
    why: str
    commit: str

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "event": self.kind,
            "at": self.at,
            "model": self.model,
            "stage": self.stage,
            "before": self.before or None,
            "after": self.after or None,
            "by": self.by,
            "requested": self.requested or None,
            "approvals": [one.to_dict() for one in self.approvals],
            "pull": self.pull or None,
            "emergency": self.emergency or None,
            "why": self.why,
            "commit": self.commit,
        }


def stage_log(
    stage: str,
    model: str = "",
    limit: int | None = None,
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> list[StageEvent]:
    """What happened to a stage (and there to `model`), oldest first; with `limit` only the last so many.

    Raises what `audit` raises.
    """
    found = [_event(each) for each in audit(model, stage, registry=registry, offline=offline) if each.commit]
    return found if limit is None else found[max(0, len(found) - limit) :]


def _event(change: Audited) -> StageEvent:
    return StageEvent(
        _kind(change), change.at, change.model, change.stage, change.before, change.after, change.merged_by,
        change.requested, change.approvals, change.pull, change.emergency, change.why, change.commit,
    )  # fmt: skip


def _kind(change: Audited) -> Kind:
    if any(remark.kind == "stage-file" for remark in change.remarks):
        return "unreadable"
    if not change.after:
        return "emptied"
    if not change.before:
        return "promoted"
    before, after = parse_semver(change.before), parse_semver(change.after)
    return "rewritten" if before == after else "rolled back" if after < before else "promoted"
