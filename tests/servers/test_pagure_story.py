"""A promotion on a real forge from end to end, as its people type it: over HTTP, each with a token of their own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import gitreg
from testing.commandline import program
from testing.gitcli import git
from testing.pagure import Pagure
from testing.registries import log

POLICY = """\
format: 1
people:
  ana: {emails: [ana@example.org], pagure: ana}
  bo: {emails: [bo@example.org], pagure: bo}
stages:
  production:
    approvals: 1
"""


@dataclass(frozen=True)
class User:
    """Somebody with a clone; tokens are in the environment of what they start, and nowhere else."""

    server: Pagure
    name: str
    clone: Path

    @property
    def env(self) -> dict[str, str]:
        own = {f"GIT_{kind}_{what}": value for kind in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", self.name.title()), ("EMAIL", f"{self.name}@example.org"))}  # fmt: skip
        return os.environ | own | {"GITREG_TOKEN": self.server.tokens[self.name], "GITREG_TOKEN_USER": self.name}

    def says(self, *args: str, code: int = 0) -> str:
        """What `gitreg ARGS` prints; it ends with `code`."""
        said = program("-R", self.clone, *args, env=self.env)
        assert said.code == code, f"gitreg {' '.join(args)} ended with {said.code}: {said.out}{said.err}"
        return said.out + said.err

    def asks(self, *args: str) -> dict[str, Any]:
        """What `gitreg ARGS --json` answers."""
        said = program("-R", self.clone, *args, "--json", env=self.env)
        assert said.code == 0, said.err
        found: dict[str, Any] = json.loads(said.out)
        return found


def test_a_version_is_promoted_reviewed_merged_recorded_loaded_and_rolled_back(
    pagure_server: Pagure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = pagure_server
    name = server.make_project("churn-models")
    ana, bo = User(server, "ana", tmp_path / "ana"), User(server, "bo", tmp_path / "bo")
    for key, value in ana.env.items():
        monkeypatch.setenv(key, value)
    gitreg.init(ana.clone, origin=server.url(name), payloads=str(tmp_path / "payloads"))
    (ana.clone / "gitreg.yaml").write_text(POLICY)
    git(ana.clone, "commit", "-q", "-a", "-m", "who approves what")
    git(ana.clone, "push", "-q", server.url(name).replace("://", f"://ana:{server.tokens['ana']}@"), "main")
    assert [log(factor, "churn", registry=ana.clone).version for factor in (2, 3)] == [
        "churn@v0.1.0",
        "churn@v0.2.0",
    ]
    git(tmp_path, "clone", "-q", server.url(name), bo.clone)

    # Proposed, and proposed once more: it is the same pull request.
    url = f"http://{server.host}/{name}/pull-request/1"
    assert f"{url} is opened" in ana.says("promote", "churn@v0.1.0", "production", "-m", "the first")
    assert f"{url} is brought up to date" in ana.says("promote", "churn@v0.2.0", "production", "-m", "a better one")
    pull = ana.asks("pr", "show", "1")["pull"]
    assert (pull["title"], pull["author"], pull["state"]) == ("Promote churn v0.2.0 to production", "ana", "open")
    (status,) = server.forge("bo", name).statuses(pull["head_commit"])
    assert (status.context, status.state, status.text) == ("gitreg/check", "pending", "waits for approvals")

    # Nobody may merge it yet, and its author cannot approve it.
    assert "approvals" in bo.says("check", "--pr", "1", code=1)
    assert "cannot be merged" in ana.says("pr", "merge", "1", code=128)
    assert "is your own" in ana.says("pr", "review", "1", "--approve", code=128)
    told = ana.says("pr", "merge", "1", "--emergency", "-m", "It burns.", code=128)
    assert "pagure writes the messages of merges itself" in told
    bo.says("pr", "comment", "1", "-m", "Which data was it trained on?")
    ana.says("pr", "comment", "1", "-m", "That of October.")
    bo.says("pr", "review", "1", "--approve", "-m", "Fine.")
    said = [(each["by"], each["verdict"], each["text"]) for each in ana.asks("pr", "show", "1")["said"]]
    assert said == [
        ("bo", "comment", "Which data was it trained on?"),
        ("ana", "comment", "That of October."),
        ("bo", "approve", "Fine."),
    ]
    ana.says("check", "--pr", "1", "--status")
    assert [one.state for one in server.forge("bo", name).statuses(pull["head_commit"])] == ["success"]

    # Merged: main, the record, and what is loaded.
    assert "recorded as churn#production#1" in bo.says("pr", "merge", "1")
    bare = server.repository(name)
    assert git(bare, "log", "-1", "--format=%s", "main") == "Merge #1 `Promote churn v0.2.0 to production`"
    assert '"by": "bo"' in git(bare, "cat-file", "tag", "churn#production#1")
    assert gitreg.load_model("churn@production", registry=server.url(name))(4) == 12
    bo.says("ci", "run")
    assert git(bare, "tag", "--list", "churn#*").split() == ["churn#production#1"]

    # Rolled back, merged in a browser: continuous integration makes the record.
    ana.says("promote", "churn@v0.1.0", "production", "-m", "the other one")
    bo.says("pr", "review", "2", "--approve")
    bo.says("pr", "merge", "2")
    assert "pull-request/3 is opened" in ana.says("rollback", "churn", "production", "-m", "it is worse")
    bo.says("pr", "review", "3", "--approve")
    server.ask("bo", f"{name}/pull-request/3/merge", {"wait": True})
    assert "churn#production#3" in bo.says("ci", "run")
    assert gitreg.load_model("churn@production", registry=bo.clone)(4) == 12

    # The audit, of a plain clone that asks nobody, is what Pagure says.
    git(tmp_path, "clone", "-q", server.url(name), tmp_path / "auditor")
    auditor = User(server, "eve", tmp_path / "auditor")
    changes = auditor.asks("audit", "--offline")["changes"]
    merged = {pull.number: pull for pull in server.forge("eve", name).pulls("merged")}
    assert [(each["before"], each["after"], each["pull"]) for each in changes] == [
        (None, "v0.2.0", "1"), ("v0.2.0", "v0.1.0", "2"), ("v0.1.0", "v0.2.0", "3"),
    ]  # fmt: skip
    for each in changes:
        assert each["requested"] == merged[each["pull"]].author == "ana"
        assert [approval["by"] for approval in each["approvals"]] == ["bo"]
        assert each["remarks"] == [], each
