"""The wheel holds what an installed gitreg needs."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

TOP = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The parts of this checkout that go into a wheel."""
    copy = tmp_path / "tree"
    shutil.copytree(TOP / "gitreg", copy / "gitreg", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "LICENSE", "README.md"):
        if (TOP / name).exists():
            shutil.copy(TOP / name, copy)
    return copy


def built(tree: Path) -> dict[str, str]:
    """The text of every file in the wheel made from a tree."""
    (wheel,) = WheelBuilder(str(tree)).build(directory=str(tree.parent / "wheels"))
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_hooks_and_man_page_are_in_the_wheel(tree: Path) -> None:
    (tree / "hooks").mkdir()
    (tree / "hooks/pre-push").write_text("#!/bin/sh\n")
    (tree / "docs").mkdir()
    (tree / "docs/gitreg.1").write_text(".Dd today\n")
    files = built(tree)
    assert files["gitreg/hooks/pre-push"] == "#!/bin/sh\n"
    assert files["gitreg-0.1.0.data/data/share/man/man1/gitreg.1"] == ".Dd today\n"


def test_the_stubs_of_this_tree_are_in_the_wheel(tree: Path) -> None:
    shutil.copytree(TOP / "hooks", tree / "hooks")
    files = built(tree)
    for stage in ("pre-commit", "pre-push", "pre-receive"):
        assert f"-m gitreg hooks run {stage} " in files[f"gitreg/hooks/{stage}"] + " "


def test_a_tree_without_them_builds_too(tree: Path) -> None:
    files = built(tree)
    assert "gitreg/errors.py" in files
    assert not [name for name in files if name.startswith("gitreg/hooks/") or "man1" in name]


def test_the_workflows_of_forges_are_in_the_wheel(tree: Path) -> None:
    files = built(tree)
    assert all(f"gitreg/registry/promotion/workflows/{forge}.yml" in files for forge in ("github", "gitlab", "gitea"))


def test_what_r_reads_is_in_the_wheel(tree: Path) -> None:
    files = built(tree)
    assert "gitreg_log_model <- function" in files["gitreg/r/gitreg.R"]
    assert "gitreg/r/predict.R" in files


def test_both_commands_run_the_same_function(tree: Path) -> None:
    entry_points = built(tree)["gitreg-0.1.0.dist-info/entry_points.txt"]
    assert entry_points.split() == [
        *("[console_scripts]", "git-reg", "=", "gitreg.cli:main", "gitreg", "=", "gitreg.cli:main")
    ]


def test_the_license_travels_along(tree: Path) -> None:
    files = built(tree)
    assert "Apache License" in files["gitreg-0.1.0.dist-info/licenses/LICENSE"]
    assert "\nLicense-Expression: Apache-2.0\n" in files["gitreg-0.1.0.dist-info/METADATA"]
