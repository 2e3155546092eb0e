"""Hundreds and thousands of runs and versions: what is read and imported, and that the work grows with them only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.place import Registry
from gitreg.registry.queries.search import models, search_runs, search_versions
from testing.crowd import fill
from testing.gitcli import git
from testing.plumbed import make_registry
from testing.work import processes, steps

FEW, MANY = 4, 16  # models, each of a hundred versions

SEARCHES = {
    "runs": lambda registry: search_runs("metrics.accuracy > 0.985", registry=registry),
    "versions": lambda registry: search_versions("metrics.accuracy > 0.985", registry=registry),
    "models": lambda registry: models(registry=registry),
}


def make(folder: Path, count: int) -> Registry:
    builder = make_registry(folder)
    fill(builder, models=count, versions=100)
    return builder.registry


@pytest.fixture(scope="module")
def crowd(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    registry = make(tmp_path_factory.mktemp("crowd") / "registry", MANY)
    assert git(registry.where, "fsck") == ""
    return registry


@pytest.fixture(scope="module")
def group(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return make(tmp_path_factory.mktemp("group") / "registry", FEW)


def test_runs_are_filtered(crowd: Registry) -> None:
    found = search_runs("metrics.accuracy > 0.985", registry=crowd)
    assert len(found) == MANY
    assert {run.models[0].version for run in found} == {f"m{i}@v1.98.0" for i in range(MANY)}
    assert len(search_runs("params.max_depth = '8'", registry=crowd)) == MANY * 10


def test_versions_are_filtered(crowd: Registry) -> None:
    assert len(search_versions("metrics.accuracy > 0.985", registry=crowd)) == MANY
    assert len(search_versions("params.max_depth = '8'", limit=None, registry=crowd)) == MANY * 10


def test_models_are_listed(crowd: Registry) -> None:
    assert {str(one.latest) for one in models(registry=crowd)} == {f"m{i}@v1.99.0" for i in range(MANY)}


@pytest.mark.parametrize("what", SEARCHES)
def test_git_is_started_as_often_for_many_as_for_few(crowd: Registry, group: Registry, what: str) -> None:
    search = SEARCHES[what]
    assert len(processes(lambda: search(crowd))) == len(processes(lambda: search(group))) <= 6


@pytest.mark.parametrize("what", SEARCHES)
def test_the_work_grows_with_what_there_is_and_no_faster(crowd: Registry, group: Registry, what: str) -> None:
    search = SEARCHES[what]
    search(group)
    few, many = steps(lambda: search(group)), steps(lambda: search(crowd))
    assert many < 1.1 * few * MANY / FEW
    assert many < 120 * MANY * 100  # functions called for each version


@pytest.mark.parametrize("verb", ["search_runs", "search_versions"])
def test_nothing_heavy_is_imported_on_the_way(crowd: Registry, verb: str) -> None:
    program = (
        f"import json, sys; from gitreg.registry.queries.search import {verb}\n"
        f"assert len({verb}('metrics.accuracy > 0.985', registry={crowd.where!r})) == {MANY}\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    top = Path(gitreg.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=top)
    assert done.returncode == 0, done.stderr
    assert {"git", "yaml", "dvc", "packaging", "numpy", "pandas"} & set(json.loads(done.stdout)) == set()
