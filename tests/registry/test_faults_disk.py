"""The disk fails, or the program is killed, while payloads are written: an error that says so, and again is enough."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import gitreg
from testing.aftermath import clean
from testing.killing import LARGE, run, said, train_large, train_small
from testing.registries import Place

NAMED = 128
MIB = 1 << 20


def served(place: Place, name: str, folder: Path) -> int:
    """The size of the payload of a version, written out."""
    return (gitreg.pull(f"{name}@1", folder / name, registry=place.path) / "model.pkl").stat().st_size


@pytest.mark.parametrize("at", [5 * MIB, LARGE, LARGE + 5 * MIB, 2 * LARGE])
def test_killed_at_a_byte_of_a_large_payload(clone: Place, tmp_path: Path, at: int) -> None:
    """While it is hashed on its way into the cache, and while it is copied into the store."""
    assert run(train_large, clone.path, "churn", at, fault="kill at a byte") == -9
    assert clone.at_origin() == []
    assert [path for path in (clone.payloads / "files").rglob("*") if path.is_file()] == []
    assert run(train_large, clone.path, "churn") == 0
    assert clone.at_origin() == ["churn@1", "churn@v0.1.0", "run/run-churn"]
    assert served(clone, "churn", tmp_path) > LARGE
    clean(clone)


@pytest.mark.parametrize("at", [100, 5 * MIB, LARGE + 5 * MIB])
def test_the_disk_is_full_at_a_byte(clone: Place, tmp_path: Path, at: int) -> None:
    assert run(train_large, clone.path, "churn", at, fault="disk full at a byte") == NAMED
    assert "no space left on the disk" in said()
    assert clone.at_origin() == []
    assert run(train_large, clone.path, "churn") == 0
    assert served(clone, "churn", tmp_path) > LARGE
    clean(clone)


@pytest.mark.parametrize("most", [200, 3000, 5 * MIB])
def test_no_file_may_grow(clone: Place, tmp_path: Path, most: int) -> None:
    """A limit that git obeys, too, here and at the origin."""
    assert run(train_large, clone.path, "churn", most, fault="disk full") == NAMED
    assert "no space left on the disk" in said()
    assert clone.at_origin("churn*") == []
    assert run(train_large, clone.path, "churn") == 0
    assert served(clone, "churn", tmp_path) > LARGE
    clean(clone)


@pytest.mark.parametrize(
    ("fault", "reason"), [("fsync fails", "the disk reports an error"), ("rename fails", "no space left on the disk")]
)
def test_a_disk_that_fails_anywhere_is_named_and_running_it_again_completes(
    clone: Place, fault: str, reason: str
) -> None:
    names: list[str] = []
    for n in itertools.count(1, 2):
        names.append(f"m{n}")
        code = run(train_small, clone.path, names[-1], n, fault=fault)
        if code == 0:
            break
        assert (code, reason in said()) == (NAMED, True), said()
    assert len(names) > 3
    for name in names:
        assert run(train_small, clone.path, name) == 0
        loaded = gitreg.load_model(f"{name}@1")
        assert callable(loaded) and loaded(2) == sum(name.encode()) * 2
    expected = [tag for name in names for tag in (f"{name}@1", f"{name}@v0.1.0", f"run/run-{name}")]
    assert clone.at_origin() == sorted(expected)
    clean(clone)
