"""`gitreg env`: environments are built, listed and removed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import gitreg as library
from gitreg.registry.environments.create import cached_environment, environments_home
from testing.commandline import gitreg, on_terminal
from testing.environments import MINOR, wanted
from testing.gitcli import git


@pytest.fixture
def built(from_wheels: Path) -> str:
    """The key of an environment that has nothing in it."""
    return cached_environment(wanted(), "uv").path.parent.name


def test_a_dry_run_says_what_would_be_built(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)
    said = gitreg("env", "create", "churn", "-n", "--manager", "venv")
    assert said.code == 0, said
    first, *lines = said.out.splitlines()
    assert first.startswith("venv would build Python 3.11 for churn@v1.1.0 in ")
    assert lines == ["  cloudpickle==3.1.2", "  scikit-learn==1.9.1", "  packaging", "  pyyaml", "  pandas"]
    assert (
        gitreg("env", "create", "churn", "-n", "-p", "mine").out.splitlines()[0].endswith(f" in {registry / 'mine'}:")
    )
    assert not environments_home().exists()
    assert not (registry / "mine").exists()
    (registry / "mine").mkdir()
    (registry / "mine/x").touch()
    full = gitreg("env", "create", "churn", "-n", "-p", "mine")
    assert (full.code, full.err.splitlines()[0]) == (128, f"error: {registry / 'mine'} is there already and not empty")
    assert git(registry, "status", "--porcelain") == "?? mine/"


def test_what_is_there_is_listed_and_removed(built: str) -> None:
    said = gitreg("env", "list")
    assert said.code == 0, said
    assert said.out.splitlines()[1].split()[:3] == [built, json.loads(_listed())[0]["python_version"], "churn@v1.0.0"]
    assert gitreg("env", "list", "-q").out == f"{built}\n"
    assert gitreg("env", "remove", "uv-", "-n").out == f"{built} would be removed\n"
    assert gitreg("env", "remove", "--unused-for", "1d").out == "nothing to remove\n"
    assert gitreg("env", "remove", "uv-").out == f"{built} is removed\n"
    assert gitreg("env", "list").out == "no environments: gitreg env create REF builds one\n"
    assert gitreg("env", "remove", built).err == f"error: no environment '{built}'\nhint: gitreg env list\n"


def _listed() -> str:
    return json.dumps(json.loads(gitreg("env", "list", "--json").out)["environments"])


def test_what_was_not_used_for_long_goes_with_gc(built: str, lone_registry: Path) -> None:
    home = environments_home() / built
    assert built not in gitreg("gc", "-R", lone_registry).out
    moment = 1_735_689_600  # 2025-01-01
    os.utime(home / "used", (moment, moment))
    said = gitreg("gc", "-R", lone_registry)
    assert said.code == 0, said
    [row] = [line for line in said.out.splitlines() if built in line]
    assert row.split()[:3] == ["environment", "here", built]
    assert "nobody asked for it" in row
    assert gitreg("gc", "-R", lone_registry, "--yes").code == 0
    assert not home.exists()


def test_remove_takes_keys_or_an_age() -> None:
    for args in ((), ("uv", "--unused-for", "1d")):
        said = gitreg("env", "remove", *args)
        assert (said.code, said.err.splitlines()[0]) == (2, "error: env remove takes KEYs or --unused-for")


def test_what_was_begun_and_is_not_there_goes_too(built: str) -> None:
    begun = environments_home() / "conda-3.11-0000000000000000"
    begun.mkdir()
    moment = 1_735_689_600  # 2025-01-01
    os.utime(begun, (moment, moment))
    assert gitreg("env", "list", "-q").out == f"{built}\n"
    assert gitreg("env", "remove", "--unused-for", "1d").out == f"{begun.name} is removed\n"
    assert gitreg("env", "list", "-q").out == f"{built}\n"
    assert not begun.exists()


def test_a_terminal_sees_how_it_is_built(from_wheels: Path, lone_registry: Path) -> None:
    library.log_model(
        print, flavor="python_function", register_as="light", pip_requirements=["cloudpickle==3.1.2"],
        registry=lone_registry,
    )  # fmt: skip
    said = on_terminal("-R", str(lone_registry), "env", "create", "light", "--manager", "uv", "-p", "mine")
    assert "building the environment of light@v0.1.0" in said
    last, activate = said.splitlines()[-2:]
    assert last.split("\r")[-1].endswith(f"mine/bin/python is Python {_version('mine')} with what light@v0.1.0 needs")
    assert activate == f"activate it: . {Path('mine/bin/activate').absolute()}"
    assert "building" not in gitreg("-R", lone_registry, "env", "create", "light", "-p", "mine2", "-q").err
    assert _version("mine").startswith(MINOR)


def _version(folder: str) -> str:
    return str(json.loads((Path(folder) / "gitreg-environment.json").read_text())["python_version"])
