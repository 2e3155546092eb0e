"""Plain DVC, without gitreg, gets models out of a registry and compares versions."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gitreg
from testing.gitcli import git
from testing.warm import Run

if TYPE_CHECKING:
    from interop.conftest import Shared


def check_sums(folder: Path) -> list[str]:
    """What sha256sum finds right; it fails where one is not."""
    done = subprocess.run(
        ["sha256sum", "--strict", "--check", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.removesuffix(": OK") for line in done.stdout.splitlines()]


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("version", ["churn@v1.0.0", "churn@v1.0.1", "area@v1.0.0", "churn@2"])
def test_dvc_get_brings_the_model_directory_and_its_sums_hold(
    version: str, shared: Shared, dvc: Run, tmp_path: Path
) -> None:
    served = tmp_path / "served"
    dvc("get", shared.origin, "model", "--rev", version, "-o", served, cwd=tmp_path)
    found = content(served)
    checked = check_sums(served)
    assert sorted(checked) == sorted(name for name in found if name != "SHA256SUMS")
    assert {"MLmodel", "input_example.json"} < set(checked)
    assert found == content(gitreg.pull(version, tmp_path / "pulled", registry=shared.clone))


def test_the_command_itself_gets_a_model(shared: Shared, tool: Callable[[str], Path], tmp_path: Path) -> None:
    command = [tool("dvc"), "get", shared.origin, "model", "--rev", "churn@v1.0.0", "-o", "served"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert "model.pkl" in check_sums(tmp_path / "served")


def test_a_run_that_was_not_registered_and_a_single_file(shared: Shared, dvc: Run, tmp_path: Path) -> None:
    dvc("get", shared.origin, "model", "--rev", f"run/{shared.logged}", "-o", "candidate", cwd=tmp_path)
    assert "model.pkl" in check_sums(tmp_path / "candidate")
    dvc("get", shared.origin, "model/model.pkl", "--rev", "churn@v1.0.1", "-o", "one.pkl", cwd=tmp_path)
    pulled = gitreg.pull("churn@v1.0.1", tmp_path / "pulled", registry=shared.clone)
    assert (tmp_path / "one.pkl").read_bytes() == (pulled / "model.pkl").read_bytes()


@pytest.mark.parametrize(("rev", "version"), [((), "churn@v1.0.1"), (("--rev", "v1.0.0"), "churn@v1.0.0")])
def test_dvc_artifacts_get_finds_the_version(
    rev: tuple[str, ...], version: str, shared: Shared, dvc: Run, tmp_path: Path
) -> None:
    dvc("artifacts", "get", shared.origin, "churn", *rev, "-o", "served", cwd=tmp_path)
    assert "model.pkl" in check_sums(tmp_path / "served")
    assert content(tmp_path / "served") == content(gitreg.pull(version, tmp_path / "pulled", registry=shared.clone))


@pytest.fixture
def copy(shared: Shared, tmp_path: Path) -> Path:
    """A clone made by git alone: DVC writes into the clone that it works in."""
    git(tmp_path, "clone", "-q", shared.origin, "copy")
    return tmp_path / "copy"


def test_dvc_compares_metrics_and_params_of_two_versions(shared: Shared, copy: Path, dvc: Run) -> None:
    versions = [gitreg.resolve(f"churn@v1.0.{n}", registry=shared.clone) for n in (0, 1)]
    said = json.loads(dvc("metrics", "diff", "--json", *map(str, versions), cwd=copy))
    old, new = (version.metrics["accuracy"] for version in versions)
    found = said[".gitreg/metrics.json"]["accuracy"]
    assert old < new
    assert (found["old"], found["new"], found["diff"]) == (old, new, pytest.approx(new - old))
    assert json.loads(dvc("params", "diff", "--json", *map(str, versions), cwd=copy)) == {
        ".gitreg/params.json": {"max_depth": {"old": "1", "new": "8"}}
    }
    shown = dvc("params", "diff", *map(str, versions), cwd=copy)
    assert shown.splitlines()[1].split() == [".gitreg/params.json", "max_depth", "1", "8"]


def test_dvc_shows_the_metrics_of_every_version_and_draws_their_series(
    shared: Shared, copy: Path, dvc: Run, tmp_path: Path
) -> None:
    shown = json.loads(dvc("metrics", "show", "--all-tags", "--json", cwd=copy))
    for n in (0, 1):
        version = gitreg.resolve(f"churn@v1.0.{n}", registry=shared.clone)
        names = [name for name in shown if f"churn@v1.0.{n}" in name.split(",")]
        (found,) = (shown[name]["data"][".gitreg/metrics.json"]["data"] for name in names)
        assert found == version.metrics
    drawn = json.loads(dvc("plots", "diff", "churn@v1.0.0", "churn@v1.0.1", "--json", "-o", tmp_path / "p", cwd=copy))
    assert [name for name in drawn["data"] if name.endswith("loss.tsv")] != []


def test_payloads_that_moved_are_found_with_an_address_of_their_own(shared: Shared, dvc: Run, tmp_path: Path) -> None:
    config = git(shared.clone, "show", "origin/main:.dvc/config")
    (url,) = (line.split(" = ")[1] for line in config.splitlines() if "url" in line)
    shutil.copytree(url, tmp_path / "moved")
    moved = ("--remote-config", f"url={tmp_path / 'moved'}")
    dvc("get", shared.origin, "model", "--rev", "churn@v1.0.0", "-o", "served", *moved, cwd=tmp_path)
    assert "model.pkl" in check_sums(tmp_path / "served")
