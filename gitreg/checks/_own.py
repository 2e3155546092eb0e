"""The team's own commands among the checks: what they said becomes results."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gitreg.checks._base import Problem, Proposal, Result

EVALUATE = "evaluate"
_LONGEST = 2000  # characters of what a command printed


def own_results(proposal: Proposal, taken: Collection[str]) -> Iterator[Result]:
    """One result for each command of the stage's policy; `taken` are names that no command may have."""
    if proposal.candidate is None:
        return
    rules = proposal.rules
    if rules.evaluate:
        yield _result(proposal, EVALUATE, f"{EVALUATE}: {rules.evaluate}")
    for name, command in rules.checks.items():
        if name in taken or name == EVALUATE:
            hint = f"in gitreg.yaml, give it another name: stages: {proposal.stage}: checks"
            yield Result(name, "failed", command, (Problem(f"{name} is the name of one of gitreg's own checks", hint),))
        else:
            yield _result(proposal, name, command)


def _result(proposal: Proposal, name: str, command: str) -> Result:
    if name not in proposal.said:
        if name in proposal.rules.require and not proposal.quick:
            problem = Problem(f"{name} must have passed, and it was not run", "gitreg check --pr NUMBER runs it")
            return Result(name, "failed", "not run", (problem,))
        return Result(name, "skipped", "not run")
    code, output = proposal.said[name]
    text = output.strip()
    if code == 0:
        return Result(name, "passed", text.rpartition("\n")[2][:200] or command)
    shown = text if len(text) <= _LONGEST else f"...{text[-_LONGEST:]}"
    why = f"`{command}` ended with {code}" + (f": {shown}" if shown else "")
    return Result(name, "failed", command, (Problem(why, "run it by hand on a copy: gitreg pull"),))
