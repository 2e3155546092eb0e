"""A promotion that is killed wherever it is: nothing half-done counts, and the same command completes it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import gitreg
from testing.churn import at_origin
from testing.gitcli import git, snapshot
from testing.killing import git_that_kills, promote_one, run
from testing.team import Member

STRIDE = 7


@pytest.mark.parametrize("after", [False, True], ids=["before git", "after git"])
def test_a_promotion_killed_at_any_process_of_git_is_completed_by_the_same_command(
    ana: Member, tmp_path: Path, after: bool
) -> None:
    before, main = snapshot(ana.path), at_origin(ana, "rev-parse", "main")
    stages: list[str] = []
    for n in itertools.count(1 + after, STRIDE):
        stages.append(f"s{n}")
        path = git_that_kills(tmp_path / "bin", n, after=after)
        code = run(promote_one, ana.path, f"churn@1 {stages[-1]}", path=path)
        assert code in {0, -9}
        if code == 0:
            break
        assert run(promote_one, ana.path, f"churn@1 {stages[-1]}") == 0
    assert len(stages) > 4
    pulls = ana.forge.pulls()
    assert sorted(pull.head for pull in pulls) == sorted(f"promote/{stage}/churn" for stage in stages)
    assert sorted(int(pull.number) for pull in pulls) == list(range(1, len(stages) + 1))
    for pull in pulls:
        assert at_origin(ana, "rev-list", f"main..{pull.head}") == pull.head_commit
        assert at_origin(ana, "rev-parse", f"{pull.head_commit}^") == main
        assert pull.body.startswith("**Ready to merge**")
        again = gitreg.promote("churn@1", pull.head.split("/")[1], "why", registry=ana.path)
        assert again == pull
    assert snapshot(ana.path) == before
    assert [path for path in (ana.path / ".git").rglob("*.lock")] == []
    git(ana.path, "fsck", "--strict", "--no-dangling")
