"""Recording while the origin is away, and what a terminal is shown of a transfer."""

from __future__ import annotations

from pathlib import Path

import pytest

from testing.commandline import gitreg
from testing.models import write_model


def test_a_registration_waits_for_the_origin_and_push_completes_it(
    home: Path, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(registry)
    (home / "origin.git").rename(home / "away.git")
    said = gitreg("commit", write_model(home / "model", run_id="friday", weights=b"f"), "--as", "churn")
    assert (said.code, said.out) == (75, "run:friday/model, 602 B\n")
    assert said.err.startswith("warning: ")
    assert "gitreg push completes it" in said.err
    status = gitreg("status", "--offline").out
    assert "run:friday/model as churn waits for the origin: gitreg push registers it\n" in status
    (home / "away.git").rename(home / "origin.git")
    assert gitreg("push").out == "churn@v1.3.0 (number 4) is registered\n"
    assert gitreg("push").out == "nothing waited for the origin\n"
    assert gitreg("ls", "churn", "-q", "--limit", "1").out == "churn@v1.3.0\n"


def test_a_note_names_its_version_and_says_when_it_waits(
    home: Path, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(registry)
    assert gitreg("note", "churn@1", "team=risk").out == "noted team = risk on churn@v1.0.0\n"
    assert gitreg("note", "churn@1", "--remove", "team", "-n").out == "would remove team from churn@v1.0.0\n"
    waiting = "noted metrics.auc = 0.9 on churn@v1.0.0\nit waits for gitreg push\n"
    assert gitreg("note", "churn@1", "--metric", "auc=0.9", "--offline").out == waiting
    assert gitreg("note", "churn@1", "team=fraud", "--offline", "-q").out == "team\n"
    assert gitreg("note", "churn@1", "team=fraud", "--offline", "-n").out == "would note team = fraud on churn@v1.0.0\n"
    (home / "origin.git").rename(home / "away.git")
    said = gitreg("note", "churn@v1.0.0", "a=b")
    assert (said.code, said.out) == (0, "noted a = b on churn@v1.0.0\nit waits for gitreg push\n")


def test_a_repeated_commit_registers_what_was_not(home: Path, registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)
    model = write_model(home / "model", run_id="friday", weights=b"f")
    assert gitreg("commit", model).code == 0
    assert gitreg("commit", model, "--as", "churn", "-q").out == "run:friday\nchurn@v1.3.0\n"
    assert gitreg("commit", model, "--as", "churn", "-q").out == "run:friday\nchurn@v1.3.0\n"
