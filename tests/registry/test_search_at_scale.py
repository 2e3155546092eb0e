"""Ten thousand runs and versions: what is read, what is imported, and how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.place import Registry
from gitreg.registry.search import models, search_runs, search_versions
from testing.crowd import fill
from testing.gitcli import git
from testing.plumbed import make_registry

# CPU seconds of this process, git's own not counted. On an idle machine it takes about half of it.
BUDGET = 0.5


@pytest.fixture(scope="module")
def crowd(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    builder = make_registry(tmp_path_factory.mktemp("crowd") / "registry")
    fill(builder, models=100, versions=100)
    assert git(builder.path, "fsck") == ""
    return builder.registry


def cpu(call: Callable[[], object]) -> float:
    """The least CPU seconds of five calls."""
    taken = []
    for _ in range(5):
        before = time.process_time()
        call()
        taken.append(time.process_time() - before)
    return min(taken)


def test_runs_are_filtered_in_no_time(crowd: Registry) -> None:
    found = search_runs("metrics.accuracy > 0.985", registry=crowd)
    assert len(found) == 100
    assert {run.models[0].version for run in found} == {f"m{i}@v1.98.0" for i in range(100)}
    assert len(search_runs("params.max_depth = '8'", registry=crowd)) == 1000
    assert cpu(lambda: search_runs("metrics.accuracy > 0.985", registry=crowd)) < BUDGET


def test_versions_are_filtered_in_no_time(crowd: Registry) -> None:
    assert len(search_versions("metrics.accuracy > 0.985", registry=crowd)) == 100
    assert len(search_versions("params.max_depth = '8'", limit=None, registry=crowd)) == 1000
    assert cpu(lambda: search_versions("metrics.accuracy > 0.985", registry=crowd)) < BUDGET


def test_models_are_listed_in_no_time(crowd: Registry) -> None:
    found = models(registry=crowd)
    assert {str(one.latest) for one in found} == {f"m{i}@v1.99.0" for i in range(100)}
    assert cpu(lambda: models(registry=crowd)) < BUDGET


@pytest.mark.parametrize("verb", ["search_runs", "search_versions"])
def test_nothing_heavy_is_imported_on_the_way(crowd: Registry, verb: str) -> None:
    program = (
        f"import json, sys; from gitreg.registry.search import {verb}\n"
        f"assert len({verb}('metrics.accuracy > 0.985', registry={crowd.where!r})) == 100\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    top = Path(gitreg.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=top)
    assert done.returncode == 0, done.stderr
    assert {"git", "yaml", "dvc", "packaging", "numpy", "pandas"} & set(json.loads(done.stdout)) == set()
