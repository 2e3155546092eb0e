from __future__ import annotations

import threading
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import GitregError, Unreachable
from gitreg.format.pulls import PullRequest
from gitreg.registry.place import open_registry
from gitreg.registry.promotion import merge as merging
from gitreg.registry.promotion.audit import audit
from gitreg.registry.promotion.ci import CiRun, ci_run, publish_records
from gitreg.registry.promotion.forge import open_forge
from gitreg.registry.promotion.records import write_records
from testing.gitcli import git
from testing.promoted import History
from testing.registries import SETTINGS, Place, log, lone


@pytest.fixture
def history(clone: Place) -> History:
    log(2, "churn")
    log(3, "churn")
    log(5, "fraud")
    return History(clone)


def run(history: History, **how: bool) -> CiRun:
    return ci_run(registry=history.place.path, **how)


def proposed(ref: str, stage: str, where: Path) -> PullRequest:
    """A pull request in Git."""
    return gitreg.promote(ref, stage, "because", registry=where)


def state(history: History, number: str) -> str:
    return open_forge(history.registry).get(number).state


def comments(history: History, number: str) -> list[str]:
    said = open_forge(history.registry).reviews(number)
    return [each.text for each in said if each.verdict == "comment"]


def test_every_change_without_a_record_gets_one_and_twice_is_once(history: History) -> None:
    for _ in range(2):
        for ref in ("churn@1", "churn@2", "fraud@1"):
            history.merge(ref, "production", pull=False)
            history.merge(ref, "production", text="", pull=False)
    found = run(history)
    assert found == CiRun(found.records)
    assert len(found.records) == 12
    assert sorted(found.records) == sorted(history.place.at_origin("*#*")) == sorted(history.place.tags("*#*"))
    assert "churn#production!#2" in found.records
    assert run(history) == CiRun()


def test_a_dry_run_publishes_nothing(history: History) -> None:
    history.merge("churn@1", "production", pull=False)
    assert run(history, dry_run=True).records == ("churn#production#1",)
    assert (history.place.at_origin("*#*"), history.place.tags("*#*")) == ([], [])


def test_another_clone_has_nothing_left_to_do(history: History, tmp_path: Path) -> None:
    history.merge("churn@1", "production", pull=False)
    other = history.place.clone(tmp_path / "other")
    run(history)
    assert ci_run(registry=other.path) == CiRun()
    assert other.tags("*#*") == ["churn#production#1"]


def test_two_at_once_make_each_record_once(history: History, tmp_path: Path) -> None:
    for ref in ("churn@1", "churn@2", "churn@1", "churn@2"):
        history.merge(ref, "production", pull=False)
    others = [history.place.clone(tmp_path / name) for name in ("one", "two")]
    found: list[CiRun] = []
    both = [threading.Thread(target=lambda place=each: found.append(ci_run(registry=place.path))) for each in others]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [each.failed for each in found] == [(), ()]
    names = [f"churn#production#{n}" for n in range(1, 5)]
    assert history.place.at_origin("*#*") == names
    assert {name for each in found for name in each.records} == set(names)
    assert [each.remarks[0].text for each in audit(registry=others[0].path)] == ["merged without a pull request"] * 4


def test_a_record_that_is_something_else_stops_no_other(history: History) -> None:
    history.merge("churn@1", "production", pull=False)
    history.merge("churn@2", "production", pull=False)
    assert history.place.origin is not None
    git(history.place.origin, "tag", "churn#production#1", "main")
    found = run(history)
    # It is here as it is there: nothing is missing under that name, and audit tells what it is.
    assert found.records == ("churn#production#2",)
    assert audit(registry=history.place.path)[0].remarks[0].text.endswith("is not gitreg's")


def test_a_tag_that_somebody_else_is_quicker_with_stays(history: History) -> None:
    history.merge("churn@1", "production", pull=False)
    place = history.registry
    (change,) = write_records(place)
    assert history.place.origin is not None
    git(history.place.origin, "tag", "churn#production#1", "main")
    failed: list[GitregError] = []
    assert publish_records(place, [change], failed) == []
    assert [(error.message, error.hint) for error in failed] == [
        ("there is another tag churn#production#1: it tells something else than main", "gitreg audit")
    ]
    assert git(history.place.origin, "cat-file", "-t", "churn#production#1") == "commit"


def test_a_change_that_cannot_be_recorded_is_told(history: History) -> None:
    history.push("churn@1", "production", text="version: [\n")
    history.push("churn@1", "production")
    found = run(history)
    assert (found.records, found.left_out) == (("churn#production#2",), ("churn#production#1",))


def test_a_registry_without_an_origin_records_here(tmp_path: Path) -> None:
    place = lone(tmp_path / "registry")
    log(2, "churn", registry=place.path)
    gitreg.use(place.path)
    text = History(place).text("churn@1", "production")
    place.stage("production", "churn", text)
    assert ci_run(registry=place.path).records == ("churn#production#1",)
    assert place.tags("*#*") == ["churn#production#1"]


def test_an_address_is_enough(history: History) -> None:
    history.merge("churn@1", "production", pull=False)
    history.merge("churn@2", "production", pull=False)
    address = f"file://{history.place.origin}"
    assert ci_run(registry=address).records == ("churn#production#1", "churn#production#2")
    assert history.place.origin is not None
    assert [change.new for change in write_records(history.registry)] == [
        git(history.place.origin, "rev-parse", f"churn#production#{n}") for n in (1, 2)
    ]


def test_offline_says_so(history: History) -> None:
    with pytest.raises(Unreachable, match="offline"):
        ci_run(registry=open_registry(history.place.path, offline=True))


def test_the_record_of_a_merge_is_what_the_merge_itself_would_have_written(history: History) -> None:
    pull = proposed("churn@1", "production", history.place.path)
    made = merging.merge(pull.number, registry=history.place.path)
    assert made.record == ("churn#production#1",)
    assert history.place.origin is not None
    record = git(history.place.origin, "rev-parse", "churn#production#1")
    for where in (history.place.origin, history.place.path):
        git(where, "update-ref", "-d", "refs/tags/churn#production#1")
    assert run(history).records == ("churn#production#1",)
    assert git(history.place.origin, "rev-parse", "churn#production#1") == record


def test_a_promotion_of_what_the_stage_runs_already_is_closed(history: History) -> None:
    pull = proposed("churn@1", "production", history.place.path)
    history.push("churn@1", "production")
    found = run(history)
    (closed,) = found.closed
    since = git(history.place.path, "rev-parse", "main")[:12]
    assert (closed.pull.number, state(history, pull.number)) == (pull.number, "closed")
    assert closed.why == (
        f"production runs churn v0.1.0 since {since}: that is what this proposes, so there is nothing left to merge."
    )
    assert comments(history, pull.number) == [closed.why]
    assert run(history).closed == ()
    assert comments(history, pull.number) == [closed.why]


def test_a_promotion_that_another_was_quicker_than_is_closed(history: History) -> None:
    pull = proposed("churn@2", "production", history.place.path)
    history.push("churn@1", "production")
    assert run(history, dry_run=True).closed[0].pull.number == pull.number
    assert state(history, pull.number) == "open"
    (closed,) = run(history).closed
    assert closed.why.endswith("This was proposed before that; promote again what is still wanted.")
    assert state(history, pull.number) == "closed"


def test_what_can_be_merged_and_what_gitreg_did_not_open_stays(history: History) -> None:
    here = history.place.path
    pulls = [proposed("churn@1", "production", here), proposed("fraud@1", "production", here)]
    git(here, "checkout", "-q", "-b", "by-hand")
    (here / "stages/staging").mkdir(parents=True)
    (here / "stages/staging/churn.yaml").write_text(history.text("churn@1", "staging"))
    git(here, "add", "stages")
    git(here, "commit", "-q", "-m", "by hand")
    git(here, "push", "-q", "origin", "by-hand")
    git(here, "checkout", "-q", "main")
    pulls.append(open_forge(history.registry).open("by-hand", "main", "by hand", ""))
    history.push("churn@1", "staging")
    assert run(history).closed == ()
    assert [state(history, pull.number) for pull in pulls] == ["open"] * 3


def test_what_plain_git_merged_is_recorded_and_noted(history: History) -> None:
    pull = proposed("churn@1", "production", history.place.path)
    here = history.place.path
    git(here, "fetch", "-q", "origin", pull.head)
    git(here, "merge", "-q", "--no-ff", "-m", "by plain git", "FETCH_HEAD")
    git(here, "push", "-q", "origin", "main")
    found = run(history)
    assert (found.records, found.closed, found.merged) == (("churn#production#1",), (), (pull.number,))
    (change,) = audit(registry=here)
    assert (change.pull, change.remarks, state(history, pull.number)) == (pull.number, (), "merged")
    assert run(history) == CiRun()


def test_what_the_forge_refuses_is_told_and_keeps_no_record_back(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed("churn@1", "production", history.place.path)
    history.push("churn@1", "production")

    def refuse(*_: object) -> None:
        raise GitregError("may not comment", "get a token that may")

    monkeypatch.setattr("gitreg.forges.local.LocalForge.comment", refuse)
    found = run(history)
    assert found.records == ("churn#production#1",)
    assert [error.message for error in found.failed] == ["may not comment"]


def test_tags_that_the_origin_refuses_are_told_one_by_one(history: History) -> None:
    history.merge("churn@1", "production", pull=False)
    history.merge("fraud@1", "production", pull=False)
    assert history.place.origin is not None
    hook = history.place.origin / "hooks/update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/tags/churn*) echo "protected tag" >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    found = run(history)
    assert (found.records, len(found.failed)) == (("fraud#production#1",), 1)
    hook.unlink()
    assert run(history).records == ("churn#production#1",)


def test_policy_of_that_moment_decides_whose_approval_is_recorded(history: History) -> None:
    history.policy(SETTINGS + "stages:\n  production: {approvals: 1}\n")
    pull = proposed("churn@1", "production", history.place.path)
    other = history.place.clone(history.place.path.parent / "bo")
    git(other.path, "config", "user.name", "Bo")
    git(other.path, "config", "user.email", "bo@example.org")
    forge = open_forge(open_registry(other.path))
    forge.review(forge.get(pull.number), "approve", "good")
    merging.merge(pull.number, registry=other.path)
    (found,) = audit(registry=other.path)
    assert ([one.by for one in found.approvals], found.remarks) == (["Bo <bo@example.org>"], ())
