"""Where the programs of other tools are: real ones, each in an environment of its own, without gitreg."""

from __future__ import annotations

import os

# Name for the fixture `tool` -> variable that `make test` sets.
TOOLS = {
    "mlflow": "GITREG_TEST_MLFLOW",  # a Python that imports mlflow and scikit-learn
    "gto": "GITREG_TEST_GTO",  # the command
    "dvc": "GITREG_TEST_DVC",  # the command
    "dvc-python": "GITREG_TEST_DVC_PYTHON",  # a Python that imports dvc
}


def missing_tools() -> tuple[str, ...]:
    """The variables that are not set."""
    return tuple(variable for variable in TOOLS.values() if not os.environ.get(variable))
