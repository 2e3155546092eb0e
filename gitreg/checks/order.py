"""The order of stages: a stage may ask that another one runs the version first. What it ran before it may run again."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.checks._base import Problem, Proposal
from gitreg.checks._words import problem_at

ABOUT = "the stage before runs exactly this version, or this stage ran it before"


def applies(proposal: Proposal) -> bool:
    """Where the stage comes after another one."""
    return proposal.candidate is not None and bool(proposal.rules.after)


def problems(proposal: Proposal) -> Iterator[Problem]:
    """What the stage before runs instead."""
    assert proposal.candidate
    version, before = proposal.candidate.version, proposal.before
    if proposal.returns or _runs_it(proposal):
        return
    runs = f"{before.model}@{before.version}" if before else f"no {version.model}"
    if before is not None and before.version == version.version:
        runs += f" with the digest {before.digest}"
    text = f"{proposal.stage} comes after {proposal.rules.after}, which runs {runs}, not {version}"
    yield problem_at(proposal, text, "version", hint=f"gitreg promote {version} {proposal.rules.after}")


def found(proposal: Proposal) -> str:
    """Which stage runs it, or ran it."""
    if _runs_it(proposal):
        return f"{proposal.rules.after} runs it"
    return f"{proposal.stage} ran it before" if proposal.returns else f"{proposal.rules.after} does not run it"


def _runs_it(proposal: Proposal) -> bool:
    assert proposal.candidate
    version, before = proposal.candidate.version, proposal.before
    return before is not None and (before.version, before.digest) == (version.version, version.digest)
