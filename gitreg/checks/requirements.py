"""Requirements: lines that pip's own parser takes, each pinned to one version."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.checks._base import Problem, Proposal
from gitreg.checks._words import problem_at
from gitreg.errors import GitregError
from gitreg.format.environment import CONDA, REQUIREMENTS, check_requirement, model_requirements
from gitreg.format.mlmodel import NAME, parse_mlmodel

ABOUT = "every requirement is a plain specifier, pinned with =="

_HINT = "log the model again with pip_requirements=[...]"


def applies(proposal: Proposal) -> bool:
    """Where there is a version."""
    return proposal.candidate is not None


def problems(proposal: Proposal) -> Iterator[Problem]:
    """Lines that are no requirement, then those that are not pinned."""
    assert proposal.candidate
    try:
        lines = _lines(proposal)
    except GitregError as error:
        yield from _each(proposal, error)
        return
    if not any(name in proposal.candidate.texts for name in (REQUIREMENTS, CONDA)) and not _tells_of_r(proposal):
        text = f"{proposal.candidate.version} has neither {REQUIREMENTS} nor {CONDA}: nobody can tell what it needs"
        yield problem_at(proposal, text, "requirements", hint=_HINT, blocks=False)
    for at, line in enumerate(lines):
        if not _pinned(line):
            text = f"{line} is not pinned: another release may be installed tomorrow"
            yield problem_at(proposal, text, "requirements", at, hint=_HINT, blocks=False)


def _tells_of_r(proposal: Proposal) -> bool:
    """Whether it is a crate of R's, whose packages stand in MLmodel."""
    assert proposal.candidate
    try:
        return "crate" in parse_mlmodel(proposal.candidate.texts.get(NAME, b"")).flavors
    except GitregError:  # told of by the rule about MLmodel
        return False


def found(proposal: Proposal) -> str:
    """How many."""
    lines = _lines(proposal)
    return f"{len(lines)} requirement{'s' * (len(lines) != 1)}"


def _lines(proposal: Proposal) -> tuple[str, ...]:
    assert proposal.candidate
    texts = proposal.candidate.texts
    text = texts.get(REQUIREMENTS)
    return model_requirements(None if text is None else text.decode("utf-8", "replace"), texts.get(CONDA)).lines


def _each(proposal: Proposal, first: GitregError) -> Iterator[Problem]:
    """Every line of requirements.txt that is none; what is wrong with conda.yaml is told as one."""
    assert proposal.candidate
    text = proposal.candidate.texts.get(REQUIREMENTS)
    if text is None:
        yield problem_at(proposal, first.message, "requirements", hint=first.hint or _HINT)
        return
    for number, line in enumerate(text.decode("utf-8", "replace").split("\n"), 1):
        try:
            model_requirements(line, None)
        except GitregError as error:
            said = error.message.replace(f"{REQUIREMENTS}, line 1", f"{REQUIREMENTS}, line {number}")
            yield problem_at(proposal, said, "requirements", hint=error.hint or _HINT)


def _pinned(line: str) -> bool:
    from packaging.requirements import Requirement

    found = list(Requirement(check_requirement(line, "requirement")).specifier)
    return len(found) == 1 and found[0].operator in {"==", "==="} and not found[0].version.endswith(".*")
