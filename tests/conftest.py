"""What every test gets: a sealed environment, and fixtures for time, other tools and servers."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from testing.clock import Clock
from testing.sealed import seal
from testing.tools import TOOLS, missing_tools

pytest_plugins = [
    "pytester",
    "testing.addresses",
    "testing.environments",
    "testing.rclone",
    "testing.smart_http",
    "testing.sshd",
    "testing.warm",
]

# Fixtures whose tests get the mark `tools`.
NEED_TOOLS = {"tool", "mlflow_python", "dvc"}

# The same examples in every run; `--hypothesis-profile explore` looks for new ones.
hypothesis.settings.register_profile(
    "gitreg", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=5000, print_blob=True)
hypothesis.settings.load_profile("gitreg")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The modules in frameworks/ import the frameworks: they are only read where their tests are chosen."""
    unchosen = "not frameworks" in config.option.markexpr
    return True if unchosen and Path(__file__).parent / "frameworks" in collection_path.parents else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if NEED_TOOLS & set(getattr(item, "fixturenames", ())):
            item.add_marker("tools")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("tools") and (missing := missing_tools()):
        pytest.fail(
            f"{', '.join(missing)} not set: run `make test`, which makes the environments of other tools", pytrace=False
        )


@pytest.fixture(scope="session", autouse=True)
def sealed_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sealed environment that fixtures wider than one test run in."""
    home = tmp_path_factory.mktemp("session-home")
    with pytest.MonkeyPatch.context() as patch:
        seal(patch, home)
        patch.chdir(home)  # MLflow writes its database where it stands
        yield home


@pytest.fixture(autouse=True)
def home(
    sealed_session: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A home folder of this test's own, which is also where it starts: in no repository, with nobody's settings."""
    folder = tmp_path_factory.mktemp("home")
    seal(monkeypatch, folder)
    monkeypatch.chdir(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fixed_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """gitreg's clock stands still until the test moves it."""
    return Clock(monkeypatch)


@pytest.fixture
def tool() -> Callable[[str], Path]:
    """`tool("gto")`: the program of another tool; the test gets the mark `tools` by asking. Names: testing/tools.py."""
    return lambda name: Path(os.environ[TOOLS[name]])


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """No test leaves a run open, or a registry named, for the next."""
    yield
    if open_run := sys.modules.get("gitreg.registry.runs.open_run"):
        while open_run.active_run() is not None:
            open_run.current_run().discard()
    if place := sys.modules.get("gitreg.registry.place"):
        place._used.clear()
