from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitreg.errors import NotFound, Refused
from gitreg.format.objects import parse_tag_object
from gitreg.format.record import Record, parse_record
from gitreg.format.tags import RecordTag, parse_tag_name
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.promotion.records import record_number, record_of, records_missing, write_record, write_records
from gitreg.registry.promotion.timeline import timeline
from gitreg.stores.git import RefChange
from testing.gitcli import git
from testing.promoted import CARA, HOUR, START, History
from testing.registries import Place, log

PRODUCTION = "stages/production/churn.yaml"


@pytest.fixture
def history(clone: Place) -> History:
    log(2, "churn")
    log(3, "churn")
    log(5, "fraud")
    return History(clone)


def told(place: Registry, change: RefChange) -> Record:
    """What the tag object says that a change publishes."""
    name = parse_tag_name(change.ref.removeprefix("refs/tags/"))
    assert isinstance(name, RecordTag)
    assert change.old == ""
    return parse_record(parse_tag_object(place.git.content(change.new, "tag"), "tag").message, name)


def test_a_merge_is_recorded_with_who_asked_who_approved_and_why(history: History) -> None:
    merge = history.merge("churn@1", "production", approved=["dan", "eve"], why="it is better")
    (change,) = write_records(history.registry, history.said)
    assert change.ref == "refs/tags/churn#production#1"
    record = told(history.registry, change)
    assert (record.version, record.before, record.merge, record.pull) == ("v0.1.0", "", merge, "1")
    assert (record.requested, record.why) == ("Ben <ben@example.org>", "it is better")
    assert [(one.who, one.at) for one in record.approvals] == [
        ("dan", "2026-08-29T13:40:00.000Z"), ("eve", "2026-08-29T14:40:00.000Z"),
    ]  # fmt: skip
    tag = parse_tag_object(history.registry.git.content(change.new, "tag"), "tag")
    stage = timeline(history.registry)[0].after
    assert stage is not None
    assert (tag.name, tag.target, tag.tagger) == ("churn#production#1", stage.commit, CARA)
    assert tag.when == int(git(history.place.path, "log", "-1", "--format=%ct", merge))
    assert b" +0000\n" in history.registry.git.content(change.new, "tag")


def test_a_rerun_and_another_clone_make_the_identical_objects(history: History, tmp_path: Path) -> None:
    history.merge("churn@1", "staging", approved=["dan"])
    history.squash("churn@2", "staging")
    history.merge("churn@2", "staging", text="")
    history.push("fraud@1", "staging")
    first = write_records(history.registry, history.said)
    assert first == write_records(history.registry, history.said)
    other = history.place.clone(tmp_path / "other")
    git(other.path, "config", "user.name", "Somebody Else")
    assert first == write_records(open_registry(other.path), history.said)
    assert [change.ref.removeprefix("refs/tags/") for change in first] == [
        "churn#staging#1", "churn#staging#2", "churn#staging!#3", "fraud#staging#1",
    ]  # fmt: skip


def test_what_was_said_after_the_merge_changes_no_record(history: History) -> None:
    history.merge("churn@1", "production", approved=["dan"])
    before = write_records(history.registry, history.said)
    head = history.said.get("1").head_commit
    history.said.approved("1", "late", head, history.when + HOUR)
    assert write_records(history.registry, history.said) == before


def test_only_what_has_no_record_is_missing(history: History) -> None:
    history.merge("churn@1", "production")
    place = history.registry
    place.git.change_refs(write_records(place, history.said))
    assert (records_missing(place), write_records(place, history.said)) == ([], [])
    history.merge("churn@2", "production")
    assert [change.number for change in records_missing(history.registry)] == [2]


def test_an_emptied_stage_is_recorded_on_what_it_ran(history: History) -> None:
    history.merge("churn@1", "production")
    history.merge("churn@1", "production", text="")
    first, second = write_records(history.registry, history.said)
    assert second.ref == "refs/tags/churn#production!#2"
    record = told(history.registry, second)
    assert (record.version, record.digest, record.before) == ("", "", "v0.1.0")
    objects = [parse_tag_object(history.registry.git.content(one.new, "tag"), "tag") for one in (first, second)]
    assert objects[0].target == objects[1].target


def test_a_squash_is_found_by_what_main_became(history: History) -> None:
    history.squash("churn@1", "production")
    (change,) = write_records(history.registry, history.said)
    assert told(history.registry, change).pull == "1"


def test_a_rebase_is_found_by_its_head(history: History) -> None:
    head = history.propose("churn@1", "production")
    number = history.said.opened(head, "churn@1", "production", "ben", START)
    git(history.place.path, "merge", "-q", "--ff-only", head)
    git(history.place.path, "push", "-q", "origin", "main")
    history.said.merged(number, "")
    (change,) = write_records(history.registry, history.said)
    assert told(history.registry, change).pull == "1"


def test_a_change_without_a_pull_request_says_so(history: History) -> None:
    history.push("churn@1", "production")
    (change,) = write_records(history.registry, history.said)
    record = told(history.registry, change)
    assert (record.pull, record.requested, record.approvals) == ("", "", ())
    assert record.why == "churn@1 in production, quickly"


def test_a_revert_is_a_change_of_its_own(history: History) -> None:
    history.merge("churn@1", "production")
    history.revert(history.merge("churn@2", "production"))
    changes = write_records(history.registry, history.said)
    assert [told(history.registry, change).version for change in changes] == ["v0.1.0", "v0.2.0", "v0.1.0"]


def test_who_merged_in_an_emergency_is_recorded(history: History) -> None:
    message = "Promote churn v0.1.0 to production\n\nsmoke\n\nGitreg-Format: 1\nGitreg-Emergency: cara\n"
    history.merge("churn@1", "production", message=message)
    (change,) = write_records(history.registry, history.said)
    record = told(history.registry, change)
    assert (record.emergency, record.why) == ("cara", "smoke")


def test_a_stage_file_that_says_nothing_has_no_record_and_stops_no_other(history: History) -> None:
    history.push("churn@1", "production", text="version: [\n")
    history.push("churn@1", "production")
    history.push("fraud@1", "production", text=history.text("churn@1", "production"))
    changes = write_records(history.registry, history.said)
    assert [change.ref for change in changes] == ["refs/tags/churn#production#2"]


def test_a_merge_of_one_s_own_is_recorded_like_any_other(history: History) -> None:
    """What `gitreg pr merge` does: a record for a commit that no branch names yet."""
    head = history.propose("churn@2", "staging")
    tree = git(history.place.path, "rev-parse", f"{head}^{{tree}}")
    merge = git(history.place.path, "commit-tree", tree, "-p", "main", "-p", head, "-m", "merged")
    place = history.registry
    assert record_number(place, merge, "stages/staging/churn.yaml") == 1
    (change,) = timeline(place, stage="staging", model="churn", tip=merge)
    made = write_record(place, record_of(change, pull="9"), by=change.change.by, when=change.change.when)
    assert told(place, made).merge == merge


def test_the_commit_of_a_version_that_is_not_here_is_told(history: History) -> None:
    text = history.text("churn@1", "production")
    wrong = "".join(f"commit: {'1' * 40}\n" if line.startswith("commit") else line for line in text.splitlines(True))
    history.push("churn@1", "production", text=wrong)
    place = history.registry
    (change,) = timeline(place)
    with pytest.raises(NotFound, match="1111"):
        write_record(place, record_of(change), by=CARA, when=START)
    assert write_records(place, history.said) == []


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("quickly\n\nfor a reason", "quickly\n\nfor a reason"),
        ("quickly\n\nSigned-off-by: Ben <ben@example.org>", "quickly"),
        ("quickly\x07\x1b[31m\n", "quickly[31m"),
        ("x" * 5000, "x" * 1000),
        ("quickly\n\n-----BEGIN PGP SIGNATURE-----\nnone", ""),
    ],
)
def test_why_is_what_the_commit_says_whoever_wrote_it(history: History, message: str, why: str) -> None:
    history.push("churn@1", "production", message=message)
    (change,) = write_records(history.registry, history.said)
    assert told(history.registry, change).why == why


def test_a_shallow_clone_does_not_guess_the_number(history: History, tmp_path: Path) -> None:
    history.merge("churn@1", "production")
    history.merge("churn@2", "production")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{history.place.origin}", tmp_path / "shallow")
    with pytest.raises(Refused, match="shallow clone"):
        write_records(open_registry(tmp_path / "shallow"), history.said)


def test_gto_lists_what_the_records_tell(history: History, tool: Callable[[str], Path]) -> None:
    history.merge("churn@1", "production")
    history.merge("churn@2", "production")
    history.merge("fraud@1", "production")
    history.merge("fraud@1", "production", text="")
    place = history.registry
    place.git.change_refs(write_records(place, history.said))

    done = subprocess.run([tool("gto"), "show", "-r", history.place.path, "--json"], capture_output=True)
    assert done.returncode == 0, done.stderr
    stages = {name: found["stage"]["production"] for name, found in json.loads(done.stdout).items()}
    assert stages == {"churn": "v0.2.0", "fraud": None}
