"""Environments of models, built of wheels in a folder: no test asks the network for a package."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitreg.format.environment import CondaEnv
from gitreg.registry.environments.create import Environment, cached_environment
from gitreg.registry.environments.recipe import Wanted
from gitreg.stores.environments import Recipe

VARIABLE = "GITREG_TEST_WHEELS"
MINOR = ".".join(platform.python_version_tuple()[:2])
TOP = Path(__file__).parents[2]

# In tests/tools/wheels.txt; the first is not the version that the tests run with.
OLD = ("scikit-learn==1.5.2", "cloudpickle==3.1.2", "numpy==2.2.6", "pandas==2.2.3")

_TRAIN = """\
import sys
import pandas as pd
from sklearn.tree import DecisionTreeRegressor
from gitreg.flavors import save
from gitreg.flavors._base import PlainDirectory
from pathlib import Path

class Told:
    '''A model that tells which scikit-learn it ran with.'''

    def __init__(self, tree):
        self.tree = tree

    def predict(self, data):
        import sklearn

        print("the model prints this")
        return pd.DataFrame({"prediction": self.tree.predict(data), "sklearn": sklearn.__version__})

rows = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
model = Told(DecisionTreeRegressor().fit(rows, [10.0, 20.0, 30.0]))
folder = Path(sys.argv[1])
folder.mkdir()
save(
    model, PlainDirectory(folder), flavor="python_function", input_example=rows, artifact_path="model", run_id="old",
    created="2026-11-22 13:37:00.123000", model_uuid="0" * 32,
)
"""


@dataclass(frozen=True)
class Trained:
    """A model directory that was written by scikit-learn 1.5.2, and the environment that did."""

    folder: Path
    environment: Environment
    cache: Path


@pytest.fixture(scope="session")
def wheels() -> Path:
    """The folder of wheels."""
    if not os.environ.get(VARIABLE):
        pytest.fail(f"{VARIABLE} is not set: run `make test`, which downloads the wheels", pytrace=False)
    return Path(os.environ[VARIABLE])


def use_wheels(patch: pytest.MonkeyPatch, wheels: Path, cache: Path) -> None:
    """What a user sets whose packages come from a folder; `cache` is where uv keeps them unpacked."""
    for name, value in {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": wheels,
        "PIP_NO_INDEX": "1",
        "UV_CACHE_DIR": cache,
        "UV_FIND_LINKS": wheels,
        "UV_NO_INDEX": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }.items():
        patch.setenv(name, str(value))


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv's cache of a session."""
    return tmp_path_factory.mktemp("uv")


@pytest.fixture
def from_wheels(wheels: Path, unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of uv and pip in this test."""
    use_wheels(monkeypatch, wheels, unpacked)
    return wheels


@pytest.fixture(scope="session")
def trained(
    sealed_session: Path, wheels: Path, unpacked: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    """A model of the old scikit-learn; the environment of it is in `cache`, for GITREG_CACHE."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        use_wheels(patch, wheels, unpacked)
        patch.setenv("GITREG_CACHE", str(home / "cache"))
        environment = cached_environment(wanted(*OLD).to_answer(["packaging", "pyyaml"]), "uv")
    variables = os.environ | {"PYTHONPATH": str(TOP)}
    subprocess.run([environment.python, "-c", _TRAIN, home / "model"], check=True, env=variables)
    yield Trained(home / "model", environment, home / "cache")


def wanted(*lines: str, name: str = "churn@v1.0.0", python: str = MINOR, conda: CondaEnv | None = None) -> Wanted:
    """What a model asks for that has these requirements."""
    return Wanted(Recipe(name, python, lines, conda or CondaEnv((f"python={python}",), lines)), "")
