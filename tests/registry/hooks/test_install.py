"""Hooks are put beside those that are there, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gitreg.errors import Conflict, NotFound, Refused
from gitreg.registry.hooks.install import Hook, install, uninstall
from testing.gitcli import GitFailed, git, snapshot
from testing.registries import Place

TOP = Path(__file__).parents[3]


def states(hooks: tuple[Hook, ...]) -> list[tuple[str, str, bool]]:
    return [(hook.stage, hook.state, hook.chained) for hook in hooks]


def both(state: str) -> list[tuple[str, str, bool]]:
    return [("pre-commit", state, False), ("pre-push", state, False)]


def write_hook(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_installing_twice_is_once_and_uninstalling_leaves_nothing(clone: Place) -> None:
    before = snapshot(clone.path)
    assert states(install(clone.path, dry_run=True)) == [
        ("pre-commit", "installed", False),
        ("pre-push", "installed", False),
    ]
    assert snapshot(clone.path) == before
    assert states(install(clone.path)) == both("installed")
    after = snapshot(clone.path)
    assert {"hooks/pre-commit", "hooks/pre-push"} == after.keys() - before.keys()
    assert states(install(clone.path)) == both("unchanged")
    assert snapshot(clone.path) == after
    assert states(uninstall(clone.path, dry_run=True)) == [
        ("pre-commit", "removed", False),
        ("pre-push", "removed", False),
    ]
    assert snapshot(clone.path) == after
    uninstall(clone.path)
    assert snapshot(clone.path) == before
    assert states(uninstall(clone.path)) == both("absent")


def test_a_hook_that_is_there_runs_first_and_comes_back(clone: Place, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f'echo "$@" >> {log}\ncat >> {log}\n[ ! -e {log}.no ] || exit 7'
    own = write_hook(clone.path / ".git/hooks/pre-push", script)
    content, mode = own.read_bytes(), own.stat().st_mode
    assert ("pre-push", "installed", True) in states(install(clone.path))
    assert ("pre-push", "unchanged", True) in states(install(clone.path))
    git(clone.path, "push", "-q", "origin", "main:work")
    head = git(clone.path, "rev-parse", "main")
    assert log.read_text() == f"origin {clone.origin}\nrefs/heads/main {head} refs/heads/work {'0' * 40}\n"
    Path(f"{log}.no").touch()
    with pytest.raises(GitFailed):
        git(clone.path, "push", "-q", "origin", "main:other")
    uninstall(clone.path)
    assert (own.read_bytes(), own.stat().st_mode) == (content, mode)
    assert not list(own.parent.glob("*.before-gitreg"))


def test_what_comes_first_is_judged_after_it_too(clone: Place) -> None:
    assert clone.origin
    own = write_hook(clone.origin / "hooks/pre-receive", 'read old new ref; echo "first sees $ref"')
    install(clone.origin, server=True)
    git(clone.path, "push", "-q", "origin", "main:work")
    push = ["git", "push", "origin", ":main"]
    done = subprocess.run(push, cwd=clone.path, capture_output=True, text=True, check=False)
    assert "remote: first sees refs/heads/main" in done.stderr
    assert "remote:   main: the registry's branch is never deleted" in done.stderr
    uninstall(clone.origin, server=True)
    assert "first sees" in own.read_text()


def test_a_hook_that_git_did_not_run_does_not_begin_to(clone: Place) -> None:
    write_hook(clone.path / ".git/hooks/pre-push", "exit 1").chmod(0o644)
    install(clone.path)
    git(clone.path, "push", "-q", "origin", "main:work")
    uninstall(clone.path)
    assert (clone.path / ".git/hooks/pre-push").stat().st_mode & 0o111 == 0


def test_a_hook_that_is_another_one_again_is_not_overwritten(clone: Place) -> None:
    own = clone.path / ".git/hooks/pre-push"
    write_hook(own, "echo first")
    install(clone.path)
    write_hook(own, "echo second")
    with pytest.raises(Conflict, match="is another hook again"):
        install(clone.path)
    assert ("pre-push", "absent", False) in states(uninstall(clone.path))
    assert "second" in own.read_text()


def test_hooks_that_lie_elsewhere_in_the_repository(clone: Place, tmp_path: Path) -> None:
    git(clone.path, "config", "core.hooksPath", ".githooks")
    assert Path(install(clone.path)[0].path).parent == clone.path / ".githooks"
    git(clone.path, "config", "core.hooksPath", str(tmp_path / "everybodys"))
    with pytest.raises(Refused, match="outside of this repository") as caught:
        install(clone.path)
    assert caught.value.hint.startswith("git config core.hooksPath .git/hooks")
    assert not (tmp_path / "everybodys").exists()


def test_a_work_tree_of_its_own_shares_the_hooks(clone: Place, tmp_path: Path) -> None:
    git(clone.path, "worktree", "add", "-q", tmp_path / "tree", "-b", "work")
    install(tmp_path / "tree")
    assert (clone.path / ".git/hooks/pre-commit").exists()
    (tmp_path / "tree/stages").mkdir()
    (tmp_path / "tree/stages/churn.yaml").write_text("format: 1\n")
    git(tmp_path / "tree", "add", ".")
    with pytest.raises(GitFailed, match=r"stages/churn\.yaml"):
        git(tmp_path / "tree", "commit", "-q", "-m", "no")


def test_the_wrong_kind_of_repository(clone: Place, tmp_path: Path) -> None:
    assert clone.origin
    with pytest.raises(Refused, match="is a clone, and no bare repository"):
        install(clone.path, server=True)
    with pytest.raises(Refused, match="nobody commits there"):
        install(clone.origin)
    with pytest.raises(NotFound, match="is in no git repository"):
        install(tmp_path)


def test_a_stub_whose_python_is_gone_says_what_to_do(clone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/it's gone/python")
        install(clone.path)
    with pytest.raises(GitFailed) as caught:
        git(clone.path, "push", "-q", "origin", "main:work")
    assert "the Python that this hook was installed with is gone: /nowhere/it's gone/python" in str(caught.value)
    assert "hint: gitreg hooks install" in str(caught.value)
    assert ("pre-push", "updated", False) in states(install(clone.path))
    git(clone.path, "push", "-q", "origin", "main:work")


def test_a_package_without_its_stubs(clone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitreg.registry.hooks.install._stubs", lambda: iter([clone.path]))
    with pytest.raises(NotFound, match="installed without its hook pre-commit"):
        install(clone.path)


@pytest.mark.parametrize("stage", ["pre-commit", "pre-push", "pre-receive"])
def test_the_stubs_are_plain_sh(stage: str) -> None:
    stub = TOP / "hooks" / stage
    assert stub.read_text().startswith("#!/bin/sh\n# gitreg's hook: ")
    assert stub.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", stub], check=True)


def test_a_module_of_the_repository_is_not_imported_by_its_hooks(clone: Place) -> None:
    install(clone.path)
    for name in ("yaml.py", "gitreg.py", "json.py"):
        (clone.path / name).write_text("raise SystemExit('imported from the work tree')\n")
    git(clone.path, "add", ".")
    git(clone.path, "commit", "-q", "-m", "modules")
    git(clone.path, "push", "-q", "origin", "main")
