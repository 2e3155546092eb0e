"""Notes made by many programs at once: none is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.notes import read_labels
from gitreg.registry.place import open_registry
from testing.killing import note_twice, start
from testing.registries import Place, log


def together(*programs: tuple[Callable[[str, str], None], Path, str]) -> None:
    """Run programs at the same time, and see each of them end well."""
    running = [start(*program) for program in programs]
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * len(programs)


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
