"""The manual page: made from the commands, current, and without a fault."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gitreg.cli._group import GROUPS
from testing.commandline import gitreg

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "gitreg.1"
CHECKS = {
    "mandoc": ["mandoc", "-T", "lint", "-W", "warning"],
    "groff": ["groff", "-man", "-Tutf8", "-ww", "-z"],
}


def test_the_page_is_current() -> None:
    assert gitreg("man").out == PAGE.read_text(), "gitreg man > docs/gitreg.1"
    assert (DOCS / "git-reg.1").read_text() == ".so man1/gitreg.1\n"


def test_the_page_tells_of_every_command() -> None:
    page = PAGE.read_text()
    assert [name for names in GROUPS.values() for name in names if rf"\fBgitreg {name}\fR" not in page] == []


@pytest.mark.parametrize("name", [name for name in CHECKS if name == "mandoc" or shutil.which(name)])
def test_the_page_renders_without_a_warning(name: str) -> None:
    done = subprocess.run([*CHECKS[name], str(PAGE)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")
