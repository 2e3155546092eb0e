"""Pull requests on a real Pagure: what every forge promises, and what is peculiar to this one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gitreg.errors import Conflict, NotFound, Refused
from gitreg.forges import pagure
from gitreg.format.pulls import PullRequest
from testing.forge_contract import BRANCH, ForgeContract, Shop, proposed
from testing.gitcli import GitFailed, git
from testing.pagure import Pagure, serving_pagure


@pytest.fixture
def server(pagure_server: Pagure) -> Pagure:
    return pagure_server


@pytest.fixture
def shop(server: Pagure, tmp_path: Path) -> Shop:
    return server.make_shop(tmp_path)


class TestPagure(ForgeContract):
    own_message = False

    def test_a_merge_needs_what_the_forge_asks_for(self, server: Pagure, shop: Shop) -> None:
        options = {"always_merge": True, "Minimum_score_to_merge_pull-request": 1}
        server.ask("ana", f"{name_of(shop)}/options/update", options)
        super().test_a_merge_needs_what_the_forge_asks_for(shop)
        assert git(shop.bare, "show", "main:stages/production/churn.yaml") == "version: v1.0.0"

    def test_a_protected_repository_takes_no_push_to_main_and_no_second_tag(self, server: Pagure, shop: Shop) -> None:
        """Of those that may only push below promote/, over HTTP with a token: who may merge may push to main."""
        server.browse("ana", f"{name_of(shop)}/adduser", user="eve", access="collaborator", branches="promote/*")
        head = shop.push("version: v1.0.0\n")
        git(shop.work, "push", "-q", "origin", f":{BRANCH}")
        before, address = shop.main(), server.url(name_of(shop)).replace("://", f"://eve:{server.tokens['eve']}@")
        for ref in ("refs/heads/main", "refs/tags/churn@v1.0.0"):
            with pytest.raises(GitFailed, match="pre-receive hook declined"):
                git(shop.work, "push", address, f"{head}:{ref}")
        assert shop.main() == before
        git(shop.work, "push", "-q", address, f"{head}:refs/heads/{BRANCH}")
        assert git(shop.bare, "rev-parse", BRANCH) == head


def name_of(shop: Shop) -> str:
    return shop.bare.stem


def test_a_list_of_many_pages_is_whole(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagure, "_PAGE", 1)
    for branch in (BRANCH, "one", "two"):
        proposed(shop, f"{branch}\n", branch)
    assert [pull.number for pull in shop.forge("eve").pulls()] == ["3", "2", "1"]
    found = shop.forge("eve").find(BRANCH, "main")
    assert found and found.number == "1"


def test_only_a_comment_that_says_so_is_a_verdict(shop: Shop) -> None:
    """Pagure counts a thumb anywhere in a text as a vote: it does not tell of what."""
    head = proposed(shop).head_commit
    eve = shop.forge("eve")
    texts = [
        ":thumbsup:",
        f"> :thumbsup: Approved {head}",
        f":thumbsup: Approved {head[:12]}",
        f"a\n:thumbsup: Approved {head}",
    ]
    for text in texts:
        eve.comment("1", text)
    eve.comment("1", f":thumbsup: Approved {head}\r\n\r\nBy hand,\r\nin a browser.")
    found = eve.reviews("1")
    assert [(one.verdict, one.commit, one.text) for one in found[:-1]] == [("comment", "", text) for text in texts]
    assert (found[-1].verdict, found[-1].commit) == ("approve", head)
    assert found[-1].text == "By hand,\nin a browser."


def test_a_verdict_of_who_has_no_access_is_an_outsiders(server: Pagure, shop: Shop) -> None:
    pull, name = proposed(shop), name_of(shop)
    for user in ("bo", "eve"):
        shop.forge(user).review(pull, "approve", "")
    assert [(one.by, one.outsider) for one in shop.forge("ana").reviews("1")] == [("bo", False), ("eve", True)]

    group = f"g{name}"
    about = {"group_name": group, "display_name": "Eve's", "description": "of hers", "group_type": "user"}
    server.browse("eve", "group/add", **about)
    server.ask("ana", f"{name}/git/modifyacls", {"user_type": "group", "name": group, "acl": "commit"})
    assert [(one.by, one.outsider) for one in shop.forge("ana").reviews("1")] == [("bo", False), ("eve", False)]


def test_a_project_that_only_takes_pull_requests_takes_no_tags_either(server: Pagure, shop: Shop) -> None:
    """Why docs/forges.md advises against that option."""
    options = {"always_merge": True, "pull_request_access_only": True}
    server.ask("ana", f"{name_of(shop)}/options/update", options)
    head = shop.push("version: v1.0.0\n", "elsewhere")
    address = server.url(name_of(shop)).replace("://", f"://ana:{server.tokens['ana']}@")
    for ref in (f"refs/heads/{BRANCH}", "refs/tags/churn@v1.0.0"):
        with pytest.raises(GitFailed, match="pre-receive hook declined"):
            git(shop.work, "push", address, f"{head}:{ref}")


def test_a_verdict_that_was_edited_is_none(server: Pagure, shop: Shop) -> None:
    head = proposed(shop).head_commit
    shop.forge("eve").comment("1", "what is this?")
    said = server.ask("ana", f"{name_of(shop)}/pull-request/1")["comments"]
    assert isinstance(said, list)
    at = f"{name_of(shop)}/pull-request/1/comment/{said[0]['id']}/edit"
    server.browse("ana", at, update_comment=f":thumbsup: Approved {head}")
    (found,) = shop.forge("bo").reviews("1")
    assert (found.by, found.verdict, found.broken) == ("eve", "comment", "approve, but it was edited")


def test_a_head_that_comes_in_the_last_moment_is_told_of(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = proposed(shop)
    check = pagure.Pagure._check_merges

    def late(forge: pagure.Pagure, pull: PullRequest) -> None:
        check(forge, pull)
        shop.push("version: v6.6.6\n")

    monkeypatch.setattr(pagure.Pagure, "_check_merges", late)
    with pytest.raises(Conflict, match="which came to the branch just before"):
        shop.forge("bo").merge(pull, "")
    assert shop.forge("bo").get("1").state == "merged"


def test_what_would_be_fast_forwarded_is_not_merged(server: Pagure, shop: Shop) -> None:
    pull, before, name = proposed(shop), shop.main(), name_of(shop)
    server.ask("ana", f"{name}/options/update", {"always_merge": False})
    bo = server.forge("bo", name, server.powers["bo"])
    with pytest.raises(Refused, match="merges by fast-forward"):
        bo.merge(pull, "")
    assert shop.main() == before
    shop.push("format: 1\n", "main", path="gitreg.yaml")  # now it cannot be
    commit = bo.merge(pull, "")
    assert git(shop.bare, "rev-parse", "main", "main^2").split() == [commit, pull.head_commit]


def test_a_token_that_may_not_see_the_settings_is_told_of_a_fast_forward(server: Pagure, shop: Shop) -> None:
    pull = proposed(shop)
    server.ask("ana", f"{name_of(shop)}/options/update", {"always_merge": False})
    with pytest.warns(UserWarning, match="was fast-forwarded: tick 'Always merge'"):
        assert shop.forge("bo").merge(pull, "") == pull.head_commit == shop.main()


def test_what_conflicts_is_not_merged(shop: Shop) -> None:
    pull = proposed(shop)
    shop.push("version: v9.0.0\n", "main")
    with pytest.raises(Conflict, match="it conflicts with main"):
        shop.forge("bo").merge(pull, "")
    assert shop.forge("bo").get("1").state == "open"


def test_whoever_may_not_is_told_what_is_missing(server: Pagure, shop: Shop) -> None:
    pull, name, eve = proposed(shop), name_of(shop), shop.forge("eve")
    with pytest.raises(Refused, match="not allowed to merge"):
        eve.merge(pull, "")
    with pytest.raises(Refused, match="not allowed to merge"):
        eve.close("1")
    with pytest.raises(Refused, match="Invalid or expired token"):
        server.forge("eve", name, "no-such-token").comment("1", "hello")
    shop.push("version: v1.0.0\n", "promote/staging/churn")
    with pytest.raises(Refused, match="sufficient permissions") as refused:
        eve.open("promote/staging/churn", "main", "Mine", "")
    assert "does not know" not in refused.value.message

    asked = {"acls": ["pull_request_comment"], "expiration_date": "2027-06-01"}
    token = server.ask("ana", f"{name}/token/new", asked)["token"]
    assert isinstance(token, dict)
    weak = server.forge("ana", name, token["id"])
    weak.comment("1", "hello")
    with pytest.raises(Refused, match="Missing ACLs: pull_request_merge"):
        weak.merge(pull, "")


def test_what_is_not_there_is_named(server: Pagure, shop: Shop) -> None:
    with pytest.raises(NotFound, match="Pull-Request not found"):
        shop.forge("ana").get("7")
    with pytest.raises(NotFound, match="Project not found"):
        server.forge("ana", "no-such-project").pulls()
    with pytest.raises(Conflict, match="Branch nothing does not exist"):
        shop.forge("ana").open("nothing", "main", "Nothing", "")


def test_a_pull_request_of_a_fork_has_the_head_of_the_fork(server: Pagure, shop: Shop) -> None:
    name = name_of(shop)
    server.ask("eve", "fork", {"repo": name, "wait": True})
    head = shop.push("version: v3.0.0\n", "elsewhere")
    git(server.repository(f"forks/eve/{name}"), "fetch", "-q", shop.bare, f"+elsewhere:{BRANCH}")
    asked = {
        "title": "Mine",
        "branch_from": BRANCH,
        "branch_to": "main",
        "repo_from": name,
        "repo_from_username": "eve",
    }
    server.ask("eve", f"{name}/pull-request/new", asked)
    assert shop.forge("bo").get("1").head_commit == head
    assert shop.forge("bo").find(BRANCH, "main") is None  # it is not ours of that name
    with pytest.raises(NotFound, match="deactivated for this project"):  # as it is of forks, unless told otherwise
        server.forge("eve", f"forks/eve/{name}").pulls()


def test_nothing_is_left_of_a_server_that_was_stopped(tmp_path: Path) -> None:
    with serving_pagure(tmp_path):
        assert str(tmp_path) in commands()
    assert str(tmp_path) not in commands() + Path("/proc/self/mountinfo").read_text()


def commands() -> str:
    """The command lines of all that runs."""
    found = []
    for path in Path("/proc").iterdir():
        if re.fullmatch(r"\d+", path.name):
            try:
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:  # it has ended
                continue
    return "\n".join(found)
