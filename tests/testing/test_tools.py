"""Tests that need other tools get the real ones, or fail."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from testing.tools import TOOLS

TOP = Path(__file__).parents[2]


def pinned(lines: list[str]) -> dict[str, str]:
    """Name -> version of lines such as `dvc[ssh]==3.67.1`."""
    return dict(re.sub(r"\[.*\]", "", line).split("==") for line in lines if "==" in line)


def required(tool: str) -> dict[str, str]:
    return pinned((TOP / f"tests/tools/{tool}.txt").read_text().splitlines())


@pytest.mark.parametrize(("name", "distribution"), [("mlflow", "mlflow"), ("dvc-python", "dvc")])
def test_a_tool_has_the_pinned_version_and_no_gitreg(tool: Callable[[str], Path], name: str, distribution: str) -> None:
    program = (
        f"from importlib import metadata, util; print(metadata.version({distribution!r}), util.find_spec('gitreg'))"
    )
    said = subprocess.check_output([tool(name), "-c", program], text=True)
    assert said.split() == [required(distribution)[distribution], "None"]


@pytest.mark.parametrize("name", ["gto", "dvc"])
def test_a_command_has_the_pinned_version(tool: Callable[[str], Path], name: str) -> None:
    assert required(name)[name] in subprocess.check_output([tool(name), "--version"], text=True)


def test_what_pickles_hold_is_the_same_for_mlflow_and_for_us() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    ours = pinned(project["optional-dependencies"]["test"])
    theirs = {name: version for name, version in required("mlflow").items() if name != "mlflow"}
    assert theirs == {name: ours[name] for name in theirs}
    assert required("dvc")["dvc"] == ours["dvc"]


def test_without_the_tools_such_a_test_fails_and_is_not_skipped(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in TOOLS.values():
        monkeypatch.delenv(variable, raising=False)
    pytester.makepyprojecttoml(
        f"[tool.pytest.ini_options]\npythonpath = ['{TOP}/tests']\nmarkers = ['tools: others']\n"
    )
    pytester.makeconftest((TOP / "tests/conftest.py").read_text())
    tests = pytester.makepyfile(
        """
        import pytest

        def test_that_asks_for_one(tool):
            assert tool("gto")

        @pytest.mark.tools
        def test_that_is_marked():
            pass

        def test_that_needs_none():
            pass
        """
    )
    outcome = pytester.runpytest_subprocess(tests)
    outcome.assert_outcomes(passed=1, errors=2)
    outcome.stdout.fnmatch_lines(["*GITREG_TEST_MLFLOW*not set: run `make test`*"])
