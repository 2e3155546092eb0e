"""gitreg fsck as typed: a table, an exit code, and what --repair did."""

from __future__ import annotations

from pathlib import Path

import pytest

from testing.commandline import gitreg
from testing.gitcli import git


@pytest.fixture(autouse=True)
def here(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)


def test_a_sound_registry_is_told_in_a_line_and_ends_with_0() -> None:
    said = gitreg("fsck")
    assert (said.code, said.out) == (0, "2 models, 4 versions, 5 runs, 4 payloads: nothing is wrong\n")
    assert gitreg("fsck", "-q").out == ""
    assert gitreg("fsck", "fraud").out == "1 model, 1 version, 1 run, 1 payload: nothing is wrong\n"
    assert gitreg("fsck", "--remote").code == 0


def test_a_fault_is_a_row_with_the_command_that_mends_it_and_ends_with_1(registry: Path) -> None:
    git(registry, "update-ref", "-d", "refs/tags/churn@v1.0.0")
    said = gitreg("fsck", "churn")
    assert said.code == 1
    head, *rows, last = said.out.splitlines()
    assert head.split() == ["rule", "thing", "what", "to", "do"]
    assert any(row.split()[:3] == ["wrong", "tags", "churn@1"] and row.endswith("gitreg fsck --repair") for row in rows)
    assert last.startswith("1 model, 2 versions, 3 runs, 3 payloads: ")
    mended = gitreg("fsck", "churn", "--repair")
    assert (mended.code, mended.out) == (
        0, "made the tag churn@v1.0.0 again\n1 model, 3 versions, 3 runs, 3 payloads: nothing is wrong\n",
    )  # fmt: skip


def test_a_remark_is_no_fault(registry: Path) -> None:
    git(registry, "tag", "-d", "run/monday")
    said = gitreg("fsck", "churn")
    assert said.code == 0
    assert "the tag of its run, run/monday, is not here" in said.out
    assert said.out.endswith(": nothing is wrong, 1 remark\n")
    assert gitreg("fsck", "churn", "-q").out == ""


def test_a_model_that_is_not_there_and_a_dry_run_are_refused() -> None:
    assert gitreg("fsck", "price").code == 128
    assert gitreg("fsck", "-n").code == 2
    assert gitreg("fsck", "--remote", "--offline").code == 75
