"""A tag that was seen once is known again: moved, gone or replaced, whatever git's own refs say by then."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Damaged
from gitreg.registry import seen
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.push import fetch
from testing.gitcli import git
from testing.plumbed import Builder, make_registry
from testing.registries import Place, log

ONE, TWO = "1" * 40, "2" * 40


@pytest.fixture(autouse=True)
def _not_warned_yet() -> None:
    seen._warned.clear()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return make_registry(tmp_path / "r").registry


def test_nothing_seen_yet_is_nothing_wrong_and_nothing_written(registry: Registry) -> None:
    seen.check_seen(registry, {"refs/tags/churn@v1.0.0": ONE})
    assert (seen.tags_seen(registry), seen.mains_seen(registry), seen.check_file(registry)) == ({}, set(), 0)
    assert seen.missing_or_moved(registry) == ()
    seen.forget_seen(registry, ["refs/tags/churn@v1.0.0"])
    assert not registry.state.exists()


def test_a_tag_seen_before_must_be_the_same(registry: Registry) -> None:
    seen.remember_seen(registry, {"refs/tags/churn@1": ONE, "refs/tags/churn@v1.0.0": ONE})
    seen.check_seen(registry, {"refs/tags/churn@1": ONE, "refs/tags/new": TWO})
    with pytest.raises(Damaged) as caught:
        seen.check_seen(registry, {"refs/tags/churn@1": TWO})
    assert caught.value.message == (
        "the tag churn@1 is 222222222222 now, and was 111111111111 when last seen from here: tags never move"
    )
    assert caught.value.hint == "ask who changed it; git show-ref 'churn@1'"
    with pytest.raises(Damaged):
        seen.remember_seen(registry, {"refs/tags/churn@1": TWO, "refs/tags/new": TWO})
    assert seen.tags_seen(registry) == {"refs/tags/churn@1": ONE, "refs/tags/churn@v1.0.0": ONE}


def test_branches_and_notes_may_move(registry: Registry) -> None:
    seen.remember_seen(registry, {"refs/heads/main": ONE, "refs/notes/gitreg": ONE})
    seen.check_seen(registry, {"refs/heads/main": TWO, "refs/notes/gitreg": TWO})
    assert seen.tags_seen(registry) == {}


def test_what_was_taken_away_on_purpose_is_forgotten(registry: Registry) -> None:
    seen.remember_seen(registry, {"refs/tags/run/a": ONE, "refs/tags/run/b": ONE})
    seen.forget_seen(registry, ["refs/tags/run/a"])
    assert seen.tags_seen(registry) == {"refs/tags/run/b": ONE}


def test_ten_thousand_tags_are_one_question(registry: Registry) -> None:
    refs = {f"refs/tags/churn@{n}": f"{n:040x}" for n in range(10_000)}
    seen.remember_seen(registry, refs)
    seen.check_seen(registry, refs)
    assert seen.tags_seen(registry) == refs
    with pytest.raises(Damaged, match="the tag churn@9999 is"):
        seen.check_seen(registry, {**refs, "refs/tags/churn@9999": ONE})


def test_a_tombstone_of_the_tag_seen_is_accepted_and_no_other(tmp_path: Path) -> None:
    made = make_registry(tmp_path / "r")
    first = made.version(made.run("a"), "churn", "v1.0.0", 1)
    second = made.version(made.run("b"), "churn", "v1.1.0", 2)
    seen.remember_seen(made.registry, _tags(made))
    made.purge(first)
    seen.remember_seen(made.registry, _tags(made))
    assert seen.missing_or_moved(made.registry) == ()
    assert seen.tags_seen(made.registry) == _tags(made)
    # The tombstone of another version in the place of this one.
    tombstone = _tags(made)["refs/tags/churn@1"]
    with pytest.raises(Damaged, match=r"churn@v1\.1\.0"):
        seen.check_seen(made.registry, {"refs/tags/churn@v1.1.0": tombstone})
    git(made.path, "update-ref", "refs/tags/churn@2", tombstone)
    (changed,) = seen.missing_or_moved(made.registry)
    assert (changed.ref, changed.seen, changed.now) == ("refs/tags/churn@2", second.tag, tombstone)


def _tags(made: Builder) -> dict[str, str]:
    return {ref.name: ref.oid for ref in made.registry.git.refs("refs/tags/")}


def test_tags_that_are_gone_are_told(registry: Registry) -> None:
    seen.remember_seen(registry, {"refs/tags/churn@1": ONE})
    assert seen.missing_or_moved(registry) == (seen.Changed("refs/tags/churn@1", ONE, ""),)
    assert seen.missing_or_moved(registry, {"refs/tags/churn@1": ONE}) == ()


def test_resolving_and_publishing_remember_and_a_moved_tag_is_not_served(place: Place) -> None:
    log(2, "churn")
    log(3, "churn")
    registry = open_registry(place.path)
    assert sorted(seen.tags_seen(registry)) == [f"refs/tags/churn@{end}" for end in ("1", "2", "v0.1.0", "v0.2.0")]
    shutil.rmtree(registry.state)
    gitreg.resolve("churn@v0.1.0")
    assert list(seen.tags_seen(registry)) == ["refs/tags/churn@v0.1.0"]
    other = git(place.path, "rev-parse", "refs/tags/churn@v0.2.0")
    text = git(place.path, "cat-file", "tag", other).replace("v0.2.0", "v0.1.0")
    forged = git(place.path, "mktag", input=text + "\n")
    git(place.path, "update-ref", "refs/tags/churn@v0.1.0", forged)
    with pytest.raises(Damaged, match=r"the tag churn@v0\.1\.0 is .* tags never move"):
        gitreg.resolve("churn@v0.1.0")


def test_fetching_remembers_all_tags_and_main(clone: Place, tmp_path: Path) -> None:
    log(2, "churn")
    other = open_registry(clone.clone(tmp_path / "other").path)
    fetch(registry=other.git.work_tree)
    assert sorted(seen.tags_seen(other)) == [f"refs/tags/{name}" for name in clone.at_origin()]
    assert seen.mains_seen(other) == {other.main()}


def test_a_damaged_file_is_warned_of_once_and_named_by_the_check(registry: Registry) -> None:
    registry.state.mkdir()
    (registry.state / seen.FILE).write_bytes(b"no database " * 100)
    with pytest.warns(UserWarning, match=r"seen\.sqlite: .*not a database; a tag that moves is not noticed"):
        seen.check_seen(registry, {"refs/tags/churn@1": ONE})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen.remember_seen(registry, {"refs/tags/churn@1": ONE})
        assert seen.tags_seen(registry) == {}
    with pytest.raises(Damaged, match="cannot be read") as caught:
        seen.check_file(registry)
    assert caught.value.hint.startswith(f"rm {registry.state}")


def test_an_unwritable_folder_is_warned_of_and_nothing_else(registry: Registry) -> None:
    registry.state.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="a tag that moves is not noticed"):
        seen.remember_seen(registry, {"refs/tags/churn@1": ONE})


def test_a_file_that_was_only_begun_is_empty(registry: Registry) -> None:
    registry.state.mkdir()
    (registry.state / seen.FILE).touch()
    seen.check_seen(registry, {"refs/tags/churn@1": ONE})
    seen.remember_seen(registry, {"refs/tags/churn@1": ONE})
    assert seen.tags_seen(registry) == {"refs/tags/churn@1": ONE}


_WRITER = """
import sys
from gitreg.registry.place import open_registry
from gitreg.registry.seen import remember_seen
place = open_registry(sys.argv[1])
for n in range(20):
    remember_seen(place, {f"refs/tags/m{sys.argv[2]}@{n + 1}": "1" * 40, "refs/tags/shared": "2" * 40})
"""


def test_many_processes_remember_at_once(registry: Registry) -> None:
    assert registry.git.work_tree
    running = [subprocess.Popen([sys.executable, "-W", "error", "-c", _WRITER, registry.git.work_tree, str(i)])
               for i in range(4)]  # fmt: skip
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert len(seen.tags_seen(registry)) == 4 * 20 + 1
    assert seen.check_file(registry) == 81
