"""The text of a promotion's pull request: what its reviewer has to know, in Markdown that every forge shows.

A function of its facts alone: the same facts are the same text, so that it can be written again in place. What is
too long for a forge is cut part by part, the least important first, and the text says so.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gitreg.format.differences import MetricChange
from gitreg.format.environment import RequirementChange
from gitreg.format.jsontext import format_file, number_to_json
from gitreg.format.markdown import code, fenced, head, prose, quoted, row
from gitreg.format.runs import Source
from gitreg.format.schema_changes import Change
from gitreg.format.semver import Bump

_REMOTE = re.compile(r"https://(github\.com|gitlab\.com|codeberg\.org|gitea\.com)/([A-Za-z0-9._/-]+?)(?:\.git)?/?")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_FOLDED = re.compile(r"\s*<details><summary>As JSON</summary>\s+(`{3,})json\r?\n.*\n\1\s+</details>\s*\Z", re.DOTALL)
_STATES = {"passed": "passed", "failed": "**failed**", "warned": "remark"}


@dataclass(frozen=True)
class Side:
    """One of the two versions: its name (`v1.3.0`), number, run, digest, and the code it was made with."""

    version: str
    number: int
    run: str
    digest: str
    source: Source = field(default_factory=Source)


@dataclass(frozen=True)
class MetricLine:
    """A metric of the two versions; None where it was not measured. `asked` is what the policy asks of it, in words."""

    name: str
    old: float | None
    new: float | None
    asked: str = ""


@dataclass(frozen=True)
class PayloadLine:
    """A payload: its path in the model, size in bytes, sha256; and whether its store has it, in a word."""

    path: str
    size: int
    sha256: str
    state: str


@dataclass(frozen=True)
class CheckLine:
    """What one check said; `problems` are pairs of a text and whether it blocks."""

    name: str
    state: Literal["passed", "failed", "warned", "skipped"]
    about: str = ""
    problems: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True)
class BodyFacts:
    """All that a body tells. `old` is None where the stage runs nothing, `new` where it is emptied.

    `signature` are the changes for callers of predict from old to new, and `bump` the part of a semver that they
    make, None where nothing was compared. `payloads` is None where nobody looked. `wanted` approvals are asked for,
    of `approvers` (people, and groups with an @). `undo` is the command that takes it back.
    """

    model: str
    stage: str
    old: Side | None
    new: Side | None
    requester: str
    why: str = ""
    metrics: tuple[MetricLine, ...] = ()
    signature: tuple[Change, ...] = ()
    bump: Bump | None = None
    requirements: tuple[RequirementChange, ...] = ()
    payloads: tuple[PayloadLine, ...] | None = None
    checks: tuple[CheckLine, ...] = ()
    wanted: int = 0
    approvers: tuple[str, ...] = ()
    undo: str = ""

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "model": self.model,
            "stage": self.stage,
            "old": _side_json(self.old),
            "new": _side_json(self.new),
            "metrics": [
                {"name": m.name, "old": _json(m.old), "new": _json(m.new), "asked": m.asked or None}
                for m in self.metrics
            ],
            "signature": [
                {"part": c.part, "name": c.name, "what": c.what, "bump": c.bump, "effect": c.effect}
                for c in self.signature
            ],
            "bump": self.bump,
            "requirements": [{"name": c.name, "what": c.what, "old": c.old, "new": c.new} for c in self.requirements],
            "payloads": None if self.payloads is None else [vars(payload) for payload in self.payloads],
            "checks": [{"check": c.name, "state": c.state} for c in self.checks],
        }


def _side_json(side: Side | None) -> dict[str, object] | None:
    return None if side is None else {**vars(side), "source": side.source.to_dict()}


def _json(value: float | None) -> float | str | None:
    return None if value is None else number_to_json(value)


@dataclass(frozen=True)
class _Part:
    """A part of the text: its heading, rows of a table (or lines) that may be cut, and what stands before them."""

    title: str
    before: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    what: str = "line"
    cut_at: int = 0
    """Which is cut first: the highest."""

    def text(self, kept: int | None = None) -> str:
        lines = [f"### {self.title}", ""] if self.title else []
        left = len(self.rows) - kept if kept is not None else 0
        shown = self.rows[: len(self.rows) - left]
        lines += [*self.before, *shown] if shown or not left else [line for line in self.before if line[:1] not in "|"]
        if left:
            what = f"{left} {'more ' if shown else ''}{self.what}{'s' * (left != 1)}"
            lines += ["", f"*{what} left out: the text would be too long.*"]
        return re.sub("\n{3,}", "\n\n", "\n".join(lines)) if left else "\n".join(lines)


def format_body(facts: BodyFacts, limit: int) -> str:
    """The body of a pull request, of at most `limit` characters."""
    parts = [part for make in _PARTS if (part := make(facts)) is not None]
    kept: dict[int, int] = {}

    def whole() -> str:
        return "\n\n".join(part.text(kept.get(at)) for at, part in enumerate(parts)) + "\n"

    text = whole()
    for at in sorted(range(len(parts)), key=lambda at: -parts[at].cut_at):
        if len(text) <= limit:
            return text
        if parts[at].rows:
            kept[at] = _that_fit(parts[at], len(text) - limit)
            text = whole()
    return text if len(text) <= limit else _first_lines(text, limit)


def _that_fit(part: _Part, over: int) -> int:
    """How many of the part's rows stay, so that it becomes shorter by `over` characters if it can."""
    aim = len(part.text()) - over
    return max(0, bisect_right(range(len(part.rows)), aim, key=lambda kept: len(part.text(kept))) - 1)


def _first_lines(text: str, limit: int) -> str:
    cut = text.rfind("\n", 0, limit)
    return text[: cut + 1] if cut >= 0 else text[:limit]


def without_json(body: str) -> str:
    """A body as people read it where nothing folds: without its JSON. Other text stays as it is."""
    return _FOLDED.sub("\n", body)


def _verdict(facts: BodyFacts) -> _Part:
    failed = [check.name for check in facts.checks if check.state == "failed"]
    remarks = sum(check.state == "warned" for check in facts.checks)
    approved = any(check.name == "approvals" and check.state == "passed" for check in facts.checks)
    if failed and failed != ["approvals"]:
        said = f"**Blocked** by {', '.join(code(name) for name in failed)}"
    elif failed or (facts.wanted and not approved):
        said = "**Waiting for review**" + (f": it needs {_approvals(facts)}" if facts.wanted else "")
    else:
        said = "**Ready to merge**"
    if remarks:
        said += f", with {remarks} remark{'s' * (remarks != 1)}"
    lines = [said + ".", "", _sentence(facts)]
    if facts.why.strip():
        lines += ["", *quoted(facts.why)]
    return _Part("", tuple(lines))


def _approvals(facts: BodyFacts) -> str:
    among = f" of {', '.join(code(name) for name in facts.approvers)}" if facts.approvers else ""
    return f"{facts.wanted} approval{'s' * (facts.wanted != 1)}{among}"


def _sentence(facts: BodyFacts) -> str:
    model, stage = code(facts.model), code(facts.stage)
    asked = f", asked for by {prose(facts.requester)}" if facts.requester else ""
    if facts.new is None:
        return f"{stage} stops running {model}{f' {code(facts.old.version)}' if facts.old else ''}{asked}."
    if facts.old is None:
        return f"{stage} begins to run {model} {code(facts.new.version)}{asked}."
    return f"{stage} shall run {model} {code(facts.new.version)} instead of {code(facts.old.version)}{asked}."


def _versions(facts: BodyFacts) -> _Part:
    return _Part("Version", _two_sides(facts, _FACTS))


def _code(facts: BodyFacts) -> _Part | None:
    before, after = (side.source if side else Source() for side in (facts.old, facts.new))
    if not (before.commit or after.commit):
        return None
    link, remote = compare_link(before, after), after.remote or before.remote
    said = f"[What changed between the two]({link})" if link else f"It is at {code(remote)}." if remote else ""
    return _Part("Code", (*_two_sides(facts, _SOURCE), *(("", said) if said else ())))


def _two_sides(facts: BodyFacts, told: Mapping[str, Callable[[Side], str]]) -> tuple[str, ...]:
    sides = (facts.old, facts.new)
    rows = (row((name, *("none" if side is None else show(side) for side in sides))) for name, show in told.items())
    return (*head(("", "now", "proposed")), *rows)


_FACTS: Mapping[str, Callable[[Side], str]] = {
    "version": lambda side: f"{code(side.version)} (number {side.number})",
    "run": lambda side: code(side.run),
    "digest": lambda side: code(side.digest),
}
_SOURCE: Mapping[str, Callable[[Side], str]] = {
    "commit": lambda side: code(side.source.commit[:12]) or "not known",
    "changes that no commit has": lambda side: "yes" if side.source.dirty else "no" if side.source.commit else "",
    "started": lambda side: code(side.source.entry),
}


def compare_link(old: Source, new: Source) -> str:
    """Where a forge shows what lies between two commits of the code, or ""."""
    found = _REMOTE.fullmatch(new.remote)
    commits = _COMMIT.fullmatch(old.commit) and _COMMIT.fullmatch(new.commit) and old.commit != new.commit
    if found is None or not commits or old.remote != new.remote or ".." in found[2] or "//" in found[2]:
        return ""
    way = "/-/compare/" if found[1] == "gitlab.com" else "/compare/"
    return f"https://{found[1]}/{found[2]}{way}{old.commit}...{new.commit}"


def _metrics(facts: BodyFacts) -> _Part | None:
    if not facts.metrics:
        return None
    rows = tuple(row((code(m.name), _number(m.old), _number(m.new), _delta(m), prose(m.asked))) for m in facts.metrics)
    names = ("metric", "now", "proposed", "change", "asked for")
    return _Part("Metrics", tuple(head(names)), rows, "metric", cut_at=2)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if math.isfinite(value) else str(number_to_json(value))


def _delta(line: MetricLine) -> str:
    delta = MetricChange(line.name, line.old, line.new).delta
    return "" if delta is None else f"{delta:+.6g}"


def _signature(facts: BodyFacts) -> _Part | None:
    if facts.bump is None:
        return None
    if not facts.signature:
        return _Part("For callers", ("Nothing changes for who calls it.",))
    names = ("part", "what", "effect", "semver")
    rows = tuple(
        row((c.part, f"{code(c.name)} {prose(c.what)}".strip(), prose(c.effect), c.bump)) for c in facts.signature
    )
    before = (f"Taken together, for who calls it this is **{facts.bump}**.", "", *head(names))
    return _Part("For callers", before, rows, "change", cut_at=3)


def _requirements(facts: BodyFacts) -> _Part | None:
    if not facts.requirements:
        return None
    rows = tuple(row((c.what, code(c.name), code(c.old or ""), code(c.new or ""))) for c in facts.requirements)
    return _Part("Requirements", tuple(head(("", "package", "now", "proposed"))), rows, "package", cut_at=4)


def _payloads(facts: BodyFacts) -> _Part | None:
    if not facts.payloads:
        return None
    rows = tuple(row((code(p.path), _size(p.size), code(p.sha256), prose(p.state))) for p in facts.payloads)
    return _Part("Payloads", tuple(head(("file", "size", "sha256", "on the remote"))), rows, "payload", cut_at=5)


def _size(size: int) -> str:
    return next((f"{size / scale:.1f} {unit}" for unit, scale in _UNITS if size >= scale), f"{size} B")


def _checks(facts: BodyFacts) -> _Part | None:
    said = [check for check in facts.checks if check.state != "skipped"]
    left = ", ".join(code(check.name) for check in facts.checks if check.state == "skipped")
    before = (f"Not looked at: {left}.", "") if left else ()
    if not said:
        return _Part("Checks", before[:1]) if left else None
    rows = tuple(row((code(c.name), _STATES[c.state], _said(c))) for c in said)
    return _Part("Checks", (*before, *head(("check", "", "what it says"))), rows, "check", cut_at=1)


def _said(check: CheckLine) -> str:
    mixed = check.state == "failed"
    texts = [prose(text) + (" (a remark)" if mixed and not blocks else "") for text, blocks in check.problems]
    return "<br>".join(texts) if texts else prose(check.about)


def _undo(facts: BodyFacts) -> _Part | None:
    return _Part("To take it back", (fenced(facts.undo, "sh"),)) if facts.undo else None


def _facts(facts: BodyFacts) -> _Part:
    lines = fenced(format_file(facts.to_dict()), "json")
    block = f"<details><summary>As JSON</summary>\n\n{lines}\n\n</details>"
    return _Part("", (), (block,), "object of JSON", cut_at=6)


_PARTS: Sequence[Callable[[BodyFacts], _Part | None]] = (
    *(_verdict, _versions, _metrics, _signature, _requirements, _payloads, _code, _checks, _undo, _facts),
)
