"""The grid of models and stages."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Damaged
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.merge import merge
from gitreg.registry.promotion.stages import grid
from testing.churn import at_origin
from testing.clock import Clock
from testing.gitcli import git
from testing.registries import log
from testing.team import Member


def test_it_tells_what_runs_since_when_and_what_is_proposed(ana: Member, fixed_clock: Clock) -> None:
    log(9.0, "fraud", registry=ana.path)
    fixed_clock.set("2026-12-01T10:00:00Z")
    merge(gitreg.promote("churn@1", "staging", registry=ana.path).number, registry=ana.path)
    fixed_clock.set("2026-12-02T10:00:00Z")
    merge(gitreg.promote("churn@1", "production", registry=ana.path).number, registry=ana.path)
    pull = gitreg.promote("churn@2", "production", registry=ana.path)
    gitreg.promote("fraud@1", "staging", registry=ana.path)
    found = grid(registry=ana.path)
    assert (found.stages, found.models) == (("production", "staging"), ("churn", "fraud"))
    running = found.cell("churn", "production")
    assert (running.version, running.number, running.since) == ("v1.0.0", 1, "2026-12-02T10:00:00.000Z")
    assert running.pulls == (pull,)
    assert found.cell("churn", "staging").since == "2026-12-01T10:00:00.000Z"
    assert found.cell("fraud", "staging").version == ""
    assert len(found.cell("fraud", "staging").pulls) == 1
    assert found.cell("fraud", "production").pulls == ()


def test_stages_of_the_policy_come_in_its_order_though_nothing_runs_in_them(both: tuple[Member, Member]) -> None:
    found = grid(registry=both[1].path)
    assert (found.stages, found.models, found.cells) == (("staging", "production"), (), ())


def test_a_policy_with_mistakes_hides_nothing_that_runs(ana: Member) -> None:
    merge(gitreg.promote("churn@1", "production", registry=ana.path).number, registry=ana.path)
    (ana.path / "gitreg.yaml").write_text("format: 1\nstages:\n  production: {aprovals: 1}\n")
    git(ana.path, "pull", "-q", "--rebase", "--autostash", "origin", "main")
    git(ana.path, "commit", "-q", "-a", "-m", "a mistake")
    git(ana.path, "push", "-q", "origin", "main")
    with pytest.warns(UserWarning, match="stages of the policy are not known: .*aprovals: unknown"):
        assert grid(registry=ana.path).cell("churn", "production").version == "v1.0.0"
    with pytest.raises(Damaged, match="aprovals: unknown") as told:
        gitreg.promote("churn@2", "production", registry=ana.path)
    assert told.value.hint == "correct gitreg.yaml on main; gitreg check"


def test_a_stage_that_was_emptied_runs_nothing(ana: Member) -> None:
    merge(gitreg.promote("churn@1", "production", registry=ana.path).number, registry=ana.path)
    merge(gitreg.rollback("churn", "production", registry=ana.path).number, registry=ana.path)
    assert grid(registry=ana.path).cells == ()


def test_it_is_answered_offline_from_what_is_here(ana: Member) -> None:
    merge(gitreg.promote("churn@1", "production", registry=ana.path).number, registry=ana.path)
    gitreg.promote("churn@2", "production", registry=ana.path)
    assert ana.place.origin
    ana.place.origin.rename(ana.place.origin.with_suffix(".away"))
    found = grid(registry=open_registry(ana.path, offline=True)).cell("churn", "production")
    assert found.version == "v1.0.0"
    assert [pull.number for pull in found.pulls] == ["2"]


def test_a_shallow_clone_knows_what_runs_and_not_since_when(ana: Member, tmp_path: Path) -> None:
    merge(gitreg.promote("churn@1", "production", registry=ana.path).number, registry=ana.path)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{ana.place.origin}", "shallow")
    with pytest.warns(UserWarning, match="since when is not known"):
        found = grid(registry=tmp_path / "shallow").cell("churn", "production")
    assert (found.version, found.since) == ("v1.0.0", "")


def test_pull_requests_of_other_branches_are_no_promotions(ana: Member) -> None:
    ana.branch("promote/production/nothing/else")
    ana.branch("card")
    for branch in ("promote/production/nothing/else", "card"):
        ana.forge.open(branch, "main", "title", "")
    assert at_origin(ana, "for-each-ref", "refs/gitreg").count("/head") == 2
    assert grid(registry=ana.path).cells == ()
