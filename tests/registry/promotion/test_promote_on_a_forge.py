"""Proposing on a forge: what it is told, and what it is not told twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.promotion.posted import STATUS
from gitreg.registry.promotion.promote import propose_promotion
from testing.forge_shops import stub_shop
from testing.forge_stub import StubForge
from testing.gitcli import git
from testing.registries import log

GATE = "format: 1\nstages:\n  production: {approvals: 1, metrics: {accuracy: {min: 0.5}}}\n  staging: {}\n"


@pytest.fixture
def forge(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubForge]:
    """A stub of GitHub with a registry of two versions, which is the one that is meant; ana asks."""
    with stub_shop("github", tmp_path) as (stub, _):
        repo = stub.create("team/registry")
        monkeypatch.setenv("GITREG_TOKEN", "tok-ana")
        git(home, "config", "--global", "credential.helper", "")
        gitreg.init(home / "reg", origin=stub.url("team/registry"), payloads=str(home / "payloads"))
        (home / "reg/gitreg.yaml").write_text(GATE)
        git(home / "reg", "commit", "-q", "-a", "-m", "policy")
        git(repo.folder, "fetch", "-q", home / "reg", "+HEAD:refs/heads/main")  # an administrator's
        gitreg.use(home / "reg")
        for factor, accuracy in ((2.0, 0.4), (3.0, 0.9)):
            with gitreg.start_run():
                gitreg.log_metric("accuracy", accuracy)
                log(factor, "churn")
        yield stub


def written(stub: StubForge) -> list[str]:
    """The calls of the API that were more than questions."""
    assert stub.calls("GET")
    return [call for method in ("POST", "PATCH", "PUT", "DELETE") for call in stub.calls(method)]


def test_the_forge_has_one_pull_request_and_the_outcome_of_the_checks(forge: StubForge) -> None:
    repo = forge.repos["team/registry"]
    first = propose_promotion("churn@1", "production", "First")
    assert first.pull.url.startswith(forge.address)
    (change,) = repo.changes
    assert (change.title, change.body.splitlines()[0]) == (
        "Promote churn v0.1.0 to production", "**Blocked** by `metrics`, `approvals`, with 1 remark.",
    )  # fmt: skip
    told = [(told.context, told.state) for told in forge.newest(repo, first.pull.head_commit)]
    assert told == [(STATUS, "failure")]
    second = propose_promotion("churn@2", "production", "Better")
    assert (second.pull.number, second.updated, len(repo.changes)) == (first.pull.number, True, 1)
    assert change.body.startswith("**Waiting for review**")
    told = [(told.context, told.state) for told in forge.newest(repo, second.pull.head_commit)]
    assert told == [(STATUS, "pending")]  # nobody approved it


def test_the_same_once_more_writes_no_pull_request(forge: StubForge) -> None:
    propose_promotion("churn@2", "production")
    before = len(written(forge))
    again = propose_promotion("churn@2", "production")
    assert (again.pushed, again.opened, again.updated) == (False, False, False)
    assert [call for call in written(forge)[before:] if "/statuses/" not in call] == []


def test_without_the_right_to_set_a_status_it_is_a_warning(forge: StubForge) -> None:
    forge.answer_instead(403, '{"message": "Resource not accessible"}', path="/statuses/", times=9)
    with pytest.warns(UserWarning, match="the status gitreg/check could not be set"):
        assert propose_promotion("churn@2", "staging").opened


def test_a_dry_run_tells_the_forge_nothing_and_needs_no_token(
    forge: StubForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = propose_promotion("churn@2", "staging", dry_run=True)
    assert (found.pull.number, written(forge)) == ("", [])
    assert "**Ready to merge**" in found.pull.body
