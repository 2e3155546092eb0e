"""Metric gates: bounds, comparison with what the stage runs, and what was not measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitreg.checks import run
from gitreg.checks._base import Proposal
from gitreg.checks.metrics import measured, threshold
from gitreg.format.policy import Gate
from testing.proposals import RULES, contents, proposal

NAN, INF = float("nan"), float("inf")


def of(gate: Gate, value: float | None, current: float | None = None, **own: object) -> Proposal:
    """A promotion with one gate, and what was measured of the version and of what the stage runs."""
    values, before = ({} if one is None else {gate.metric: one} for one in (value, current))
    now = contents("v1.2.0", measured=before)
    return proposal(contents(measured=values), current=now, rules=replace(RULES, gates=(gate,)), **own)


def wrong(found: Proposal) -> str:
    (one,) = measured(found)
    return one.wrong


@pytest.mark.parametrize(
    ("gate", "value", "current", "said"),
    [
        (Gate("a", least=0.9), 0.9, None, ""),
        (Gate("a", least=0.9), 0.85, None, "0.05 too low"),
        (Gate("a", most=20), 20, None, ""),
        (Gate("a", most=20), 25.5, None, "5.5 too high"),
        (Gate("a", slack=0.005), 0.915, 0.92, ""),
        (Gate("a", slack=0.005), 0.914, 0.92, "0.006 worse than what the stage runs"),
        (Gate("a", slack=0), 0.92, 0.92, ""),
        (Gate("a", slack=0), 0.95, 0.92, ""),
        (Gate("a", slack=1, better="lower"), 21, 20, ""),
        (Gate("a", slack=1, better="lower"), 22, 20, "2 worse than what the stage runs"),
        (Gate("a", slack=1, better="lower"), 2, 20, ""),
        (Gate("a", least=0.9), None, 0.9, "it was not measured"),
        (Gate("a", least=0.9), NAN, None, "that is no number to judge"),
        (Gate("a", slack=0.1), NAN, 0.9, "that is no number to judge"),
        (Gate("a", least=0.9), INF, None, "that is no number to judge"),
        (Gate("a", most=9), -INF, None, "that is no number to judge"),
    ],
)
def test_a_gate(gate: Gate, value: float | None, current: float | None, said: str) -> None:
    assert wrong(of(gate, value, current)) == said
    assert run(of(gate, value, current), only=["metrics"]).ok is not bool(said)


def test_nothing_to_compare_with_is_a_remark_and_of_a_first_promotion_nothing() -> None:
    gate = Gate("a", slack=0.1)
    for current in (None, NAN):
        (result,) = run(of(gate, 0.9, current), only=["metrics"]).results
        assert (result.state, len(result.problems)) == ("warned", 1)
    (first,) = run(replace(of(gate, 0.9), current=None), only=["metrics"]).results
    assert first.state == "passed"


def test_what_the_stage_ran_before_need_not_be_better_than_what_it_runs() -> None:
    gate = Gate("a", least=0.5, slack=0)
    assert wrong(of(gate, 0.8, 0.9)) and not wrong(of(gate, 0.8, 0.9, returns=True))
    assert wrong(of(gate, 0.4, 0.9, returns=True)) == "0.1 too low"


def test_a_problem_tells_value_threshold_and_delta_on_the_line_of_the_metric() -> None:
    found = of(Gate("accuracy", 0.9, None, 0.005), 0.85, 0.93)
    (result,) = run(found, only=["metrics"]).results
    (problem,) = result.problems
    assert problem.text == ("accuracy 0.85 (at least 0.9, at most 0.005 worse than now; now 0.93, -0.08): 0.05 too low")
    assert found.new.decode().splitlines()[problem.line - 1] == "  accuracy: 0.93"  # what the run had logged


def test_how_a_missing_metric_is_measured() -> None:
    gate = Gate("auc", 0.5)
    (result,) = run(of(gate, None), only=["metrics"]).results
    assert result.problems[0].hint == "log it in the run, or gitreg note churn@v1.3.0 --metric auc=VALUE"
    evaluated = of(gate, None)
    evaluated = replace(evaluated, rules=replace(evaluated.rules, evaluate="python e.py"))
    (result,) = run(evaluated, only=["metrics"]).results
    assert "runs 'python e.py', which has to print auc" in result.problems[0].hint


def test_thresholds_as_people_read_them() -> None:
    assert threshold(Gate("a", 1, 2, 0)) == "at least 1, at most 2, not worse than now"
