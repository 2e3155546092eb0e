"""The rules a version, and a promotion of it, are judged by: one rule a module, and the table of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import cast

from gitreg.checks._base import Check, Problem, Proposal, Report, Result, State
from gitreg.checks._own import own_results
from gitreg.checks._words import subject_of
from gitreg.errors import GitregError, NotFound

CHECKS: Mapping[str, str] = {
    "mlmodel": "mlmodel",
    "digest": "digest",
    "payloads": "payloads",
    "large-files": "large_files",
    "signature": "signature",
    "metrics": "metrics",
    "requirements": "requirements",
    "stage-file": "stage_file",
    "order": "order",
    "retired": "retired",
    "approvals": "approvals",
    "policy": "policy",
    "signed": "signed",
}
"""Name -> module of this package, imported when it is run."""

ABOUT_APPROVAL = frozenset({"approvals", "signed"})
"""The checks that wait for people, and that an emergency does without."""


def load(name: str) -> Check:
    """The check of that name. NotFound, with what there is, otherwise."""
    if name not in CHECKS:
        raise NotFound(f"there is no check {name}", f"there is {', '.join(CHECKS)}")
    return cast(Check, import_module(f"gitreg.checks.{CHECKS[name]}"))


def run(proposal: Proposal, only: Collection[str] = ()) -> Report:
    """What all checks (or those named) say of the proposal.

    A problem that does not block does where the stage's policy requires its check; so does a check that is required
    and that nobody knows. NotFound for a name in `only` that is no check.
    """
    for name in only:
        load(name)
    results = [_result(name, proposal) for name in CHECKS if not only or name in only]
    if not only:
        results += own_results(proposal, CHECKS)
        results += _unknown(proposal)
    return Report(subject_of(proposal), tuple(results))


def _result(name: str, proposal: Proposal) -> Result:
    check = load(name)
    if not check.applies(proposal):
        return Result(name, "skipped", check.ABOUT)
    required = name in proposal.rules.require
    found = [replace(problem, blocks=True) if required else problem for problem in _problems(check, proposal)]
    state: State = "failed" if any(problem.blocks for problem in found) else "warned" if found else "passed"
    return Result(name, state, _about(check, proposal), tuple(found))


def _problems(check: Check, proposal: Proposal) -> Iterator[Problem]:
    try:
        yield from check.problems(proposal)
    except GitregError as error:
        yield Problem(error.message, error.hint, proposal.path)


def _about(check: Check, proposal: Proposal) -> str:
    try:
        return check.found(proposal) or check.ABOUT
    except GitregError:  # it is among the problems
        return check.ABOUT


def _unknown(proposal: Proposal) -> Iterator[Result]:
    known = {*CHECKS, *proposal.rules.checks, "evaluate"}
    for name in proposal.rules.require:
        if name not in known:
            hint = (
                f"in gitreg.yaml, stages: {proposal.stage}: require: one of {', '.join(sorted(known - {'evaluate'}))}"
            )
            problem = Problem(f"{proposal.stage} requires {name}, and there is no such check", hint)
            yield Result(name, "failed", "a check that nobody knows", (problem,))
