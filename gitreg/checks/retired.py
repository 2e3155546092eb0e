"""Retired versions run nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.checks._base import Problem, Proposal
from gitreg.checks._words import problem_at

ABOUT = "the version is neither retired nor purged"


def applies(proposal: Proposal) -> bool:
    """Where there is a version."""
    return proposal.candidate is not None


def problems(proposal: Proposal) -> Iterator[Problem]:
    """That it is."""
    assert proposal.candidate
    version = proposal.candidate.version
    if version.tombstone:
        yield problem_at(proposal, f"{version} was purged", "version", hint=f"gitreg ls {version.model}")
    elif version.retired:
        hint = f"gitreg log {version.model} tells why; promote another version"
        yield problem_at(proposal, f"{version} is retired", "version", hint=hint)


def found(proposal: Proposal) -> str:
    """Nothing more to tell."""
    return ""
