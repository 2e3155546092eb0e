"""The signature against what the stage runs: each change with its effect and its part of the version."""

from __future__ import annotations

from dataclasses import replace

from gitreg.checks import run
from gitreg.checks._base import Proposal, Result
from gitreg.checks.signature import changes
from gitreg.format.schema import Signature
from testing.models import CHURN, WIDER
from testing.plumbed import ModelFiles
from testing.proposals import contents, proposal
from testing.signatures import columns


def of(old: Signature | None, new: Signature | None) -> Proposal:
    """A promotion from one signature to the other."""
    return proposal(contents(files=ModelFiles(new)), current=contents("v1.2.0", ModelFiles(old)))


def result(found: Proposal) -> Result:
    (one,) = run(found, only=["signature"]).results
    return one


def test_the_same_signature_passes() -> None:
    assert result(of(CHURN, CHURN)).about == "as churn@v1.2.0 has it"


def test_a_change_that_callers_may_ignore_is_told_and_is_no_problem() -> None:
    found = result(of(CHURN, WIDER))
    assert (found.state, found.problems) == ("passed", ())
    assert found.about == "minor: inputs: region was added as optional (minor): callers may send it"


def test_a_change_that_callers_fail_on_is_a_problem_on_its_line() -> None:
    stricter = Signature(columns(plan="string", tenure="long?", age="long"), CHURN.outputs, None)
    proposed = of(CHURN, stricter)
    found = result(proposed)
    assert found.state == "warned"
    assert [problem.text for problem in found.problems] == [
        "inputs: age was added (major): callers that do not send it are refused"
    ]
    assert found.problems[0].hint.endswith("gitreg diff churn@v1.2.0 churn@v1.3.0")
    line = found.problems[0].line
    assert proposed.new.decode().splitlines()[line - 1].strip().startswith("inputs")


def test_a_signature_that_is_lost_is_a_problem() -> None:
    assert "was dropped (major)" in result(of(CHURN, None)).problems[0].text


def test_nothing_is_compared_where_the_stage_runs_nothing() -> None:
    alone = replace(proposal(), current=None)
    assert (result(alone).state, changes(alone)) == ("skipped", ())
