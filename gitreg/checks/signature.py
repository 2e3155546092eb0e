"""The signature, against what the stage runs: what callers of predict will notice, and how large that is."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.checks._base import Contents, Problem, Proposal
from gitreg.checks._words import problem_at
from gitreg.format.compatibility import Change, Promise, compare, needed
from gitreg.format.mlmodel import NAME, parse_mlmodel

ABOUT = "what callers of predict will notice, against what the stage runs"


def applies(proposal: Proposal) -> bool:
    """Where a version follows another one."""
    return proposal.candidate is not None and proposal.current is not None


def problems(proposal: Proposal) -> Iterator[Problem]:
    """Each change that some caller will fail on."""
    assert proposal.candidate and proposal.current
    for change in changes(proposal):
        if change.bump == "major":
            hint = f"callers of {proposal.current.version} have to change first: gitreg diff {proposal.current.version}"
            hint += f" {proposal.candidate.version}"
            key = ("signature", change.part) if change.part in {"inputs", "outputs", "params"} else ("signature",)
            yield problem_at(proposal, shown(change), *key, hint=hint, blocks=False)


def found(proposal: Proposal) -> str:
    """All changes, and the part of the version that they call for."""
    assert proposal.current
    all_changes = changes(proposal)
    if not all_changes:
        return f"as {proposal.current.version} has it"
    return f"{needed(all_changes)}: " + "; ".join(shown(change) for change in all_changes)


def changes(proposal: Proposal) -> tuple[Change, ...]:
    """What differs for callers, between what the stage runs and what it shall run."""
    if proposal.candidate is None or proposal.current is None:
        return ()
    return compare(_promise(proposal.current), _promise(proposal.candidate))


def shown(change: Change) -> str:
    """`inputs: age was added (major): callers that do not send it are refused`."""
    name = f" {change.name}" if change.name else ""
    return f"{change.part}:{name} {change.what} ({change.bump}): {change.effect}"


def _promise(contents: Contents) -> Promise:
    model = parse_mlmodel(contents.texts.get(NAME, b""), f"{NAME} of {contents.version}")
    return Promise(model.signature, model.flavor_names)
