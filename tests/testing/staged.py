"""A registry with a policy and two versions of churn, each run by a stage: what promotions are tried on."""

from __future__ import annotations

from pathlib import Path

import gitreg
from gitreg.checks import run
from gitreg.checks._base import Proposal, Report
from testing.models import log_run, write_model
from testing.promoted import History
from testing.registries import Place, cloned

POLICY = """\
format: 1
people:
  ana: {emails: [ana@example.org]}
  ben: {emails: [ben@example.org]}
  cara: {emails: [cara@example.org]}
stages:
  staging: {}
  production:
    after: staging
    approvals: 1
    metrics:
      accuracy: {min: 0.9, not_worse_than_current: 0.005}
"""


def begun(place: Place, folder: Path) -> History:
    """churn v1.0.0, which production runs, and v1.0.1, which staging runs."""
    gitreg.use(place.path)
    for number, accuracy in enumerate((0.93, 0.94)):
        model = write_model(folder / f"model-{number}", weights=b"%d" % number)
        log_run(place.path, f"run-{number}", model, metrics={"accuracy": accuracy}, register_as="churn")
    found = History(place)
    found.push("churn@v1.0.0", "production")
    found.push("churn@v1.0.1", "staging")
    return found


def team(folder: Path, policy: str = POLICY) -> History:
    """Such a registry, a clone of an origin, with this policy."""
    return begun(cloned(folder / "registry", settings=policy), folder)


def blocking(found: Proposal | Report, check: str = "") -> list[str]:
    """What keeps it from being merged, by one check or by any."""
    report = run(found) if isinstance(found, Proposal) else found
    return [
        problem.text
        for result in report.results
        for problem in result.problems
        if problem.blocks and check in ("", result.check)
    ]


def states(report: Report) -> dict[str, str]:
    """Check -> how it ended."""
    return {result.check: result.state for result in report.results}
