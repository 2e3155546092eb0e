"""Environments are made once, complete or not at all, whoever builds at the same time and whoever is killed."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import uv

import gitreg
from gitreg.errors import Conflict, NotFound, Unsupported
from gitreg.registry.environments import kept
from gitreg.registry.environments.create import (
    Environment,
    cached_environment,
    create_environment,
    environments_home,
    key_of,
)
from testing import disturbing
from testing.disturbing import command, interrupt, kill
from testing.environments import MINOR, wanted
from testing.registries import Place, lone

NOTHING = wanted()
UV = uv.find_uv_bin()
_BUILD = """
from testing.environments import wanted
from gitreg.registry.environments.create import cached_environment
print(cached_environment(wanted(), "uv").python.resolve().parent, cached_environment(wanted(), "uv").path.readlink())
"""
# Tells that it was started, and waits to be let go on.
_SLOW = 'echo "$1" >> {home}/started; [ "$1" != {stop} ] || cat {home}/gate; exec {uv} "$@"'


@pytest.fixture
def place(tmp_path: Path, from_wheels: Path) -> Place:
    """A registry with the model light, which needs next to nothing."""
    found = lone(tmp_path / "reg")
    gitreg.use(found.path)
    code = tmp_path / "counting.py"
    code.write_text("def count(data):\n    return [len(row) for row in data]\n")
    sys.path.insert(0, str(tmp_path))
    try:
        from counting import count  # type: ignore[import-not-found]

        gitreg.log_model(
            count, code_paths=[code], register_as="light", pip_requirements=["cloudpickle==3.1.2"],
            flavor="python_function",
        )  # fmt: skip
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("counting")
    return found


def built(home: Path) -> list[str]:
    return sorted(path.name for path in home.glob("env-*"))


def works(environment: Environment) -> None:
    said = subprocess.check_output([environment.python, "-I", "-c", "import sys; print(sys.prefix)"], text=True)
    assert Path(said.strip()) == environment.path


def test_the_second_time_nothing_is_started(from_wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached_environment(NOTHING, "uv")
    assert (first.reused, first.version.startswith(MINOR)) == (False, True)
    works(first)
    monkeypatch.setattr("subprocess.Popen", None)
    again = cached_environment(wanted(name="other@v2"), "uv")
    assert (again.reused, again.path, again.name) == (True, first.path, "other@v2")
    assert list((environments_home().parent / "tmp").iterdir()) == []


def test_what_it_is_built_of_is_in_its_name() -> None:
    keys = [
        key_of(wanted(*lines, python=python), manager)
        for lines in ((), ("a==1",), ("a==2",))
        for python in ("3.11", "3.12")
        for manager in ("uv", "venv", "conda")
    ]
    assert len(set(keys)) == len(keys)
    assert key_of(wanted("a", "b"), "uv") == key_of(wanted("b", "a", name="other"), "uv")
    assert keys[0].startswith("uv-3.11-")


def test_builders_at_once_build_one(home: Path, from_wheels: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", _BUILD], stdout=subprocess.PIPE, text=True, env=_with_path())
        for _ in range(4)
    ]
    said = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert len(said) == 1
    assert len(built(environments_home() / key_of(NOTHING, "uv"))) == 1


def _with_path() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.mark.parametrize("stop", ["venv", "pip"])
def test_a_builder_that_is_killed_leaves_nothing_that_is_used(
    stop: str, home: Path, from_wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "bin").mkdir()
    os.mkfifo(home / "gate")
    (home / "bin/uv").write_text("#!/bin/sh\n" + _SLOW.format(home=home, stop=stop, uv=UV) + "\n")
    (home / "bin/uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/bin:/bin")
    running = subprocess.Popen([sys.executable, "-c", _BUILD], env=_with_path())
    with (home / "gate").open("wb"):  # opens when the tool waits there
        running.kill()
        running.wait()
        [row] = kept._all()
        assert (row.whole, (row.path / "env").exists()) == (False, False)
        monkeypatch.setenv("PATH", f"{Path(UV).parent}:/usr/bin:/bin")
        made = cached_environment(NOTHING, "uv")
    works(made.__class__(**{**made.__dict__, "path": made.path.resolve()}))
    assert built(row.path) == [made.path.readlink().name]


def test_one_that_is_stopped_at_any_step_is_made_by_the_next(place: Place, tmp_path: Path, home: Path) -> None:
    cache = environments_home()
    line = "env create light --manager uv"
    for what, first in ((kill, 1), (interrupt, 3)):
        for step in itertools.count(first, 13):
            disturbing.delete(cache)
            ended = disturbing.run(
                command, place.path, line, tmp_path / "x", what=what, cache=cache, below=cache.parent, step=step
            )
            if ended.code == 0:
                break
            if what is interrupt:
                assert ended.code == 130, (step, ended)
                assert all(row.whole for row in kept.list_environments()), step  # made before it was stopped
            again = disturbing.run(command, place.path, line, tmp_path / "x", cache=cache)
            assert again.code == 0, (step, again.err)
            [row] = kept.list_environments()
            assert (row.whole, len(built(row.path))) == (True, 1)
        assert step > 13


def test_a_failure_leaves_nothing(home: Path, from_wheels: Path) -> None:
    with pytest.raises(Unsupported):
        cached_environment(wanted("no-such-package"), "uv")
    assert [list(row.path.iterdir()) for row in kept._all()] == [[]]
    assert kept.list_environments() == []


def test_one_whose_python_went_is_made_anew(from_wheels: Path) -> None:
    first = cached_environment(NOTHING, "uv")
    before = first.path.readlink()
    first.python.unlink()
    again = cached_environment(NOTHING, "uv")
    assert (again.reused, again.path.readlink() != before) == (False, True)
    assert len(built(again.path.parent)) == 1


def test_a_plain_one_is_where_the_user_wants_it(place: Place, home: Path) -> None:
    made = create_environment("light", home / "mine", manager="uv")
    assert (made.path, made.requirements) == (home / "mine", ("cloudpickle==3.1.2",))
    works(made)
    assert json.loads((home / "mine/gitreg-environment.json").read_text())["ref"] == "light@v0.1.0"
    assert made.activate == f". {home / 'mine/bin/activate'}"
    with pytest.raises(Conflict, match="has an environment already"):
        create_environment("light", home / "mine", manager="uv")
    (home / "mine/gitreg-environment.json").unlink()
    with pytest.raises(Conflict, match="did not make, or did not finish"):
        create_environment("light", home / "mine", manager="uv")
    (home / "full").mkdir()
    (home / "full/work.txt").write_text("mine")
    with pytest.raises(Conflict, match="is there already and not empty"):
        create_environment("light", home / "full", manager="uv")
    assert (home / "full/work.txt").read_text() == "mine"


def test_a_plain_one_that_fails_leaves_the_folder_as_it_was(
    place: Place, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "bin").mkdir()
    (home / "bin/uv").write_text(f'#!/bin/sh\n[ "$1" != pip ] || exit 2\nexec {UV} "$@"\n')
    (home / "bin/uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/bin:/bin")
    (home / "empty").mkdir()
    for name in ("empty", "new"):
        with pytest.raises(Unsupported):
            create_environment("light", home / name, manager="uv")
    assert (home / "empty").is_dir()
    assert not (home / "new").exists()
    assert list((home / "empty").iterdir()) == []


def test_another_patch_version_is_a_remark(from_wheels: Path) -> None:
    asked = wanted()
    made = cached_environment(asked.__class__(asked.recipe, f"{MINOR}.99"), "uv")
    assert made.remarks == (f"Python {MINOR}.99 wanted, {made.version} here",)


def test_those_in_use_stay(from_wheels: Path) -> None:
    made = cached_environment(NOTHING, "uv")
    key = made.path.parent.name
    held = kept.hold(made.path)
    assert held is not None
    assert [row.in_use for row in kept.list_environments()] == [True]
    assert kept.unused_environments(before=float("inf")) == []
    with pytest.raises(Conflict):
        kept.remove_environments([key])
    assert not kept.remove_environment(made.path.parent)
    os.close(held)
    with pytest.raises(NotFound):
        kept.remove_environments(["conda"])
    assert [row.key for row in kept.remove_environments([key[:6]])] == [key]
    assert list(environments_home().iterdir()) == []
