"""Scratch folders go when they are left, and those of killed programs when the next one comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gitreg.stores.scratch import scratch

HOLD = """\
import os, sys
from pathlib import Path
from gitreg.stores.scratch import scratch
with scratch(Path(sys.argv[1]), sys.argv[2]) as folder:
    (folder / "half").write_text("written")
    print(folder.name, flush=True)
    sys.stdin.read()
"""


def names(parent: Path) -> set[str]:
    return {path.name for path in parent.iterdir()}


def test_a_folder_goes_when_it_is_left_unless_it_was_moved(tmp_path: Path) -> None:
    with scratch(tmp_path / "deep/er") as folder:
        (folder / "a/b").mkdir(parents=True)
    assert names(tmp_path / "deep/er") == set()
    with pytest.raises(ZeroDivisionError), scratch(tmp_path, ".x.") as folder:
        assert folder.name.startswith(".x.")
        1 / 0  # noqa: B018
    with scratch(tmp_path, ".x.") as folder:
        (folder / "a").write_text("kept")
        folder.rename(tmp_path / "done")
    assert names(tmp_path) == {"deep", "done"}


@pytest.mark.parametrize("prefix", ["", ".served."])
def test_what_a_killed_program_left_is_removed_and_nothing_else(tmp_path: Path, prefix: str) -> None:
    others = [f"{prefix}{'a' * 31}", f"{prefix}{'A' * 32}", f"x{prefix}{'a' * 32}", f"{prefix}{'b' * 33}", "mine"]
    for other in others:
        (tmp_path / other).mkdir()
    (tmp_path / f"{prefix}{'c' * 32}").write_text("a file of that name")
    (tmp_path / f"{prefix}{'d' * 32}").symlink_to(tmp_path / "mine")
    before = names(tmp_path)
    command = [sys.executable, "-c", HOLD, tmp_path, prefix]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as alive,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as dead,
    ):
        assert alive.stdout and dead.stdout
        held, left = alive.stdout.readline().strip(), dead.stdout.readline().strip()
        dead.kill()
        dead.wait()
        assert {held, left} <= names(tmp_path)
        with scratch(tmp_path, prefix):
            pass
        assert names(tmp_path) == before | {held}
        alive.communicate("")
    assert names(tmp_path) == before
