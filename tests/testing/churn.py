"""A team's registry with three versions of churn, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import gitreg
from testing.gitcli import git
from testing.registries import Place, log, signature
from testing.team import Member, member, team

RUNS = ((2.0, 0.93), (3.0, 0.95), (4.0, 0.8))
"""Factor and accuracy of v1.0.0, v1.0.1 and v1.0.2."""

POLICY = """\
format: 1
people:
  ana: {emails: [ana@example.org]}
  bo: {emails: [bo@example.org]}
  cy: {emails: [cy@example.org]}
stages:
  staging: {}
  production:
    after: staging
    approvals: 1
    approvers: [ana, bo, cy]
    emergency: [bo]
    metrics:
      accuracy: {min: 0.9, not_worse_than_current: 0.01}
"""


def make(folder: Path) -> Path:
    """The registry that the others are copies of."""
    ana, _ = team(folder)
    for factor, accuracy in RUNS:
        with gitreg.start_run(f"times-{factor}", registry=ana.path):
            gitreg.log_metric("accuracy", accuracy)
            log(factor, "churn", found=signature(x="double"))
    return folder


def copied(made: Path, folder: Path, settings: str = "") -> tuple[Member, Member]:
    """Ana and Bo, with a clone each of a copy in `folder`; main has other `settings`, if they are given."""
    for name in ("ana", "bo", "ana-origin.git"):
        shutil.copytree(made / name, folder / name)
        if name != "ana-origin.git":
            git(folder / name, "remote", "set-url", "origin", folder / "ana-origin.git")
            git(folder / name, "config", "gitreg.payloads", folder / "ana-origin.git/payloads")
            git(folder / name, "update-index", "-q", "--refresh")
    origin = folder / "ana-origin.git"
    ana, bo = (Place(folder / name, origin, origin / "payloads") for name in ("ana", "bo"))
    if settings:
        (ana.path / "gitreg.yaml").write_text(settings)
        git(ana.path, "commit", "-q", "-a", "-m", "a policy")
        git(ana.path, "push", "-q", "origin", "main")
    return member(ana, "Ana", "ana@example.org"), member(bo, "Bo", "bo@example.org")


def at_origin(who: Member, *command: str) -> str:
    """`git COMMAND` at the origin."""
    assert who.place.origin
    return git(who.place.origin, *command)
