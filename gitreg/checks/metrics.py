"""Metric gates: what a stage asks of each metric, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gitreg.checks._base import Problem, Proposal
from gitreg.checks._words import problem_at
from gitreg.format.policy import Gate

ABOUT = "every metric is what the stage's policy asks for"


@dataclass(frozen=True)
class Measured:
    """A gate and what is at it: the value of the version, of what the stage runs, and what is wrong ("" nothing)."""

    gate: Gate
    value: float | None
    current: float | None
    wrong: str = ""
    remark: str = ""

    @property
    def delta(self) -> float | None:
        """How much larger the value is than that of what the stage runs; None where that is no number."""
        if self.value is None or self.current is None:
            return None
        found = self.value - self.current
        return found if math.isfinite(found) else None

    def __str__(self) -> str:
        value = "is missing" if self.value is None else f"{self.value:g}"
        return f"{self.gate.metric} {value} ({threshold(self.gate)}{_against(self)})"


def applies(proposal: Proposal) -> bool:
    """Where there is a version, and a gate."""
    return proposal.candidate is not None and bool(proposal.rules.gates)


def problems(proposal: Proposal) -> Iterator[Problem]:
    """Each gate that is not passed."""
    for found in measured(proposal):
        hint = f"train a better one, or see gitreg.yaml, stages: {proposal.stage}: metrics: {found.gate.metric}"
        if found.value is None:
            hint = _how_to_measure(proposal, found.gate.metric)
        key = ("metrics", found.gate.metric)
        if found.wrong:
            yield problem_at(proposal, f"{found}: {found.wrong}", *key, hint=hint)
        elif found.remark:
            yield problem_at(proposal, f"{found}: {found.remark}", *key, blocks=False)


def found(proposal: Proposal) -> str:
    """Every gate with its value."""
    return "; ".join(map(str, measured(proposal)))


def measured(proposal: Proposal) -> tuple[Measured, ...]:
    """Every gate of the stage, with what is at it."""
    values = proposal.candidate.measured if proposal.candidate else {}
    before = proposal.current.measured if proposal.current else {}
    # What is rolled back to may be worse in the numbers than what failed in practice.
    follows = proposal.current is not None and not proposal.returns
    return tuple(
        _judged(gate, values.get(gate.metric), before.get(gate.metric), follows=follows)
        for gate in proposal.rules.gates
    )


def threshold(gate: Gate) -> str:
    """`at least 0.9, at most 0.005 worse than now`."""
    parts = []
    if gate.least is not None:
        parts.append(f"at least {gate.least:g}")
    if gate.most is not None:
        parts.append(f"at most {gate.most:g}")
    if gate.slack is not None:
        parts.append(f"at most {gate.slack:g} worse than now" if gate.slack else "not worse than now")
    return ", ".join(parts)


def _judged(gate: Gate, value: float | None, current: float | None, *, follows: bool) -> Measured:
    wrong, remark = "", ""
    if value is None:
        wrong = "it was not measured"
    elif not math.isfinite(value):
        wrong = "that is no number to judge"
    elif gate.least is not None and value < gate.least:
        wrong = f"{gate.least - value:g} too low"
    elif gate.most is not None and value > gate.most:
        wrong = f"{value - gate.most:g} too high"
    elif gate.slack is not None and follows:
        if current is None or not math.isfinite(current):
            remark = "what the stage runs has no such number to compare it with"
        else:
            worse = current - value if gate.better == "higher" else value - current
            # 0.92 - 0.915 is a little more than 0.005 to a computer.
            if worse > gate.slack and not math.isclose(worse, gate.slack, rel_tol=1e-9):
                wrong = f"{worse:g} worse than what the stage runs"
    return Measured(gate, value, current, wrong, remark)


def _against(found: Measured) -> str:
    if found.current is None:
        return ""
    delta = f", {found.delta:+g}" if found.delta is not None else ""
    return f"; now {found.current:g}{delta}"


def _how_to_measure(proposal: Proposal, metric: str) -> str:
    assert proposal.candidate
    if proposal.rules.evaluate:
        return f"gitreg check --pr NUMBER runs {proposal.rules.evaluate!r}, which has to print {metric}"
    return f"log it in the run, or gitreg note {proposal.candidate.version} --metric {metric}=VALUE"
