"""No command touches what is its user's: index, work tree, branches, stash, config, hooks."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from gitreg.cli._group import GROUPS
from testing.commandline import gitreg
from testing.gitcli import git, snapshot
from testing.models import write_model

HOOKS = (
    *("applypatch-msg", "commit-msg", "post-applypatch", "post-checkout", "post-commit", "post-merge", "post-rewrite"),
    *("pre-applypatch", "pre-auto-gc", "pre-commit", "pre-merge-commit", "pre-push", "pre-rebase", "update"),
    *("prepare-commit-msg", "push-to-checkout", "reference-transaction", "sendemail-validate"),
)

# In this order, in one repository; what is to be there was made by the ones before.
COMMANDS = """\
status
doctor
init --dry-run ../other
commit ../model --as churn
commit ../model --run-id again --dry-run
commit ../loose
register loose churn --dry-run
register loose churn -m "A second one"
note churn@1 team=risk --metric auc=0.9
retire churn@v1.2.0 -m "again"
retire churn@v1.4.0 -m "worse"
promote churn@v1.1.0 production --dry-run
promote churn@v1.1.0 production -m "wider"
rollback churn production --dry-run
rollback churn staging -m "back"
pr list
pr show 1
pr diff 1
pr comment 1 -m "why not"
pr review 1 --approve
pr merge 1 --dry-run
pr merge 1
pr close 2
pr list --state all --offline
stages
check
check churn@v1.1.0 --stage production
audit
audit --csv
blame churn@production
log --stage production churn
ci init github --dry-run
ci run --dry-run
ci run
hooks install --dry-run
protect
ls
ls churn --where "metrics.accuracy > 0.5"
runs
show churn
show churn@production
show run:loose/model
log
diff churn@1 churn@2
cat churn@1:MLmodel
push
push --all
fetch
pull churn ../served
pull run:loose/model ../again
predict churn -i ../data.json
serve churn --port 0
env create churn --dry-run --manager venv
env list
dockerfile churn -o ../image
bundle create churn@1 loose-is-no-model -o ../x.gitreg
bundle create churn@1 run:loose -o ../x.gitreg
bundle apply ../x.gitreg
bundle apply ../x.gitreg ../far
gc --remote --runs-older-than 1d
gc --remote --runs-older-than 1d --yes
purge churn@v1.4.0 -m "leaked"
purge churn@v1.4.0 -m "leaked" --yes
fsck
completion bash
r
""".splitlines()
REFUSED = {'retire churn@v1.2.0 -m "again"': 128, "predict churn -i ../data.json": 128}
REFUSED["ci init github --dry-run"] = 128
REFUSED["serve churn --port 0"] = 128  # what is not loaded is not served
REFUSED["bundle create churn@1 loose-is-no-model -o ../x.gitreg"] = 128


def make_dirty(folder: Path, home: Path) -> None:
    """Everything a person may have in a repository in the middle of their work."""
    git(folder, "checkout", "-q", "-b", "feature/new")
    for name in ("a.py", "b.py", "c.py"):
        (folder / name).write_text("1\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Some code")
    (folder / "a.py").write_text("stashed\n")
    git(folder, "stash", "-q")
    (folder / "a.py").write_text("staged\n")
    git(folder, "add", "a.py")
    (folder / "a.py").write_text("staged, and changed again\n")
    (folder / "b.py").unlink()
    git(folder, "rm", "-q", "--cached", "c.py")
    (folder / "new.py").write_text("untracked\n")
    (folder / "build.log").write_text("ignored\n")
    git(folder, "config", "core.editor", "false")
    for name in HOOKS:
        hook = folder / ".git/hooks" / name
        hook.write_text(f'#!/bin/sh\necho "{name}" >> "{home}/hooks-that-ran"\nexit 1\n')
        hook.chmod(0o755)


def test_every_command_is_tried_here() -> None:
    tried = {line.split()[0] for line in COMMANDS}
    assert tried == {name for names in GROUPS.values() for name in names}


def test_no_command_touches_what_is_its_users(home: Path, registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(home / "model", run_id="given", weights=b"given")
    write_model(home / "loose", run_id="loose", weights=b"loose")
    (home / "data.json").write_text("[[1]]")
    make_dirty(registry, home)
    monkeypatch.chdir(registry)
    before, status = snapshot(registry), git(registry, "status", "--porcelain", "--ignored")
    stash = git(registry, "stash", "show", "-p")
    for command in COMMANDS:
        said = gitreg(*shlex.split(command))
        assert said.code == REFUSED.get(command, 0), (command, said)
        assert snapshot(registry) == before, command
    assert git(registry, "status", "--porcelain", "--ignored") == status
    assert git(registry, "stash", "show", "-p") == stash
    assert not (home / "hooks-that-ran").exists()
    assert (home / "served/MLmodel").exists()


def test_init_beside_code_leaves_the_code_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = home / "code"
    git(home, "init", "-q", "code")
    git(code, "commit", "-q", "--allow-empty", "-m", "Begin")
    make_dirty(code, home)
    monkeypatch.chdir(code)
    before, status = snapshot(code), git(code, "status", "--porcelain", "--ignored")
    said = gitreg("init", "--origin", home / "origin.git")
    assert said.code == 0, said
    after = snapshot(code)
    assert {key for key in before | after if before.get(key) != after.get(key)} == {
        *("branch/gitreg", "config", "logs/refs/heads/gitreg")
    }
    assert git(code, "status", "--porcelain", "--ignored") == status
    assert gitreg("commit", write_model(home / "model"), "--as", "churn").code == 0
    assert snapshot(code) == after
    assert not (home / "hooks-that-ran").exists()
