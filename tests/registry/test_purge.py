"""A purged version is gone for good, its number is never used again, and nothing else is touched."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, Damaged, NotFound, Refused, Unreachable
from gitreg.format.objects import parse_tag_object
from gitreg.format.tombstones import Tombstone, format_tombstone, parse_tombstone
from gitreg.registry.care.purge import purge
from gitreg.registry.place import open_registry
from testing.gitcli import git, snapshot
from testing.killing import git_that_kills, purge_one, run
from testing.models import log_run, put_stage, write_model
from testing.registries import Place, cloned, lone


def fill(place: Place, *runs: str, model: str = "churn") -> None:
    """A version of `model` for each run, each with weights of its own."""
    for run_id in runs:
        folder = place.path.parent / f"model-{model}-{run_id}"
        log_run(place.path, run_id, write_model(folder, weights=run_id.encode()), register_as=model)


def stone_at(path: Path, tag: str) -> Tombstone | None:
    return parse_tombstone(parse_tag_object(git(path, "cat-file", "tag", tag).encode(), tag))


def test_a_purged_version_is_listed_and_never_chosen_loaded_or_numbered_again(place: Place) -> None:
    fill(place, "a", "b")
    old = gitreg.resolve("churn@2")
    done = purge("churn@v1.0.1", "holds names of customers", yes=True)
    assert (done.done, done.already, done.run_kept) == (True, False, "")
    assert [item.name for item in done.payloads] == ["model/model.pkl"]
    for path in filter(None, (place.path, place.origin)):
        assert git(path, "rev-parse", "churn@2") == git(path, "rev-parse", "churn@v1.0.1") == done.tombstone
        assert git(path, "tag", "--list", "run/*") == "run/a"
        assert git(path, "ls-tree", "churn@2") == ""
    assert gitreg.resolve("churn").version == gitreg.resolve("churn@v1").version == "v1.0.0"
    assert gitreg.resolve("churn@2").tombstone
    with pytest.raises(NotFound, match="purged"):
        gitreg.pull("churn@2", "x")
    assert stone_at(place.path, "churn@2") == Tombstone(
        "churn", "v1.0.1", 2, old.previous, old.tag, "holds names of customers"
    )
    fill(place, "c")
    assert (gitreg.resolve("churn@3").version, gitreg.resolve("churn@3").previous) == ("v1.0.2", done.tombstone)


def test_the_tombstone_is_the_text_of_the_format() -> None:
    stone = Tombstone("churn", "v1.0.1", 2, "", "a" * 40, "why\n\nand more")
    text = format_tombstone(stone)
    assert text == (
        "churn v1.0.1 purged\n\nwhy\n\nand more\n\nGitreg-Format: 1\nGitreg-Number: 2\nGitreg-Previous: none\n"
        f"Gitreg-Replaces: {'a' * 40}\n"
    )
    head = f"object {'b' * 40}\ntype commit\ntag churn@v1.0.1\ntagger A <a@b.c> 1 +0000\n\n"
    assert parse_tombstone(parse_tag_object((head + text).encode(), "it")) == stone
    with pytest.raises(Damaged):
        parse_tombstone(parse_tag_object((head + text.replace("a" * 40, "x")).encode(), "it"))


def test_without_yes_nothing_is_done(place: Place) -> None:
    fill(place, "a")
    before = snapshot(place.path), git(place.path, "show-ref")
    done = purge("churn@1", "why")
    assert (done.done, done.tombstone, [i.name for i in done.payloads]) == (False, "", ["model/model.pkl"])
    assert (snapshot(place.path), git(place.path, "show-ref")) == before


def test_a_run_that_another_version_needs_stays_with_its_payloads(place: Place) -> None:
    fill(place, "a")
    gitreg.register("run:a", "price")
    done = purge("churn@1", "why", yes=True)
    assert (done.run_kept, done.payloads) == ("price@v1.0.0", ())
    assert place.tags("run/*") == ["run/a"]
    assert gitreg.pull("price@1", place.path.parent / "out").is_dir()


def test_a_retirement_goes_with_its_version(place: Place) -> None:
    fill(place, "a", "b")
    gitreg.retire("churn@1", "old")
    purge("churn@1", "why", yes=True)
    assert place.tags("*!") == []
    assert not place.origin or place.at_origin("*!") == []


def test_what_may_not_be_purged(place: Place, tmp_path: Path) -> None:
    fill(place, "a")
    put_stage(place.path, "production", "churn@1")
    for ref, why, error in (
        ("churn@1", "why", "production runs churn@v1.0.0"),
        ("churn", "why", "may name another version"),
        ("churn@v1", "why", "may name another version"),
        ("churn@1", " ", "for a reason"),
    ):
        with pytest.raises(Refused, match=error):
            purge(ref, why, yes=True)
    for ref in ("churn@7", "churn@v9.9.9", "price@1"):
        with pytest.raises(NotFound):
            purge(ref, "why", yes=True)
    git(place.path, "tag", "-a", "-m", "by hand", "plain@v1.0.0")
    if place.origin:
        git(place.path, "push", "-q", "origin", "plain@v1.0.0")
    with pytest.raises(Refused, match="without gitreg"):
        purge("plain@v1.0.0", "why", yes=True)


def test_purging_twice_is_told(place: Place) -> None:
    fill(place, "a")
    stone = purge("churn@1", "why", yes=True).tombstone
    again = purge("churn@v1.0.0", "why", yes=True)
    assert (again.already, again.done, again.tombstone) == (True, True, stone)


def test_offline_nothing_is_purged(clone: Place) -> None:
    fill(clone, "a")
    with pytest.raises(Unreachable):
        purge("churn@1", "why", registry=open_registry(offline=True), yes=True)


def test_other_clones_take_the_tombstone_and_drop_the_run(clone: Place, tmp_path: Path) -> None:
    fill(clone, "a", "b")
    gitreg.retire("churn@1", "old")
    others = [clone.clone(tmp_path / name) for name in ("fetching", "resolving", "registering")]
    for other in others:
        gitreg.fetch(registry=other.path)
        assert other.tags("run/*", "*!") == ["churn@v1.0.0!", "run/a", "run/b"]
    stone = purge("churn@1", "why", yes=True).tombstone
    assert gitreg.fetch(registry=others[0].path) == 0
    assert gitreg.resolve("churn", registry=others[1].path).version == "v1.0.1"
    fill(others[2], "c")
    for other in others:
        assert git(other.path, "rev-parse", "churn@1") == git(other.path, "rev-parse", "churn@v1.0.0") == stone
        assert other.tags("run/a", "*!") == []
        assert git(other.path, "for-each-ref", "refs/gitreg") == ""
        gitreg.fetch(registry=other.path)
    assert gitreg.resolve("churn", registry=others[2].path).number == 3


@pytest.mark.parametrize("what", ["moved", "stone of another", "stone of another number", "lightweight", "gone then"])
def test_no_other_move_of_a_tag_is_accepted(clone: Place, tmp_path: Path, what: str) -> None:
    fill(clone, "a", "b")
    other = clone.clone(tmp_path / "other")
    gitreg.fetch(registry=other.path)
    before = git(other.path, "show-ref", "--tags")
    assert clone.origin
    tag, second = (git(clone.path, "rev-parse", f"churn@{n}") for n in (1, 2))
    if what == "moved":
        git(clone.origin, "update-ref", "refs/tags/churn@1", second)
    elif what == "lightweight":
        git(clone.origin, "update-ref", "refs/tags/churn@v1.0.0", "main")
    else:
        stone = Tombstone("churn", "v1.0.0", 1, "", tag, "why")
        if what == "stone of another":
            stone = Tombstone("churn", "v1.0.0", 1, "", second, "why")
        elif what == "stone of another number":
            stone = Tombstone("churn", "v1.0.0", 2, "", tag, "why")
        elif what == "gone then":  # the number is the tombstone, the version another one altogether
            git(clone.origin, "update-ref", "refs/tags/churn@v1.0.0", second)
        at = open_registry(clone.origin).git
        made = at.write_tag("churn@v1.0.0", at.find_ref("main"), format_tombstone(stone), "A <a@b.c>", 1)
        git(clone.origin, "update-ref", "refs/tags/churn@1", made)
    with pytest.raises(Damaged, match="a tag never moves"):
        gitreg.fetch(registry=other.path)
    assert git(other.path, "show-ref", "--tags") == before
    assert git(other.path, "for-each-ref", "refs/gitreg") == ""


def test_two_who_purge_at_once_make_one_tombstone(
    clone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitreg.registry.care import purge as module

    fill(clone, "a")
    other = clone.clone(tmp_path / "other")
    real = module._write

    def slower(*args: object) -> str:
        monkeypatch.setattr(module, "_write", real)
        purge("churn@1", "the other", registry=other.path, yes=True)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_write", slower)
    with pytest.raises(Conflict, match="meanwhile"):
        purge("churn@1", "mine", yes=True)
    assert purge("churn@1", "mine", yes=True).already
    assert (stone := stone_at(clone.path, "churn@1")) and stone.why == "the other"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("maker", [lone, cloned])
def test_a_purge_killed_at_any_process_of_git_is_completed_by_giving_it_again(
    maker: Callable[[Path], Place], after: bool, tmp_path: Path
) -> None:
    place = maker(tmp_path / "registry")
    gitreg.use(place.path)
    for n in itertools.count(1, 2):
        model = f"m{n}"
        fill(place, f"run{n}", model=model)
        code = run(purge_one, place.path, model, path=git_that_kills(tmp_path / "bin", n, after=after))
        assert code in {0, -9}
        assert run(purge_one, place.path, model) == 0
        for path in filter(None, (place.path, place.origin)):
            assert git(path, "rev-parse", f"{model}@1") == git(path, "rev-parse", f"{model}@v1.0.0")
            assert stone_at(path, f"{model}@1")
            assert git(path, "tag", "--list", f"run/run{n}") == ""
        if code == 0:
            break
    assert n > 8


@pytest.mark.parametrize("first", ["churn@1", "churn@v1.0.0"])
def test_a_purge_that_changed_one_tag_only_is_completed(place: Place, first: str) -> None:
    fill(place, "a")
    old = gitreg.resolve("churn@1")
    stone = purge("churn@1", "why", yes=True).tombstone
    other = {"churn@1": "churn@v1.0.0", "churn@v1.0.0": "churn@1"}[first]
    for path in filter(None, (place.path, place.origin)):
        git(path, "update-ref", f"refs/tags/{other}", old.tag)
    for ref in ("churn@1", "churn@v1.0.0"):
        assert purge(ref, "why").done is False
    assert purge(other, "why", yes=True).done
    for path in filter(None, (place.path, place.origin)):
        assert git(path, "rev-parse", other) == git(path, "rev-parse", first) == stone
