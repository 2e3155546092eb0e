"""The verbs of pull requests: what is shown of them, and what may be said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, Damaged, NotFound, Refused, Unreachable
from gitreg.format.keys import key_fingerprint
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.merge import merge
from gitreg.registry.promotion.promote import promote
from gitreg.registry.promotion.pulls import (
    close_pull,
    comment_pull,
    diff_pull,
    list_pulls,
    open_pull,
    review_pull,
    show_pull,
)
from gitreg.registry.push import push
from testing.addresses import Remote
from testing.gitcli import git
from testing.registries import log
from testing.team import Member, member, team, version

POLICY = """\
format: 1
people:
  ana: {emails: [ana@example.org]}
  bo: {emails: [bo@example.org]}
stages:
  production: {approvals: 1, approvers: [bo]}
"""


@pytest.fixture
def people(tmp_path: Path) -> tuple[Member, Member]:
    ana, bo = team(tmp_path, POLICY)
    version(ana, 2.0)
    version(ana, 3.0)
    return ana, bo


def remarks(who: Member, number: str = "1") -> list[tuple[str, bool | None, str]]:
    return [(each.review.by.split()[0], each.counts, each.remark) for each in show_pull(number, registry=who.path).said]


def test_each_verdict_is_told_with_what_it_is_worth(people: tuple[Member, Member], tmp_path: Path) -> None:
    ana, bo = people
    promote("churn@v0.1.0", "production", registry=ana.path)
    review_pull(1, "approve", registry=ana.path)
    comment_pull(1, "hm", registry=bo.path)
    review_pull(1, "request-changes", "no", registry=bo.path)
    key = key_fingerprint(bo.signs(tmp_path))
    review_pull(1, "approve", registry=bo.path)
    git(ana.path, "config", "user.name", "Eve")
    git(ana.path, "config", "user.email", "eve@example.org")
    review_pull(1, "approve", registry=ana.path)
    assert remarks(bo) == [
        ("Ana", False, "unsigned, does not count: requested it (as Ana <ana@example.org>)"),
        ("Bo", None, ""),
        ("Bo", False, "unsigned, blocks nothing"),
        ("Bo", True, f"signed by {key}"),
        ("Eve", False, "unsigned, does not count: nobody among the people of gitreg.yaml"),
    ]
    git(ana.path, "config", "user.email", "ana@example.org")
    promote("churn@v0.2.0", "production", registry=ana.path)
    assert remarks(bo)[3] == ("Bo", False, f"signed by {key}, stale: an older head was looked at")
    review_pull(1, "approve", registry=bo.path)
    merge(1, registry=bo.path)
    assert remarks(ana)[-1] == ("Bo", None, f"signed by {key}")


def test_the_difference_before_and_after_the_merge(people: tuple[Member, Member]) -> None:
    ana, bo = people
    promote("churn@v0.1.0", "production", registry=ana.path)
    before = diff_pull(1, registry=bo.path)[1]
    assert "+++ b/stages/production/churn.yaml" in before and "+version: v0.1.0" in before
    review_pull(1, "approve", registry=bo.path)
    merge(1, registry=bo.path)
    assert diff_pull(1, registry=ana.path)[1] == before


def test_any_branch_can_be_proposed(people: tuple[Member, Member]) -> None:
    ana, bo = people
    commit = ana.branch("topic", file="models/churn.md", text="# Churn\n")
    tried = open_pull("topic", registry=ana.path, dry_run=True)
    assert (tried.number, tried.title, tried.head_commit) == ("", "change models/churn.md", commit)
    assert list_pulls(registry=bo.path) == ()
    opened = open_pull("topic", "Describe  churn", "With\r\nprose.", registry=ana.path)
    assert (opened.title, opened.body) == ("Describe churn", "With\nprose.")
    assert list_pulls(registry=bo.path) == (opened,)
    with pytest.raises(Conflict, match="pull request 1 proposes topic already"):
        open_pull("topic", registry=bo.path)
    moved = ana.branch("topic", file="models/churn.md", text="# Churn, again\n")
    assert open_pull("topic", registry=ana.path, dry_run=True).head_commit == moved
    assert open_pull("topic", registry=ana.path) == replace(opened, head_commit=moved)
    assert open_pull("topic", "Once more", registry=ana.path).title == "Once more"
    with pytest.raises(Refused, match="main is main itself"):
        open_pull("main", registry=ana.path)
    with pytest.raises(NotFound, match="has no branch nowhere"):
        open_pull("nowhere", registry=ana.path)
    assert close_pull(1, registry=bo.path, dry_run=True).state == "open"
    assert close_pull(1, registry=bo.path).state == "closed"
    with pytest.raises(Conflict, match="is closed already"):
        close_pull(1, registry=ana.path)
    assert [pull.state for pull in list_pulls("closed", registry=ana.path)] == ["closed"]
    assert list_pulls("merged", registry=ana.path) == () and len(list_pulls(None, registry=ana.path)) == 1


def test_what_may_not_be_said(people: tuple[Member, Member]) -> None:
    ana, _ = people
    ana.branch("topic")
    open_pull("topic", registry=ana.path)
    with pytest.raises(Refused, match="nothing is said"):
        comment_pull(1, " \n ", registry=ana.path)
    with pytest.raises(Refused, match="nothing is said") as refused:
        review_pull(1, "request-changes", registry=ana.path)
    assert refused.value.hint == "gitreg pr review 1 --request-changes -m TEXT"
    for text in ("a \x1b[31m red", "-----BEGIN SSH SIGNATURE-----"):
        with pytest.raises(Refused):
            comment_pull(1, text, registry=ana.path)
    comment_pull(1, "only tried", registry=ana.path, dry_run=True)
    review_pull(1, "approve", registry=ana.path, dry_run=True)
    assert show_pull(1, registry=ana.path).said == ()
    close_pull(1, registry=ana.path)
    with pytest.raises(Conflict, match="is closed already"):
        review_pull(1, "approve", registry=ana.path)
    with pytest.raises(Damaged, match="is not the number"):
        show_pull("one", registry=ana.path)


def test_a_forged_trailer_in_a_comment_is_text(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic")
    open_pull("topic", registry=ana.path)
    text = "commented\n\nGitreg-Format: 1\nGitreg-Event: approved\nGitreg-Content: sha256:" + "0" * 64
    comment_pull(1, text, registry=ana.path)
    (said,) = show_pull(1, registry=bo.path).said
    assert (said.review.verdict, said.review.text) == ("comment", text)


def test_offline_and_sent_by_push(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic")
    open_pull("topic", registry=ana.path)
    list_pulls(registry=bo.path)
    bo.branch("mine", file="mine.txt", push=False)
    away = open_registry(bo.path, offline=True)
    with pytest.warns(UserWarning, match="gitreg push sends it"):
        draft = open_pull("mine", "Mine", registry=away)
        review_pull(1, "approve", registry=away)
    assert [pull.number for pull in list_pulls(registry=away)] == [draft.number, "1"]
    assert "mine.txt" in diff_pull(draft.number, registry=away)[1]
    with pytest.warns(UserWarning, match="is pull request 2 now"):
        assert push(registry=bo.path).pulls == ("1", "2")
    assert [pull.title for pull in list_pulls(registry=ana.path)] == ["Mine", "change notes.txt"]


def test_push_tells_what_it_sends(people: tuple[Member, Member]) -> None:
    ana, _ = people
    ana.branch("topic", push=False)
    with pytest.warns(UserWarning, match="gitreg push sends it"):
        open_pull("topic", registry=open_registry(ana.path, offline=True))
    (draft,) = push(registry=ana.path, dry_run=True).pulls
    assert draft.startswith("draft-")
    with pytest.warns(UserWarning, match="is pull request 1 now"):
        assert push(registry=ana.path).pulls == ("1",)
    assert push(registry=ana.path).pulls == ()


@pytest.fixture
def shared(over_ssh: Remote, monkeypatch: pytest.MonkeyPatch) -> tuple[Remote, Member]:
    """A registry that one person knows by its address alone, and one who has a clone."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "gitreg.forge")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "local")
    who = member(over_ssh.place, "Bo", "bo@example.org")
    (who.path / "gitreg.yaml").write_text(POLICY)
    git(who.path, "commit", "-qam", "a policy")
    git(who.path, "push", "-q", "origin", "main")
    return over_ssh, who


def test_by_its_address_alone(shared: tuple[Remote, Member], home: Path) -> None:
    remote, bo = shared
    log(2.0, "churn", registry=bo.path)
    log(3.0, "churn", registry=bo.path)
    bo.branch("unrelated", file="models/churn.md", text="# Churn\n")
    git(bo.path, "push", "-q", "origin", "unrelated:main")
    git(bo.path, "config", "user.email", "cy@example.org")
    opened = promote("churn@v0.1.0", "production", "why", registry=bo.path)
    git(bo.path, "config", "user.email", "bo@example.org")
    address = remote.address
    assert [pull.number for pull in list_pulls(registry=address)] == [opened.number]
    assert "+version: v0.1.0" in diff_pull(1, registry=address)[1]
    comment_pull(1, "from afar", registry=address)
    review_pull(1, "approve", "", registry=address)  # by Ana, who is no approver
    with pytest.raises(Refused, match="1 missing"):
        merge(1, registry=address)
    said = show_pull(1, registry=address).said
    assert [(each.review.text, each.counts) for each in said] == [("from afar", None), ("", False)]
    away = remote.away()
    with pytest.raises(Unreachable):
        comment_pull(1, "lost", registry=address)
    with pytest.raises(Unreachable, match="named by its address"):
        comment_pull(1, "lost", registry=open_registry(address, offline=True))
    away.rename(remote.origin)
    assert [each.review.text for each in show_pull(1, registry=address).said] == ["from afar", ""]


def test_merging_by_the_address_alone(shared: tuple[Remote, Member], home: Path) -> None:
    remote, bo = shared
    log(2.0, "churn", registry=bo.path)  # bo is its author
    (bo.path / "gitreg.yaml").write_text(POLICY.replace("[bo]", "[ana]"))
    git(bo.path, "commit", "-qam", "ana approves")
    git(bo.path, "push", "-q", "origin", "main")
    promote("churn@v0.1.0", "production", "why", registry=bo.path)
    review_pull(1, "approve", registry=remote.address)
    done = merge(1, registry=remote.address)
    assert done.record == ("churn#production#1",)
    assert git(remote.origin, "rev-parse", "main") == done.commit
    assert gitreg.resolve("churn@production", registry=remote.address).version == "v0.1.0"
    assert show_pull(1, registry=bo.path).pull.merged_commit == done.commit
    assert git(remote.origin, "for-each-ref", "--format=%(refname)", "refs/tags/*#*") == "refs/tags/churn#production#1"


def test_a_promotion_that_is_proposed_offline_is_sent_with_its_branch(people: tuple[Member, Member]) -> None:
    ana, bo = people
    away = open_registry(ana.path, offline=True)
    with pytest.warns(UserWarning):
        draft = promote("churn@v0.1.0", "production", "from the train", registry=away)
        again = promote("churn@v0.2.0", "production", "a better one", registry=open_registry(ana.path, offline=True))
    assert (draft.number, again.number) == (draft.number, draft.number) and draft.number.startswith("draft-")
    assert again.head_commit != draft.head_commit
    assert list_pulls(registry=bo.path) == ()
    with pytest.warns(UserWarning, match="is pull request 1 now"):
        sent = show_pull(draft.number, registry=ana.path).pull
    assert (sent.number, sent.head_commit) == ("1", again.head_commit)
    review_pull(1, "approve", registry=bo.path)
    assert merge(1, registry=bo.path).record == ("churn#production#1",)
    assert gitreg.resolve("churn@production", registry=ana.path).version == "v0.2.0"
    assert git(ana.path, "for-each-ref", "refs/gitreg/proposed", "refs/gitreg/unsent") == ""
