"""gitreg hooks, as typed; and as the pre-commit framework runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testing.commandline import gitreg, program
from testing.gitcli import GitFailed, git
from testing.models import log_run, write_model

TOP = Path(__file__).parents[2]


def test_hooks_come_and_go(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)
    folder = registry / ".git/hooks"
    assert gitreg("hooks", "install", "-n").out == (
        f"{folder}/pre-commit: would be installed\n{folder}/pre-push: would be installed\n"
    )
    assert gitreg("hooks", "install").out == f"{folder}/pre-commit: installed\n{folder}/pre-push: installed\n"
    assert gitreg("hooks", "install", "-q").out == f"{folder}/pre-commit\n{folder}/pre-push\n"
    assert gitreg("hooks", "uninstall").out == f"{folder}/pre-commit: removed\n{folder}/pre-push: removed\n"
    (folder / "pre-push").write_text("#!/bin/sh\n")
    assert "pre-push: installed, after the one that was there before\n" in gitreg("hooks", "install").out
    assert "pre-push: removed; the one from before is back\n" in gitreg("hooks", "uninstall").out


def test_the_answer_as_json(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = registry.parent / "origin.git"
    found = json.loads(gitreg("hooks", "install", "--server", str(origin), "--json").out)
    assert (found["schema"], found["action"], found["dry_run"]) == ("gitreg/hooks/1", "install", False)
    assert found["hooks"] == [
        {"stage": "pre-receive", "path": f"{origin}/hooks/pre-receive", "state": "installed", "chained": False}
    ]


def test_what_cannot_be_done_is_told(registry: Path) -> None:
    said = gitreg("hooks", "install", "--server", registry)
    assert (said.code, said.err) == (
        128, f"error: {registry} is a clone, and no bare repository\nhint: gitreg hooks install, without --server\n"
    )  # fmt: skip
    assert gitreg("hooks", "run", "post-commit").code == 2


def test_running_one_by_hand(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)
    (registry / "gitreg.yaml").write_text("format: one\n")
    git(registry, "add", "gitreg.yaml")
    said = gitreg("hooks", "run", "pre-commit")
    assert said.code == 1
    assert said.err.startswith("gitreg: this commit is refused\n  gitreg.yaml, line 1: format is text")
    tag = git(registry, "rev-parse", "churn@1")
    line = f"(delete) {'0' * 40} refs/tags/churn@1 {tag}\n"
    said = gitreg("hooks", "run", "pre-push", "origin", "address", input=line.encode())
    assert (said.code, said.err.splitlines()[0]) == (1, "gitreg: this push is refused")
    assert gitreg("hooks", "run", "pre-push", "origin", "address").code == 0
    origin = registry.parent / "origin.git"
    line = f"{git(origin, 'rev-parse', 'main')} {'0' * 40} refs/heads/main\n"
    said = program("hooks", "run", "pre-receive", cwd=origin, stdin=None, input=line.encode())
    assert (said.code, said.err.splitlines()[0]) == (1, "gitreg: this push is refused")


@pytest.fixture
def framework(registry: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry whose hooks are run by the pre-commit framework, from the manifest of this tree."""
    hooks = home / "gitreg"
    hooks.mkdir()
    shutil.copy(TOP / ".pre-commit-hooks.yaml", hooks)
    git(hooks, "init", "-q")
    git(hooks, "add", ".")
    git(hooks, "commit", "-q", "-m", "hooks")
    # With the language `system` nothing is installed: gitreg is the one that is tested.
    used = "".join(f"      - {{id: {name}, language: system}}\n" for name in ("gitreg-pre-commit", "gitreg-pre-push"))
    config = f"repos:\n  - repo: {hooks}\n    rev: {git(hooks, 'rev-parse', 'HEAD')}\n    hooks:\n{used}"
    (registry / ".pre-commit-config.yaml").write_text(config)
    git(registry, "add", ".pre-commit-config.yaml")
    git(registry, "commit", "-q", "-m", "hooks")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("PRE_COMMIT_HOME", str(home / "pre-commit"))
    pre_commit("install", "-t", "pre-commit", "-t", "pre-push", cwd=registry)
    return registry


def pre_commit(*args: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-m", "pre_commit", *args], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_framework_takes_the_manifest(home: Path) -> None:
    pre_commit("validate-manifest", str(TOP / ".pre-commit-hooks.yaml"), cwd=home)


def test_the_framework_runs_it_before_a_commit(framework: Path) -> None:
    write_model(framework / "trained")
    git(framework, "add", "trained")
    with pytest.raises(GitFailed, match="is a payload in a model directory"):
        git(framework, "commit", "-q", "-m", "a model")
    git(framework, "rm", "-q", "--cached", "trained/model.pkl")
    git(framework, "commit", "-q", "-m", "the rest of it")


def test_the_framework_runs_it_before_a_push(framework: Path, home: Path) -> None:
    log_run(framework, "friday", write_model(home / "friday", weights=b"friday's"))
    origin = home / "origin.git"
    before = sum(path.is_file() for path in (origin / "payloads").rglob("*"))
    git(framework, "push", "-q", "origin", "refs/tags/run/friday")
    assert sum(path.is_file() for path in (origin / "payloads").rglob("*")) == before + 1
    git(framework, "push", "-q", "origin", "main")
    push = ["git", "push", "-q", "origin", "+churn@2:refs/tags/churn@1"]
    done = subprocess.run(push, cwd=framework, capture_output=True, text=True, check=False)
    assert "this moves the tag churn@1 of the remote" in done.stdout + done.stderr
