"""What the body of a pull request tells, gathered from the proposal and from what the checks said of it."""

from __future__ import annotations

from collections.abc import Iterable

from gitreg.checks._base import Contents, Proposal, Report
from gitreg.checks.metrics import threshold
from gitreg.errors import GitregError
from gitreg.format.body import BodyFacts, CheckLine, MetricLine, PayloadLine, Side
from gitreg.format.compatibility import Promise, compare, needed
from gitreg.format.differences import compare_lines
from gitreg.format.stage_file import parse_stage_file

NOT_RUN = "not run"


def body_facts(proposal: Proposal, reports: Iterable[Report], requester: str, why: str) -> BodyFacts:
    """What a reviewer has to know; `requester` is the login or `Name <email>` of whoever asks for it."""
    old, new = proposal.current, proposal.candidate
    both = old is not None and new is not None
    changes = compare(_promise(old), _promise(new)) if old and new else ()
    payloads = new.payloads if new else None
    return BodyFacts(
        model=proposal.model,
        stage=proposal.stage,
        old=_side(old),
        new=_side(new),
        requester=requester.partition(" <")[0],
        why=why,
        metrics=_metrics(proposal),
        signature=changes,
        bump=needed(changes) if both else None,
        requirements=compare_lines(_requirements(proposal.old), _requirements(proposal.new)) if both else (),
        payloads=None if payloads is None else tuple(
            PayloadLine(fact.path, fact.size, fact.sha256, f"{fact.state}: {fact.why}" if fact.why else fact.state)
            for fact in payloads
        ),
        checks=tuple(_checks(reports)),
        wanted=proposal.rules.approvals,
        approvers=proposal.rules.approvers,
        undo=undo_command(proposal.model, proposal.stage, old),
    )  # fmt: skip


def undo_command(model: str, stage: str, old: Contents | None) -> str:
    """What brings back what the stage runs now."""
    return f"gitreg rollback {model} {stage}" + (f" --to {old.version}" if old else "")


def _side(contents: Contents | None) -> Side | None:
    if contents is None:
        return None
    version = contents.version
    return Side(version.version, version.number or 0, version.run_id, version.digest, contents.run.source)


def _promise(contents: Contents) -> Promise:
    return Promise(contents.signature, contents.version.flavors)


def _metrics(proposal: Proposal) -> tuple[MetricLine, ...]:
    old = proposal.current.measured if proposal.current else {}
    new = proposal.candidate.measured if proposal.candidate else {}
    asked = {gate.metric: threshold(gate) for gate in proposal.rules.gates} if proposal.candidate else {}
    names = [*sorted(asked), *sorted((old.keys() | new.keys()) - asked.keys())]
    return tuple(MetricLine(name, old.get(name), new.get(name), asked.get(name, "")) for name in names)


def _requirements(text: bytes) -> tuple[str, ...]:
    try:
        return parse_stage_file(text).requirements if text else ()
    except GitregError:  # a check tells
        return ()


def _checks(reports: Iterable[Report]) -> Iterable[CheckLine]:
    for report in reports:
        for result in report.results:
            problems = tuple((problem.text, problem.blocks) for problem in result.problems)
            yield CheckLine(result.check, result.state, result.about, problems)
