from __future__ import annotations

from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Refused
from gitreg.registry.promotion.check import check_all
from testing.gitcli import git
from testing.promoted import History
from testing.registries import SETTINGS
from testing.team import Member, team, version


@pytest.fixture
def two(tmp_path: Path) -> tuple[Member, Member]:
    ana, bo = team(tmp_path, SETTINGS + "stages:\n  production: {approvals: 1}\n")
    version(ana)
    return ana, bo


def events(who: Member) -> int:
    who.forge.pulls()
    return int(git(who.path, "rev-list", "--count", "refs/gitreg/pulls/1/meta"))


def test_a_promotion_s_description_tells_what_is_known_now_and_is_written_once(two: tuple[Member, Member]) -> None:
    ana, bo = two
    pull = gitreg.promote("churn@1", "production", "better", registry=ana.path)
    bo.forge.review(bo.forge.get("1"), "approve", "good")
    check_all(pr="1", body=True, registry=bo.path)
    now = bo.forge.get("1")
    assert (now.title, now.author) == (pull.title, pull.author)
    assert now.body != pull.body and "better" in now.body
    before = events(bo)
    check_all(pr="1", body=True, registry=ana.path)
    assert events(ana) == before


def test_a_description_by_a_person_stays(two: tuple[Member, Member]) -> None:
    ana, bo = two
    text = History(ana.place).text("churn@1", "production")
    bo.branch("by-hand", "stages/production/churn.yaml", text)
    bo.forge.open("by-hand", "main", "by hand", "my own words")
    found = check_all(pr="1", body=True, registry=bo.path)
    assert (found.ok, bo.forge.get("1").body) == (False, "my own words")


def test_only_a_pull_request_has_one(two: tuple[Member, Member]) -> None:
    with pytest.raises(Refused, match="only a pull request"):
        check_all("churn@1", body=True, registry=two[0].path)
