"""`gitreg r`: the file that gives R its functions."""

from __future__ import annotations

from pathlib import Path

from testing.commandline import gitreg


def test_the_command_prints_where_the_file_is(home: Path) -> None:
    said = gitreg("r")
    assert (said.code, said.err) == (0, "")
    assert "gitreg_log_model <- function" in Path(said.out.removesuffix("\n")).read_text()
