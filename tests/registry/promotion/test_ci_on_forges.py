"""The workflow of each forge, run against a stub of it: git over HTTP, protected main, tokens, reviews, statuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.promotion.audit import audit
from gitreg.registry.promotion.ci import ci_run
from gitreg.registry.promotion.promote import propose_promotion
from gitreg.registry.promotion.workflows import workflow
from testing.commandline import Said
from testing.forge_shops import DIALECTS, PATH, forge_as
from testing.forge_stub import StubForge, serving_forge
from testing.gitcli import git
from testing.promoted import History
from testing.registries import SETTINGS, Place, log, lone
from testing.workflows import github_job, gitlab_job

POLICY = "stages:\n  production: {approvals: 1}\n"


@dataclass(frozen=True)
class Shop:
    """A registry on a stub forge, ana's clone of it, and what a job there is given."""

    stub: StubForge
    history: History
    runners: Path

    @property
    def kind(self) -> str:
        return self.stub.dialect.NAME

    @property
    def path(self) -> Path:
        return self.history.place.path

    def env(self, login: str) -> dict[str, str]:
        """The variables that the forge sets for a job."""
        api = f"{self.stub.address}{self.stub.dialect.PREFIX}"
        if self.kind == "gitlab":
            return {
                "GITLAB_CI": "true", "CI_SERVER_URL": self.stub.address, "CI_API_V4_URL": api,
                "CI_PROJECT_URL": self.stub.url().removesuffix(".git"), "CI_REPOSITORY_URL": self.stub.url(login=login),
                "GITREG_CHECK_TOKEN": f"tok-{login}", "GITREG_RECORD_TOKEN": f"tok-{login}",
                "GITLAB_USER_EMAIL": "bot@example.org",
            }  # fmt: skip
        ours = {"GITEA_ACTIONS": "true"} if self.kind == "gitea" else {}
        return {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": self.stub.address, "GITHUB_API_URL": api,
                "GITHUB_REPOSITORY": PATH, "GITHUB_ACTOR": login, **ours}  # fmt: skip

    def job(self, name: str, number: str = "1") -> Said:
        """A job of the workflow, by the forge's own bot."""
        text, env = workflow(self.kind, "main"), self.env("bot")
        if self.kind == "gitlab":
            return gitlab_job(text, f"gitreg {name}", self.runners, {**env, "CI_MERGE_REQUEST_IID": number})
        facts = {"github.event.pull_request.number": number, "github.token": "tok-bot"}
        return github_job(text, name, self.runners, self.stub.url(), facts, env, self.stub.url(login="bot"))


@pytest.fixture(params=DIALECTS)
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    (tmp_path / "forge").mkdir()
    (tmp_path / "runners").mkdir()
    with serving_forge(DIALECTS[request.param], tmp_path / "forge") as stub:
        for login in ("ana", "cy", "bot"):
            stub.admit(login)
        repo = stub.create(PATH)
        monkeypatch.setenv("GITREG_TOKEN", "tok-ana")
        place = lone(tmp_path / "registry", settings=SETTINGS + POLICY)
        git(place.path, "remote", "add", "origin", stub.url())
        git(place.path, "push", "-q", stub.url(login="ana"), "main")
        git(place.path, "config", "gitreg.forge", request.param)
        git(place.path, "config", "gitreg.forgeUrl", f"{stub.address}{stub.dialect.PREFIX}")
        git(place.path, "fetch", "-q", stub.url(login="ana"), "+refs/heads/*:refs/remotes/origin/*")
        git(place.path, "remote", "set-head", "origin", "main")
        gitreg.use(place.path)
        for factor in (2, 3):
            log(factor, "churn")
        yield Shop(stub, History(Place(place.path, repo.folder, place.payloads)), tmp_path / "runners")


def statuses(shop: Shop, commit: str) -> dict[str, str]:
    return {each.context: each.state for each in forge_as(shop.stub, "ana").statuses(commit)}


def test_a_promotion_is_checked_approved_merged_and_recorded(shop: Shop) -> None:
    pull = propose_promotion("churn@1", "production", "better", registry=shop.path).pull
    assert shop.job("check").code == 1
    assert statuses(shop, pull.head_commit) == {"gitreg/check": "pending"}
    cy = forge_as(shop.stub, "cy")
    cy.review(cy.get("1"), "approve", "good")
    checked = shop.job("check")
    assert checked.code == 0, checked
    assert statuses(shop, pull.head_commit) == {"gitreg/check": "success"}
    assert cy.get("1").body != pull.body
    commit = cy.merge(cy.get("1"), "Promote churn v0.1.0 to production")
    for _ in range(2):
        recorded = shop.job("record")
        assert recorded.code == 0, recorded
    assert shop.history.place.at_origin("*#*") == ["churn#production#1"]
    gitreg.fetch(registry=shop.path)
    (found,) = audit(registry=shop.path)
    assert (found.commit, found.pull, found.requested, found.after) == (commit, "1", "ana", "v0.1.0")
    assert ([one.by for one in found.approvals], found.wanted, found.remarks) == (["cy"], 1, ())
    assert found.why == "better"


def test_what_is_overtaken_is_closed_with_a_word(shop: Shop) -> None:
    propose_promotion("churn@1", "production", registry=shop.path)
    shop.history.push_branch("by-hand", "stages/production/churn.yaml", shop.history.text("churn@2", "production"))
    cy = forge_as(shop.stub, "cy")
    other = forge_as(shop.stub, "ana").open("by-hand", "main", "by hand", "")
    cy.review(cy.get(other.number), "approve", "quick")
    cy.merge(cy.get(other.number), "by hand")
    recorded = shop.job("record")
    assert recorded.code == 0, recorded
    assert [cy.get(number).state for number in ("1", other.number)] == ["closed", "merged"]
    said = [each.text for each in cy.reviews("1")]
    assert any("promote again what is still wanted" in text for text in said)


@pytest.mark.parametrize("shop", ["github"], indirect=True)
def test_a_token_that_may_not_push_is_told_and_a_better_one_completes(shop: Shop) -> None:
    propose_promotion("churn@1", "production", registry=shop.path)
    cy = forge_as(shop.stub, "cy")
    cy.review(cy.get("1"), "approve", "good")
    cy.merge(cy.get("1"), "merged")
    hook = _refusing_tags(shop)
    found = ci_run(registry=shop.path)
    assert (found.records, len(found.failed)) == ((), 1)
    hook()
    assert ci_run(registry=shop.path).records == ("churn#production#1",)


def _refusing_tags(shop: Shop) -> Callable[[], None]:
    """Let nobody create tags, until what is returned is called."""
    assert shop.history.place.origin is not None
    hook = shop.history.place.origin / "hooks/update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/tags/*) echo "protected tag" >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    return hook.unlink
