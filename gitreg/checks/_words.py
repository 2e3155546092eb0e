"""How proposals are called, and on which line of a stage file a fact stands."""

from __future__ import annotations

from gitreg.checks._base import Problem, Proposal
from gitreg.errors import GitregError
from gitreg.format.stage_file import StageFile, parse_stage_file
from gitreg.format.yamltext import load_yaml_with_lines


def subject_of(proposal: Proposal) -> str:
    """`churn v1.3.0 to production`, `churn@v1.3.0` where no stage is meant, else what the proposal is about."""
    if not proposal.stage:
        return str(proposal.candidate.version) if proposal.candidate else proposal.path
    if not proposal.new:
        return f"{proposal.model} out of {proposal.stage}"
    proposed = stage_file_proposed(proposal)
    version = proposed.version if proposed else proposal.candidate.version.version if proposal.candidate else "?"
    return f"{proposal.model} {version} to {proposal.stage}"


def stage_file_proposed(proposal: Proposal) -> StageFile | None:
    """The stage file that is proposed, None where there is none that can be read."""
    try:
        return parse_stage_file(proposal.new, proposal.path) if proposal.new else None
    except GitregError:
        return None


def line_of(content: bytes, *key: str | int) -> int:
    """The line on which the value of a key stands, or the nearest above it that is there; 0 where none is."""
    try:
        _, lines = load_yaml_with_lines(content, "it")
    except GitregError:
        return 0
    return next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), 0)


def problem_at(proposal: Proposal, text: str, *key: str | int, hint: str = "", blocks: bool = True) -> Problem:
    """A problem with the fact of the stage file that `key` leads to."""
    line = line_of(proposal.new, *key) if key and proposal.new else 0
    return Problem(text, hint, proposal.path, line, blocks)


def promote_again(proposal: Proposal) -> str:
    """The command that writes the stage file anew."""
    if proposal.candidate is None:
        return f"gitreg promote {proposal.model}@VERSION {proposal.stage}"
    return f"gitreg promote {proposal.candidate.version} {proposal.stage}"
