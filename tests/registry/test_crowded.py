"""Many programs at once: numbers stay unique and dense, the chain has no forks, nothing is made twice or lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.catalog import model_tags, read_versions
from gitreg.registry.notes import read_labels
from gitreg.registry.place import open_registry
from testing.gitcli import git
from testing.killing import note_twice, register, register_one, start
from testing.registries import Place, log

WRITERS = 6
EACH = 4


def together(*programs: tuple[Callable[[str, str], None], Path, str]) -> None:
    """Run programs at the same time, and see each of them end well."""
    running = [start(*program) for program in programs]
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * len(programs)


def chained(path: Path, versions: int) -> None:
    """Assert that `churn` has so many versions, numbered one after the other, each naming the one before."""
    registry = open_registry(path)
    tags = model_tags(registry, "churn")
    found = read_versions(registry, [tags])
    assert found.damaged == ()
    assert [v.number for v in found.versions] == list(range(1, versions + 1))
    assert [v.previous for v in found.versions] == ["", *(v.tag for v in found.versions[:-1])]
    assert len({v.version for v in found.versions}) == len({v.run_id for v in found.versions}) == versions
    assert set(tags.numbers.values()) == set(tags.versions.values())
    assert [v.created for v in found.versions] == sorted({v.created for v in found.versions})


def test_registering_from_many_clones_at_once_numbers_them_one_by_one(clone: Place, tmp_path: Path) -> None:
    clones = [clone.clone(tmp_path / f"clone-{n}") for n in range(WRITERS)]
    together(*((register, other.path, f"w{n} {EACH} churn") for n, other in enumerate(clones)))
    gitreg.fetch()
    chained(clone.path, WRITERS * EACH)
    for other in clones:
        gitreg.fetch(registry=other.path)
        assert other.tags() == clone.at_origin()
    assert gitreg.load_model("churn")


def test_registering_many_times_at_once_in_one_repository_numbers_them_one_by_one(alone: Place) -> None:
    together(*((register, alone.path, f"w{n} {EACH} churn") for n in range(WRITERS)))
    chained(alone.path, WRITERS * EACH)
    assert len(alone.tags("run/*")) == WRITERS * EACH
    git(alone.path, "fsck", "--strict")


def test_the_same_run_registered_many_times_at_once_is_one_version(place: Place, tmp_path: Path) -> None:
    log(2, run_id="same")
    folders = [place.path] * 3
    if place.origin:
        gitreg.push("same")
        others = [place.clone(tmp_path / f"clone-{n}") for n in range(3)]
        folders += [other.path for other in others]
    together(*((register_one, folder, "same") for folder in folders))
    if place.origin:
        gitreg.fetch()
    chained(place.path, 1)


@pytest.mark.parametrize("models", [("churn", "churn"), ("churn", "leavers")])
def test_notes_made_at_once_are_all_kept(clone: Place, tmp_path: Path, models: tuple[str, str]) -> None:
    for n, model in enumerate(dict.fromkeys(models)):
        log(n, model)
    others = [clone.clone(tmp_path / f"clone-{n}") for n in range(2)]
    together(
        *((note_twice, clone.path, f"{model} here{n}") for n, model in enumerate(models)),
        *(
            (note_twice, other.path, f"{model} there{n}")
            for n, (model, other) in enumerate(zip(models, others, strict=True))
        ),
    )
    gitreg.fetch()
    wanted: dict[str, set[str]] = {}
    for n, model in enumerate(models):
        wanted.setdefault(model, set()).update(f"{who}{n}-{i}" for who in ("here", "there") for i in range(2))
    tags = {model: gitreg.resolve(f"{model}@1").tag for model in wanted}
    labels = read_labels(open_registry(), list(tags.values()))
    assert {model: set(labels[tag]) for model, tag in tags.items()} == wanted
