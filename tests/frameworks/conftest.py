"""The frameworks that `make test-flavors` installs: in gitreg's environment, and in another beside MLflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.warm import Run, warm

MLFLOW = "GITREG_TEST_FRAMEWORKS_MLFLOW"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("frameworks")


@pytest.fixture(scope="session")
def mlflow_side(sealed_session: Path) -> Iterator[Run]:
    """Run scripts with a Python that has MLflow and all frameworks, and has imported mlflow.pyfunc; no gitreg."""
    python = os.environ.get(MLFLOW)
    if not python:
        pytest.fail(f"{MLFLOW} is not set: run `make test-flavors`, which makes that environment", pytrace=False)
    with warm(python, "mlflow.pyfunc", "numpy", "pandas") as run:
        yield run
