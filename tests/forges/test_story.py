"""A version on its way to production, on a forge of each dialect, by the commands that people type."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitreg as library
from testing.commandline import Said, gitreg
from testing.forge_contract import Shop
from testing.forge_stub import StubForge
from testing.gitcli import git
from testing.registries import log

POLICY = """\
format: 1
people:
  ana: {emails: [ana@example.org], github: ana, gitlab: ana, gitea: ana}
  bo: {emails: [bo@example.org], github: bo, gitlab: bo, gitea: bo}
  cy: {emails: [cy@example.org], github: cy, gitlab: cy, gitea: cy}
stages:
  production: {approvals: 1, emergency: [cy]}
"""


def run(*args: str, code: int = 0) -> Said:
    said = gitreg(*args)
    assert said.code == code, said
    return said


def test_from_a_version_to_production_and_back(
    stub: StubForge, shop: Shop, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = stub.create("team/registry")
    monkeypatch.chdir(home)

    def become(login: str) -> None:
        monkeypatch.setenv("GITREG_TOKEN", f"tok-{login}")
        git(home, "config", "--global", "user.name", login.title())
        git(home, "config", "--global", "user.email", f"{login}@example.org")

    become("ana")
    run("init", "reg", "--origin", stub.url("team/registry"), "--payloads", str(home / "payloads"))
    work = home / "reg"
    (work / "gitreg.yaml").write_text(POLICY)
    git(work, "commit", "-q", "-a", "-m", "policy")
    git(home, "config", "--global", "credential.helper", "")
    git(repo.folder, "fetch", "-q", work, "+HEAD:refs/heads/main")  # an administrator's
    monkeypatch.chdir(work)
    library.use(work)
    log(2.0, "churn")
    log(3.0, "churn")

    first = run("promote", "churn@v0.1.0", "production", "-m", "It is the first")
    assert f"{stub.address}/team/registry/" in first.out
    assert [change.state for change in repo.changes] == ["open"]
    assert "churn v0.1.0" in repo.changes[0].title
    run("pr", "merge", "1", code=128)

    become("bo")
    run("pr", "review", "1", "--approve", "-m", "Fine.")
    shown = run("pr", "show", "1")
    assert "bo" in shown.out
    run("pr", "merge", "1")
    assert repo.changes[0].state == "merged"
    assert git(repo.folder, "log", "-1", "--format=%P", "main").count(" ") == 1
    assert "version: v0.1.0" in git(repo.folder, "show", "main:stages/production/churn.yaml")
    assert str(library.resolve("churn@production")) == "churn@v0.1.0"
    assert git(repo.folder, "tag", "--list", "churn#*") == "churn#production#1"

    become("ana")
    run("promote", "churn@v0.2.0", "production", "-m", "It is better")
    become("bo")
    run("pr", "review", "2", "--approve")
    run("pr", "merge", "2")
    assert str(library.resolve("churn@production")) == "churn@v0.2.0"

    become("ana")
    run("rollback", "churn", "production", "-m", "It forgets winter")
    assert [change.state for change in repo.changes] == ["merged", "merged", "open"]
    become("bo")
    run("pr", "review", "3", "--approve")
    run("pr", "merge", "3")
    assert str(library.resolve("churn@production")) == "churn@v0.1.0"
    assert git(repo.folder, "tag", "--list", "churn#*").split() == [f"churn#production#{n}" for n in (1, 2, 3)]
    audited = run("audit")
    assert "bo" in audited.out
    everything = "".join(
        path.read_text(errors="replace") for path in (work / ".git/gitreg").glob("*") if path.is_file()
    )
    assert "tok-" not in everything + git(work, "config", "--list")
