"""uv, venv and pip, conda: what each is told to do, where it looks, and what is said where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitreg.errors import GitregError, Unreachable, Unsupported
from gitreg.format.environment import CondaEnv
from gitreg.stores.environments import TOOLS, Recipe, default_tool, get_tool, interpreter_version, python_of
from testing.environments import MINOR

NOBODY = "http://127.0.0.1:9/simple"  # the port of discard: nothing listens


def recipe(*lines: str, python: str = MINOR) -> Recipe:
    return Recipe("churn@v1.0.0", python, lines, CondaEnv((f"python={python}", "pip"), lines, ("conda-forge",)))


def build(tool: str, home: Path, what: Recipe) -> Path:
    get_tool(tool).build(what, home / "env", home / "files")
    return python_of(home / "env")


def in_path(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("tool", ["uv", "venv"])
def test_it_installs_what_was_asked_for_from_where_the_user_says(
    tool: str, home: Path, from_wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONPATH", "PIP_TARGET", "PIP_PREFIX"):  # of the shell that gitreg is called from
        monkeypatch.setenv(name, str(home / "elsewhere"))
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    monkeypatch.setenv("PIP_USER", "1")
    (home / "pyproject.toml").write_text("[tool.uv]\nrequires-python = '>=99'\n")
    python = build(tool, home, recipe("cloudpickle==3.1.2", 'packaging; python_version > "3"'))
    script = "import sys, cloudpickle, packaging; print(sys.prefix, cloudpickle.__version__)"
    said = subprocess.check_output([python, "-I", "-c", script], text=True)
    assert said == f"{home / 'env'} 3.1.2\n"
    assert interpreter_version(home / "env").startswith(f"{MINOR}.")
    assert not (home / "elsewhere").exists()


@pytest.mark.parametrize("tool", ["uv", "venv"])
def test_a_package_that_is_not_there_is_named(tool: str, home: Path, from_wheels: Path) -> None:
    with pytest.raises(Unsupported, match=r"install what churn@v1\.0\.0 needs: .*no-such-package") as caught:
        build(tool, home, recipe("no-such-package==1"))
    assert "\n" not in caught.value.message
    assert ("--manager venv" in caught.value.hint) == (tool == "uv")


@pytest.mark.parametrize("tool", ["uv", "venv"])
def test_an_index_that_is_away_is_no_verdict(
    tool: str, home: Path, from_wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_NO_INDEX", "UV_NO_INDEX", "PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.delenv(name)
    for name, value in {"PIP_INDEX_URL": NOBODY, "PIP_RETRIES": "1", "UV_DEFAULT_INDEX": NOBODY}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(home / "uv"))
    with pytest.raises(Unreachable):
        build(tool, home, recipe("cloudpickle==3.1.2"))


@pytest.mark.parametrize(("tool", "next_step"), [("uv", "uv python install 3.99"), ("venv", "--manager uv")])
def test_a_python_that_is_not_there_is_named(tool: str, next_step: str, home: Path, from_wheels: Path) -> None:
    with pytest.raises(Unsupported, match=r"Python 3\.99") as caught:
        build(tool, home, recipe(python="3.99"))
    assert next_step in caught.value.hint


def test_venv_takes_no_python_that_does_not_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_path(home / "bin", "python3.99", "exit 127")
    in_path(home / "other", "python3.99", 'echo 3.99.1; case "$*" in *ensurepip*) exit 1;; esac')
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{home / 'other'}:{os.environ['PATH']}")
    with pytest.raises(Unsupported, match=r"other/python3\.99 has no venv") as caught:
        build("venv", home, recipe(python="3.99"))
    assert caught.value.hint == "apt install python3.99-venv"


@pytest.mark.parametrize(
    ("name", "command"), [("conda", "env create"), ("mamba", "env create"), ("micromamba", "create")]
)
def test_conda_is_given_a_file_of_names(name: str, command: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line only: a stand-in writes down what it was told."""
    in_path(home / "bin", name, f'echo "$@" > {home}/told; cat "$(eval echo \\${{$#}})" > {home}/file')
    monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("CONDA_PREFIX", "/somewhere")
    (home / "env").mkdir()
    get_tool("conda").build(recipe("cloudpickle==3.1.2"), home / "env", home / "files")
    assert (home / "told").read_text() == f"{command} -p {home / 'env'} -f {home / 'files/conda.yaml'}\n"
    assert (home / "file").read_text() == (
        f"channels:\n- conda-forge\ndependencies:\n- python={MINOR}\n- pip\n- pip:\n  - cloudpickle==3.1.2\n"
    )
    assert not (home / "env").exists()  # micromamba wants to make it


def test_conda_that_fails_is_told_in_its_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_path(home / "bin", "conda", "echo Collecting; echo 'ResolvePackageNotFound: - nothing=1'; echo more; exit 1")
    monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/bin:/bin")
    with pytest.raises(Unsupported, match=r"conda cannot make the environment of churn@v1\.0\.0: .*more"):
        get_tool("conda").build(recipe(), home / "env", home / "files")


def test_a_tool_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(Unsupported, match="none of conda, mamba, micromamba is installed"):
        build("conda", home, recipe())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unsupported, match="uv is not installed"):
        build("uv", home, recipe())
    assert default_tool() is get_tool("venv")
    monkeypatch.undo()
    assert default_tool() is get_tool("uv")


def test_a_full_disk_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_path(home / "bin", "uv", "echo 'error: No space left on device (os error 28)'; exit 2")
    monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/bin:/bin")
    with pytest.raises(GitregError, match="no space left on the disk"):
        build("uv", home, recipe())


def test_the_table_names_those_there_are() -> None:
    for name in TOOLS:
        assert name == get_tool(name).NAME
    with pytest.raises(Unsupported) as caught:
        get_tool("poetry")
    assert caught.value.hint == "there is: uv, venv, conda"
