"""README.md is true: its quick start is run as it is written, and so is the code at its top."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Shell:
    """Commands one after another, as a person types them: `cd` counts for the next one."""

    folder: Path

    def run(self, command: str) -> tuple[int, str]:
        """The exit code, and what was printed to either stream."""
        told = self.folder.parent / "folder-after"
        script = f"{command}\ncode=$?\npwd > '{told}'\nexit $code"
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.folder = Path(told.read_text().strip())
        return done.returncode, done.stdout


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    commands = Path(sys.executable).parent
    for name in ("gitreg", "git-reg"):
        assert (commands / name).is_file(), f"{name} is not installed beside {sys.executable}"
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    work = tmp_path / "work"
    work.mkdir()
    return Shell(work)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def commands(block: str) -> Iterator[tuple[str, str]]:
    """(command, the output that is shown for it) of each line that begins with `$ `."""
    assert block.startswith("$ "), block
    for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = piece.partition("\n")
        yield command, shown


def fits(shown: str, printed: str) -> bool:
    """Whether `printed` is what is `shown`, where `...` is anything in a line, and alone in a line any lines."""
    pattern = "".join(
        r"(?:.*\n)*" if line == "..." else r".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in shown.splitlines()
    )
    return re.fullmatch(pattern, printed) is not None


def test_what_is_shown_is_compared() -> None:
    assert fits("a ... c\n...\nz\n", "a b c\n1\n2\nz\n")
    assert fits("", "")
    assert not fits("", "a\n")
    assert not fits("a\n", "a\nb\n")
    assert not fits("a...\n", "b\n")


def test_the_quick_start_does_what_it_shows(shell: Shell) -> None:
    blocks = BLOCK.findall(section("Quick start"))
    assert [language for language, _ in blocks].count("python") >= 2
    for language, text in blocks:
        if language == "python":
            name = text.partition("\n")[0].removeprefix("# ")
            assert re.fullmatch(r"\w+\.py", name), "the first line of a script tells its name"
            (shell.folder / name).write_text(text, encoding="utf-8")
            continue
        for command, shown in commands(text):
            code, printed = shell.run(command)
            assert code == 0, f"$ {command}\n{printed}"
            assert fits(shown, printed), f"$ {command}\n{printed}\nis shown as\n{shown}"


def test_the_code_at_the_top_runs_in_a_new_registry(shell: Shell) -> None:
    first = BLOCK.search(README, README.index("<!-- first -->"))
    assert first is not None
    assert first[1] == "python"
    (shell.folder / "first.py").write_text(first[2], encoding="utf-8")
    assert shell.run("git reg init models")[0] == 0
    assert shell.run("python first.py") == (0, "[0 0 0]\n")
    assert shell.run("git reg -R models ls -q iris") == (0, "iris@v1.0.0\n")


def test_every_page_that_is_linked_is_there() -> None:
    pages = re.findall(r"\]\(([^)#]+)\)", README)
    assert pages
    assert [page for page in pages if not (Path(__file__).parents[1] / page).is_file()] == []
