"""The verbs of pull requests on stub forges: the same as in bare Git, by the forge's own rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, GitregError, Refused, Unreachable
from gitreg.forges import Forge
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.merge import merge
from gitreg.registry.promotion.promote import promote
from gitreg.registry.promotion.pulls import close_pull, comment_pull, diff_pull, list_pulls, open_pull, show_pull
from testing.forge_shops import DIALECTS, PATH, forge_as
from testing.forge_stub import StubForge, serving_forge
from testing.gitcli import git, snapshot
from testing.registries import SETTINGS, log, lone

POLICY = """\
people:
  ana: {emails: [ana@example.org], github: ana, gitlab: ana, gitea: ana}
  bo: {emails: [bo@example.org], github: bo, gitlab: bo, gitea: bo}
  cy: {emails: [cy@example.org], github: cy, gitlab: cy, gitea: cy}
stages:
  production: {approvals: 1, approvers: [bo, cy], emergency: [bo]}
"""


@dataclass(frozen=True)
class Shop:
    """A registry on a stub forge, and ana's clone of it."""

    stub: StubForge
    path: Path
    origin: Path

    def forge(self, login: str) -> Forge:
        """What somebody sees."""
        return forge_as(self.stub, login)


@pytest.fixture(params=DIALECTS)
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    (tmp_path / "forge").mkdir()
    with serving_forge(DIALECTS[request.param], tmp_path / "forge") as stub:
        for login in ("ana", "bo", "cy"):
            stub.admit(login)
        repo = stub.create(PATH)
        monkeypatch.setenv("GITREG_TOKEN", "tok-ana")
        path = lone(tmp_path / "registry", settings=SETTINGS + POLICY).path
        git(path, "remote", "add", "origin", stub.url())
        git(path, "push", "-q", stub.url(login="ana"), "main")
        git(path, "config", "gitreg.forge", request.param)
        git(path, "config", "gitreg.forgeUrl", f"{stub.address}{stub.dialect.PREFIX}")
        git(path, "fetch", "-q", stub.url(login="ana"), "+refs/heads/*:refs/remotes/origin/*")
        git(path, "remote", "set-head", "origin", "main")
        gitreg.use(path)
        for factor in (2, 3):
            log(factor, "churn")
        yield Shop(stub, path, repo.folder)


def test_a_promotion_is_reviewed_merged_and_recorded(shop: Shop) -> None:
    number = promote("churn@1", "production", "better").number
    assert [pull.number for pull in list_pulls()] == [number]
    assert "+version: v0.1.0" in diff_pull(number)[1]
    comment_pull(number, "please look")
    with pytest.raises(Refused, match="approvals: 1 approval of bo, cy wanted; 1 missing"):
        merge(number)
    cy = shop.forge("cy")
    cy.review(cy.get(number), "approve", "good")
    said = [(each.review.by, each.review.verdict, each.counts, each.remark) for each in show_pull(number).said]
    assert ("cy", "approve", True, "") in said and ("ana", "comment", None, "") in said
    before = snapshot(shop.path)
    done = merge(number)
    assert (done.pull.state, done.record) == ("merged", ("churn#production#1",))
    assert git(shop.origin, "rev-parse", "main") == done.commit == git(shop.path, "rev-parse", "origin/main")
    assert git(shop.origin, "tag", "--list", "*#*") == "churn#production#1"
    assert snapshot(shop.path) == before
    assert gitreg.resolve("churn@production").version == "v0.1.0"
    with pytest.raises(Conflict, match="is merged already"):
        merge(number)
    assert "+version: v0.1.0" in diff_pull(number)[1]


def test_an_approval_of_an_older_head(shop: Shop) -> None:
    number = promote("churn@1", "production", "better").number
    cy = shop.forge("cy")
    cy.review(cy.get(number), "approve", "good")
    promote("churn@2", "production", "better still")
    with pytest.raises(Refused, match="1 missing"):
        merge(number)
    stale = next(each for each in show_pull(number).said if each.review.verdict == "approve")
    assert (stale.counts, stale.remark) == (False, "stale: an older head was looked at")


def test_an_emergency_is_that_of_whoever_merges(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    number = promote("churn@1", "production", "better").number
    with pytest.raises(Refused, match="ana may not merge to production in an emergency"):
        merge(number, emergency=True, why="fire")
    monkeypatch.setenv("GITREG_TOKEN", "tok-bo")
    shop.stub.repos[PATH].approvals = 0  # the forge's own rules let bo
    done = merge(number, emergency=True, why="fire")
    assert "Gitreg-Emergency: bo" in git(shop.path, "log", "-1", "--format=%B", done.commit)


def test_records_that_may_not_be_pushed_are_left_to_ci(shop: Shop) -> None:
    number = promote("churn@1", "production", "better").number
    cy = shop.forge("cy")
    cy.review(cy.get(number), "approve", "good")
    hook = shop.origin / "hooks/update"
    hook.write_text('#!/bin/sh\ncase "$1" in *"#"*) echo no tags >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    done = merge(number)
    assert (done.record, git(shop.origin, "rev-parse", "main")) == ((), done.commit)
    assert git(shop.path, "tag", "--list", "*#*") == ""


def test_any_branch(shop: Shop) -> None:
    git(shop.path, "push", "-q", shop.stub.url(login="ana"), "main:refs/heads/empty")
    git(shop.path, "checkout", "-q", "-b", "topic")
    (shop.path / "notes.txt").write_text("notes\n")
    git(shop.path, "add", "notes.txt")
    git(shop.path, "commit", "-qm", "Take notes")
    with pytest.raises(GitregError, match="has no branch topic") as missing:
        open_pull("topic")
    assert missing.value.hint == "git push origin topic"
    git(shop.path, "push", "-q", shop.stub.url(login="ana"), "topic")
    assert open_pull("topic", dry_run=True).title == "Take notes"
    number = open_pull("topic").number
    assert close_pull(number).state == "closed"
    with pytest.raises(Unreachable, match="offline"):
        list_pulls(registry=open_registry(shop.path, offline=True))
