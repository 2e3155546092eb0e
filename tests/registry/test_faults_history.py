"""The origin's history is not what it was: put back, tags moved or removed, two names that differ in case only."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, Damaged
from gitreg.registry import register as registering
from gitreg.registry.care.fsck import fsck
from gitreg.registry.notes import NOTES, read_labels
from gitreg.registry.place import open_registry
from testing.aftermath import clean
from testing.clock import Clock
from testing.gitcli import git
from testing.registries import Place, cloned, log, lone


def put_back(place: Place, older: Path) -> None:
    """Let the origin be what its older copy is; payloads stay."""
    assert place.origin
    for name in ("refs", "packed-refs"):
        if (place.origin / name).is_dir():
            shutil.rmtree(place.origin / name)
        if (older / name).is_dir():
            shutil.copytree(older / name, place.origin / name)


def hints(place: Place) -> list[list[str]]:
    """What fsck says to type about the origin."""
    found = [fault.hint for fault in fsck(remote=True, registry=place.path).faults if fault.rule == "origin"]
    return [shlex.split(hint.rpartition("; ")[2]) for hint in found]


@pytest.fixture
def older(clone: Place, tmp_path: Path) -> Path:
    """A registry with churn@1 and churn@2, and a copy of its origin from before churn@2."""
    assert clone.origin
    log(2, "churn", run_id="one")
    copy = shutil.copytree(clone.origin, tmp_path / "older.git")
    log(3, "churn", run_id="two")
    return copy


def test_a_number_that_was_given_out_is_not_given_out_again(clone: Place, older: Path) -> None:
    put_back(clone, older)
    before = clone.at_origin()
    with pytest.raises(Damaged, match=r"has no tag churn@2, which was seen before") as told:
        log(4, "churn", run_id="three")
    assert "gitreg fsck --remote" in told.value.hint
    assert clone.at_origin() == before == ["churn@1", "churn@v0.1.0", "run/one"]
    for words in hints(clone):
        if words[0] == "git":
            subprocess.run(words, cwd=clone.path, check=True)
    gitreg.push("two")
    assert gitreg.register("run:three", "churn").number == 3
    clean(clone)


def test_a_number_is_remembered_though_its_tags_are_gone_here_too(clone: Place, older: Path) -> None:
    put_back(clone, older)
    git(clone.path, "tag", "-d", "churn@2", "churn@v0.2.0")
    with pytest.raises(Damaged, match=r"has no tag churn@2, which was seen before"):
        log(4, "churn", run_id="three")
    assert clone.at_origin("churn@*") == ["churn@1", "churn@v0.1.0"]


def test_who_never_saw_it_goes_on_and_who_did_is_told(clone: Place, older: Path, tmp_path: Path) -> None:
    put_back(clone, older)
    other = clone.clone(tmp_path / "other")
    assert str(gitreg.register(log(4, run_id="three", registry=other.path), "churn", registry=other.path)) != ""
    for call in (lambda: log(5, "churn", run_id="four"), gitreg.fetch, lambda: gitreg.resolve("churn")):
        with pytest.raises(Damaged, match=r"the tag churn@(2|v0.2.0) at origin is not the one seen before"):
            call()


@pytest.mark.parametrize("tag", ["churn@1", "churn@v0.1.0"])
def test_a_tag_that_was_moved_stops_whoever_registers(clone: Place, older: Path, tag: str) -> None:
    assert clone.origin
    git(clone.origin, "update-ref", f"refs/tags/{tag}", git(clone.origin, "rev-parse", "refs/tags/churn@2"))
    before = clone.at_origin()
    with pytest.raises(Damaged, match=f"the tag {tag} at origin is not the one seen before"):
        log(4, "churn", run_id="three")
    assert clone.at_origin() == before
    assert gitreg.load_model("churn@2")(2) == 6  # type: ignore[operator]


@pytest.mark.parametrize("tag", ["churn@1", "churn@v0.1.0", "churn@2", "churn@v0.2.0"])
def test_a_tag_that_was_removed_at_the_origin_is_told_and_can_be_sent_again(
    clone: Place, older: Path, tag: str
) -> None:
    assert clone.origin
    git(clone.origin, "update-ref", "-d", f"refs/tags/{tag}")
    if tag == "churn@2":
        with pytest.raises(Damaged, match="has no tag churn@2"):
            log(4, "churn", run_id="three")
    words = next(words for words in hints(clone) if words[:2] == ["git", "push"])
    subprocess.run(words, cwd=clone.path, check=True)
    assert tag in clone.at_origin()
    assert fsck(remote=True, registry=clone.path).ok


def test_a_rewound_main_keeps_no_version_from_being_registered_and_is_told(clone: Place, older: Path) -> None:
    assert clone.origin
    git(clone.path, "commit", "-q", "--allow-empty", "-m", "later")
    git(clone.path, "push", "-q")
    gitreg.fetch()
    git(clone.origin, "update-ref", "refs/heads/main", git(clone.path, "rev-parse", "HEAD~"))
    log(4, "churn", run_id="three")
    gitreg.fetch()
    (fault,) = [fault for fault in fsck(remote=True).faults if not fault.remark]
    assert (fault.thing, "it was rewound" in fault.message) == ("main", True)


def between(
    patch: pytest.MonkeyPatch, meanwhile: Callable[[], object]
) -> None:  # what a second program does after the first has looked at the names, and before it publishes
    real, left = registering.check_spelling, [meanwhile]

    def check(*given: object) -> str:
        found: str = real(*given)  # type: ignore[arg-type]
        if left:
            left.pop()()
        return found

    patch.setattr(registering, "check_spelling", check)


@pytest.mark.parametrize("atomic", [True, False])
def test_of_two_new_names_that_differ_in_case_one_is_refused_though_they_come_at_once(
    clone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    assert clone.origin
    git(clone.origin, "config", "receive.advertiseAtomic", str(atomic).lower())
    other = clone.clone(tmp_path / "other")
    logged = log(2, run_id="one")
    between(monkeypatch, lambda: log(3, "Churn", run_id="two", registry=other.path))
    with pytest.raises(Conflict, match="there is a model Churn, which differs from churn in case only"):
        gitreg.register(logged, "churn")
    assert clone.at_origin("*@*") == ["Churn@1", "Churn@v0.1.0"]
    gitreg.fetch()
    gitreg.register(logged, "Churn")
    clean(clone)


def test_of_two_new_names_in_one_repository_one_is_refused(alone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = log(2, run_id="one"), log(3, run_id="two")
    between(monkeypatch, lambda: gitreg.register(two, "Churn"))
    with pytest.raises(Conflict, match="there is a model Churn"):
        gitreg.register(one, "churn")
    assert alone.tags("*@*") == ["Churn@1", "Churn@v0.1.0"]


@pytest.mark.parametrize("maker", [cloned, lone])
def test_new_names_that_come_at_once_are_all_registered_and_no_note_is_lost(
    maker: Callable[[Path], Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = maker(tmp_path / "registry")
    gitreg.use(place.path)
    first = gitreg.register(log(1, run_id="zero"), "first")
    gitreg.note(first, {"owner": "risk"})
    between(monkeypatch, lambda: gitreg.register(log(3, run_id="two"), "price"))
    gitreg.register(log(2, run_id="one"), "churn")
    gitreg.note(first, {"checked": "yes"})
    assert read_labels(open_registry(), [first.tag])[first.tag] == {"owner": "risk", "checked": "yes"}
    authority = place.origin or place.path
    assert len(git(authority, "notes", "--ref", NOTES, "show", first.tag).splitlines()) == 2
    assert len(gitreg.search_versions()) == 3
    clean(place)


def test_clocks_an_hour_wrong_change_neither_numbers_nor_order(
    clone: Place, tmp_path: Path, fixed_clock: Clock
) -> None:
    """The tagger's time goes on by itself, so that readers that sort by it see the order, too."""
    places = [clone, clone.clone(tmp_path / "ahead"), clone.clone(tmp_path / "behind")]
    made = []
    for n in range(6):
        fixed_clock.set(("2026-03-02T09:30:00Z", "2026-03-02T10:30:00Z", "2026-03-02T08:30:00Z")[n % 3])
        made.append(gitreg.register(log(n + 1, registry=places[n % 3].path), "churn", registry=places[n % 3].path))
    fixed_clock.set("2026-03-02T08:30:00Z")
    gitreg.retire("churn@6", "old")
    assert [version.number for version in made] == [1, 2, 3, 4, 5, 6]
    assert [version.previous for version in made] == ["", *(version.tag for version in made[:-1])]
    assert sorted(made, key=lambda version: version.created) == made
    assert str(gitreg.resolve("churn")) == str(made[4])
    gitreg.fetch()
    clean(clone)
