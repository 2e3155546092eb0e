"""The rules that a forge is given: they fit the policy, may be given again, and are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitreg.errors import Conflict, GitregError, Refused
from gitreg.forges import FORGES, forge_module
from gitreg.forges._http import Api, Token
from gitreg.forges.protection import Wanted, protection_of
from gitreg.format.pulls import Status
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.protect import protect
from testing.commandline import gitreg
from testing.forge_contract import Shop, proposed
from testing.forge_shops import PATH, stub_shop
from testing.forge_stub import StubForge
from testing.gitcli import git
from testing.registries import cloned

WANTED = Wanted("main", 2)


def api_as(stub: StubForge, login: str) -> Api:
    module = forge_module(stub.dialect.NAME)
    token = Token(stub.accounts[login].token, "a test")
    return Api(module.NAME, f"{stub.address}{stub.dialect.PREFIX}", token, module.HEADER, module.PAGE_SIZE)


def states(stub: StubForge, login: str = "root", wanted: Wanted = WANTED) -> list[str]:
    return [step.state for step in protection_of(stub.dialect.NAME).apply(api_as(stub, login), PATH, wanted)]


def test_what_was_set_is_kept(stub: StubForge, shop: Shop) -> None:
    repo = stub.repos[PATH]
    repo.settings["premium"] = True
    assert set(states(stub)) == {"set"}
    pull = proposed(shop)
    shop.forge("bo").review(pull, "approve", "")
    with pytest.raises(Conflict):
        shop.forge("bo").merge(pull, "Promote churn")
    shop.forge("cy").review(pull, "approve", "")
    if stub.dialect.NAME != "gitlab":  # where the status is part of the pipeline
        with pytest.raises(Conflict, match="gitreg/check"):
            shop.forge("bo").merge(pull, "Promote churn")
        shop.forge("bo").set_status(pull.head_commit, Status("gitreg/check", "success", "all is well"))
    assert shop.forge("bo").merge(pull, "Promote churn") == shop.main()


def test_rules_are_given_again_and_follow_the_policy(stub: StubForge) -> None:
    repo = stub.repos[PATH]
    repo.settings["premium"] = True
    for approvals in (2, 2, 1):
        states(stub, wanted=Wanted("main", approvals))
        assert repo.approvals == approvals
    if stub.dialect.NAME == "github":
        assert [one["name"] for one in repo.settings["rulesets"]] == ["gitreg: main", "gitreg: tags"]
        main, tags = repo.settings["rulesets"]
        assert main["conditions"]["ref_name"]["include"] == ["refs/heads/main"]
        assert tags["conditions"]["ref_name"]["include"] == [f"refs/tags/{tag}" for tag in ("*@*", "*#*", "run/*")]
        assert [rule["type"] for rule in tags["rules"]] == ["deletion", "non_fast_forward", "update"]
    if stub.dialect.NAME == "gitlab":
        assert repo.settings["protected_branches"]["main"]["push_access_levels"] == [{"access_level": 0}]
        assert list(repo.settings["protected_tags"]) == ["*@*", "*#*", "run/*"]
        assert len(repo.settings["approval_rules"]) == 1
        assert repo.settings["project"]["merge_method"] == "merge"
    if stub.dialect.NAME == "gitea":
        assert repo.settings["branches"]["main"]["enable_push"] is False
        assert repo.settings["repository"]["allow_squash_merge"] is False


def test_only_an_administrator_may(stub: StubForge) -> None:
    with pytest.raises(Refused, match="admin rights"):
        states(stub, "bo")
    assert not any(stub.repos[PATH].settings.get(key) for key in ("rulesets", "branches", "protected_tags"))


def test_a_plan_without_approvals_is_told(tmp_path: Path) -> None:
    with stub_shop("gitlab", tmp_path) as (stub, _):
        assert states(stub)[-2:] == ["impossible", "impossible"]


def test_a_branch_of_gitlab_does_not_stay_unprotected(tmp_path: Path) -> None:
    with stub_shop("gitlab", tmp_path) as (stub, _):
        stub.answer_instead(422, "{}", method="POST", path="protected_branches")
        with pytest.raises(GitregError, match="422"):
            states(stub)
        kept = stub.repos[PATH].settings["protected_branches"]["main"]
        assert kept["push_access_levels"] == [{"access_level": 40}]


@pytest.mark.parametrize("kind", FORGES)
def test_every_forge_of_the_table_tells_its_rules(kind: str) -> None:
    rules = protection_of(kind)
    assert rules.steps(WANTED) and rules.LIMITS
    assert all(step.state == "wanted" and (step.command or step.method) for step in rules.steps(WANTED))


POLICY = "format: 1\nstages:\n  staging: {}\n  production: {approvals: 2}\n"


def test_the_command_shows_and_applies(stub: StubForge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = cloned(tmp_path / "registry", settings=POLICY)
    stub.repos[PATH].settings["premium"] = True
    git(place.path, "push", "-q", "--force", stub.repos[PATH].folder, "HEAD:refs/heads/new")
    git(stub.repos[PATH].folder, "update-ref", "refs/heads/main", "new")
    git(place.path, "remote", "set-url", "origin", stub.url())
    monkeypatch.setenv("GITREG_TOKEN", "tok-root")
    monkeypatch.setenv("GITREG_TOKEN_USER", "root")
    monkeypatch.chdir(place.path)
    shown = gitreg("protect")
    assert shown.code == 0 and "2 approvals" in shown.out and "gitreg protect --apply" in shown.out
    assert not any(method in call for call in stub.calls() for method in ("POST", "PUT", "PATCH"))
    done = gitreg("protect", "--apply")
    assert done.code == 0, done
    assert stub.repos[PATH].approvals == 2
    assert "tok-root" not in shown.out + done.out


def test_bare_git_gets_the_hook(tmp_path: Path) -> None:
    place = cloned(tmp_path / "registry", settings=POLICY)
    assert place.origin is not None
    shown = protect(registry=open_registry(place.path))
    assert shown.steps[0].command == "gitreg hooks install --server"
    assert not (place.origin / "hooks/pre-receive").exists()
    assert {step.state for step in protect(apply=True, registry=open_registry(place.path)).steps} == {"set"}
    assert (place.origin / "hooks/pre-receive").exists()
