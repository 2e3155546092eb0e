"""The stubs of forges against what others say of the forges themselves.

GitHub's own description judges every request and reply. GitLab and Gitea publish theirs in no package, so that
clients that others wrote must ask a stub for the same in the same words, and understand what it answers.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gitreg.forges import forge_module
from gitreg.forges._http import Api, Token
from gitreg.forges.protection import Wanted, protection_of
from gitreg.format.pulls import Status
from testing import serving
from testing.forge_contract import BRANCH, ForgeContract, Shop, proposed
from testing.forge_shops import PATH, stub_shop
from testing.forge_stub import Exchange, StubForge
from testing.openapi import Description

REPO = "/repos/{owner}/{repo}"
FOLDER = "GITREG_TEST_DESCRIPTIONS"
WANTED = Wanted("main", 2)


def api_as(stub: StubForge, login: str) -> Api:
    module = forge_module(stub.dialect.NAME)
    token = Token(stub.accounts[login].token, "a test")
    return Api(module.NAME, f"{stub.address}{stub.dialect.PREFIX}", token, module.HEADER, module.PAGE_SIZE)


@pytest.mark.parametrize("shop", ["api.github.com", "ghes-3.19"], indirect=True)
class TestGitHubAsDescribed(ForgeContract):
    """Each request and each reply of the contract fits GitHub's description."""

    @pytest.fixture
    def shop(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
        found = Description.read(Path(serving.from_environment(FOLDER), f"{request.param}.json"), REPO, "/user")
        with stub_shop("github", tmp_path) as (stub, shop):
            stub.judge = lambda asked: found.mistakes(asked, asked.path.removeprefix(stub.dialect.PREFIX))
            yield shop
            assert sorted(set(stub.complaints)) == []

    def test_the_rules_fit_too(self, shop: Shop, tmp_path: Path) -> None:
        api = dataclasses.replace(shop.forge("ana").api, token=Token("tok-root", "a test"))  # type: ignore[attr-defined]
        for _ in range(2):  # made, then changed
            protection_of("github").apply(api, PATH, WANTED)


def test_the_judge_finds_what_does_not_fit() -> None:
    found = Description.read(Path(serving.from_environment(FOLDER), "api.github.com.json"), REPO, "/user")

    def mistakes(method: str, path: str, *, query: dict[str, str], body: Any, status: int, reply: Any) -> str:
        asked = Exchange(method, f"/repos/a/b/{path}", query, {}, body, status, reply)
        return "\n".join(found.mistakes(asked, asked.path))

    told = mistakes("GET", "pulls", query={"limit": "3", "state": "any"}, body=None, status=200, reply=[{"id": 1}])
    assert "no parameter limit" in told and "'any' is not one of" in told and "'_links' is a required" in told
    told = mistakes("POST", "pulls", query={}, body={"head": 1, "x": 2}, status=207, reply={})
    assert "1 is not of type" in told and "'base' is a required" in told and "body has x" in told
    assert "no answer 207 is described" in told
    assert "no such operation" in mistakes("GET", "approvals", query={}, body=None, status=200, reply={})


Ask = Callable[[], object]


class Pair:
    """What gitreg asks of a stub, and what another client asks of it."""

    def __init__(self, stub: StubForge) -> None:
        self.stub = stub

    def same(self, ours: Ask, theirs: Ask, *, method: str) -> Any:
        """Both ask for the same with the same body; gives what the other client understood."""
        first, _ = self._one(ours, method)
        second, understood = self._one(theirs, method)
        assert (first.method, _named(first.path)) == (second.method, _named(second.path))
        if method != "GET":
            assert _given(first) == _given(second)
        assert first.status < 400 and first.status == second.status
        return understood

    def _one(self, ask: Ask, method: str) -> tuple[Exchange, Any]:
        before = len(self.stub.asked)
        understood = ask()
        asked = [one for one in self.stub.asked[before:] if one.method == method]
        return asked[-1], understood


def _named(path: str) -> str:
    """A project has a number, too."""
    return path.replace("/projects/1/", "/projects/team%2Fmodels/")


def _given(asked: Exchange) -> dict[str, str]:
    """What was sent, in the body or behind the address: GitLab takes both."""
    found = {**asked.query, **(asked.body or {})}
    return {key: json.dumps(value).strip('"').lower() for key, value in found.items() if value is not None}


def reset(stub: StubForge) -> None:
    """No pull request is open: what was proposed can be again."""
    for change in stub.repos[PATH].changes:
        change.state, change.reviews, change.comments = "closed", [], []


class TestGitLabsOtherClient:
    """python-gitlab."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> Iterator[tuple[Pair, StubForge, Shop, Any]]:
        import gitlab

        with stub_shop("gitlab", tmp_path) as (stub, shop):
            stub.repos[PATH].settings["premium"] = True
            client = gitlab.Gitlab(stub.address, private_token="tok-ana")
            yield Pair(stub), stub, shop, client.projects.get(PATH, lazy=True)

    def test_a_merge_request(self, pair: tuple[Pair, StubForge, Shop, Any]) -> None:
        both, stub, shop, project = pair
        shop.push("version: v1.0.0\n")
        ours = shop.forge("ana")

        def ours_opens() -> None:
            ours.open(BRANCH, "main", "Promote churn", "Why")
            reset(stub)

        asked = {"source_branch": BRANCH, "target_branch": "main", "title": "Promote churn", "description": "Why"}
        made = both.same(ours_opens, lambda: project.mergerequests.create(asked), method="POST")
        pull = ours.get(str(made.iid))
        assert (made.sha, made.author["username"], made.web_url) == (pull.head_commit, "ana", pull.url)
        listed = both.same(
            lambda: ours.find(BRANCH, "main"),
            lambda: project.mergerequests.list(
                state="opened", source_branch=BRANCH, target_branch="main", get_all=True
            ),
            method="GET",
        )
        assert [one.iid for one in listed] == [made.iid]
        both.same(lambda: ours.comment(pull.number, "hm"), lambda: made.notes.create({"body": "hm"}), method="POST")
        assert [note.body for note in made.notes.list(get_all=True)] == ["hm", "hm"]
        made.title, made.description = "New", "Better"
        both.same(lambda: ours.update(pull.number, "New", "Better"), lambda: made.save(), method="PUT")
        both.same(lambda: ours.close(pull.number), lambda: self._close(made), method="PUT")

    @staticmethod
    def _close(made: Any) -> None:
        made.state_event = "close"
        made.save()

    def test_reviews_and_merge(self, pair: tuple[Pair, StubForge, Shop, Any]) -> None:
        both, stub, shop, project = pair
        pull = proposed(shop)
        change = stub.repos[PATH].changes[0]
        bo = _as(stub, "bo").projects.get(PATH, lazy=True).mergerequests.get(1)

        def approve() -> None:
            shop.forge("bo").review(pull, "approve", "")
            change.reviews.clear()

        both.same(approve, lambda: bo.approve(sha=pull.head_commit), method="POST")
        assert [one["user"]["username"] for one in bo.approvals.get().approved_by] == ["bo"]
        assert [one.head_commit_sha for one in bo.diffs.list(get_all=True)] == [pull.head_commit]
        commit = project.commits.get(pull.head_commit, lazy=True)
        told = {"state": "failed", "name": "gitreg/check", "description": "no", "target_url": "https://ci.example.org"}
        status = Status("gitreg/check", "failure", "no", "https://ci.example.org")

        def tell() -> None:
            shop.forge("ana").set_status(pull.head_commit, status)
            stub.repos[PATH].statuses.clear()

        made = both.same(tell, lambda: commit.statuses.create(told), method="POST")
        assert [one.name for one in commit.statuses.list(get_all=True)] == [made.name]
        main = shop.main()

        def merge() -> None:
            shop.forge("bo").merge(pull, "Promote churn")
            change.state, change.merged = "open", ""
            (shop.bare / "refs/heads/main").write_text(f"{main}\n")

        both.same(
            merge,
            lambda: bo.merge(merge_commit_message="Promote churn", sha=pull.head_commit, squash=False),
            method="PUT",
        )
        assert bo.merge_commit_sha == shop.main() != main

    def test_rules(self, pair: tuple[Pair, StubForge, Shop, Any]) -> None:
        _, stub, _, _ = pair
        protection_of("gitlab").apply(api_as(stub, "root"), PATH, WANTED)
        root = _as(stub, "root").projects.get(PATH, lazy=True)
        assert [one.name for one in root.protectedbranches.list(get_all=True)] == ["main"]
        assert [one.name for one in root.protectedtags.list(get_all=True)] == list(WANTED.tags)
        assert [one.approvals_required for one in root.approvalrules.list(get_all=True)] == [2]


def _as(stub: StubForge, login: str) -> Any:
    import gitlab

    return gitlab.Gitlab(stub.address, private_token=stub.accounts[login].token)


class TestForgejosOtherClient:
    """pyforgejo, which is generated from Forgejo's description: its types are those that are described there."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> Iterator[tuple[Pair, StubForge, Shop, Any]]:
        from pyforgejo import PyforgejoApi

        with stub_shop("gitea", tmp_path) as (stub, shop):
            yield (
                Pair(stub),
                stub,
                shop,
                lambda login: PyforgejoApi(
                    base_url=f"{stub.address}/api/v1", api_key=f"token {stub.accounts[login].token}"
                ),
            )

    def test_a_pull_request(self, pair: tuple[Pair, StubForge, Shop, Any]) -> None:
        both, stub, shop, client = pair
        shop.push("version: v1.0.0\n")
        ours, theirs = shop.forge("ana"), client("ana")

        def ours_opens() -> None:
            ours.open(BRANCH, "main", "Promote churn", "Why")
            reset(stub)

        made = both.same(
            ours_opens,
            lambda: theirs.repository.repo_create_pull_request(
                "team", "models", head=BRANCH, base="main", title="Promote churn", body="Why"
            ),
            method="POST",
        )
        pull = ours.get(str(made.number))
        assert (made.head.sha, made.user.login, made.html_url) == (pull.head_commit, "ana", pull.url)
        listed = theirs.repository.repo_list_pull_requests("team", "models", state="open", limit=100)
        assert [one.number for one in listed] == [made.number]
        both.same(
            lambda: ours.comment(pull.number, "hm"),
            lambda: theirs.issue.create_comment("team", "models", made.number, body="hm"),
            method="POST",
        )
        both.same(
            lambda: ours.update(pull.number, "New", "Better"),
            lambda: theirs.repository.repo_edit_pull_request("team", "models", made.number, title="New", body="Better"),
            method="PATCH",
        )
        both.same(
            lambda: ours.close(pull.number),
            lambda: theirs.repository.repo_edit_pull_request("team", "models", made.number, state="closed"),
            method="PATCH",
        )

    def test_reviews_and_merge(self, pair: tuple[Pair, StubForge, Shop, Any]) -> None:
        both, stub, shop, client = pair
        pull, bo = proposed(shop), client("bo")
        review = both.same(
            lambda: shop.forge("bo").review(pull, "approve", "Fine."),
            lambda: bo.repository.repo_create_pull_review(
                "team", "models", 1, event="APPROVED", commit_id=pull.head_commit, body="Fine."
            ),
            method="POST",
        )
        assert (review.state, review.commit_id, review.user.login) == ("APPROVED", pull.head_commit, "bo")
        assert len(bo.repository.repo_list_pull_reviews("team", "models", 1, limit=100)) == 2
        status = Status("gitreg/check", "failure", "no", "https://ci.example.org")
        made = both.same(
            lambda: shop.forge("bo").set_status(pull.head_commit, status),
            lambda: bo.repository.repo_create_status(
                "team", "models", pull.head_commit, context="gitreg/check", state="failure", description="no",
                target_url="https://ci.example.org",
            ),
            method="POST",
        )  # fmt: skip
        assert made.status == "failure"
        told = bo.repository.repo_list_statuses_by_ref(
            "team", "models", pull.head_commit, sort="recentupdate", limit=100
        )
        assert {one.context for one in told} == {"gitreg/check"}
        main, change = shop.main(), stub.repos[PATH].changes[0]

        def merge() -> None:
            shop.forge("bo").merge(pull, "Promote churn\n\nWhy: better.")
            change.state, change.merged = "open", ""
            (shop.bare / "refs/heads/main").write_text(f"{main}\n")

        both.same(
            merge,
            lambda: bo.repository.repo_merge_pull_request(
                "team", "models", 1, do="merge", head_commit_id=pull.head_commit, merge_title_field="Promote churn",
                merge_message_field="Why: better.",
            ),
            method="POST",
        )  # fmt: skip
        assert bo.repository.repo_get_pull_request("team", "models", 1).merge_commit_sha == shop.main() != main

    def test_rules(self, pair: tuple[Pair, StubForge, Shop, Any]) -> None:
        both, stub, _, client = pair
        root, wanted = client("root"), protection_of("gitea").steps(WANTED)[0].body

        def ours() -> None:
            protection_of("gitea").apply(api_as(stub, "root"), PATH, WANTED)
            stub.repos[PATH].settings.clear()

        both.same(
            ours,
            lambda: root.repository.repo_create_branch_protection("team", "models", **wanted),
            method="POST",
        )
        assert [one.rule_name for one in root.repository.repo_list_branch_protection("team", "models")] == ["main"]
