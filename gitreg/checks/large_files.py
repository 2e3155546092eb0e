"""Large files: what gitreg.yaml calls a payload is not in Git."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.checks._base import Problem, Proposal
from gitreg.checks._words import problem_at
from gitreg.format.config import format_size
from gitreg.format.mlmodel import NAME as MLMODEL
from gitreg.format.names import is_payload_name

ABOUT = "no file of the model that should be a payload is in Git"

_HINT = "log the model again: gitreg makes it a payload"


def applies(proposal: Proposal) -> bool:
    """Where there is a version."""
    return proposal.candidate is not None


def problems(proposal: Proposal) -> Iterator[Problem]:
    """Each file that is too large, or is a payload by its name; then all of them together."""
    assert proposal.candidate
    sizes = {path: size for path, size in proposal.candidate.sizes.items() if path != MLMODEL}
    for path, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        if size > proposal.git_limit:
            text = f"{path} has {size:,} bytes in Git; the limit is {format_size(proposal.git_limit)}"
            yield problem_at(proposal, text, "digest", hint=_HINT, blocks=False)
        elif is_payload_name(path):
            yield problem_at(proposal, f"{path} is a payload by its name, and in Git", hint=_HINT, blocks=False)
    total = sum(sizes.values())
    if total > proposal.model_limit:
        text = f"the model has {total:,} bytes in Git; the limit is {format_size(proposal.model_limit)}"
        yield problem_at(proposal, text, "digest", hint=_HINT, blocks=False)


def found(proposal: Proposal) -> str:
    """How much there is."""
    assert proposal.candidate
    sizes = proposal.candidate.sizes
    return f"{len(sizes)} files in Git, {sum(sizes.values()):,} bytes"
