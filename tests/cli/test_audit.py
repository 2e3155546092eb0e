"""gitreg audit, log --stage, blame and ci as typed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from testing.commandline import gitreg, on_terminal
from testing.gitcli import git


@pytest.fixture(autouse=True)
def here(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)


def test_audit_is_a_table_with_remarks_and_a_line_that_counts_them() -> None:
    said = gitreg("audit")
    assert said.code == 0
    head, *rows, last, hint = said.out.splitlines()
    assert hint == "gitreg fetch brings records, gitreg ci run writes those that are missing"
    assert head.split("  ")[0] == "WHEN" and "REMARKS" in head and "APPROVED BY" not in head
    assert [row.split()[1:5] for row in rows] == [
        ["production", "churn", "-", "v1.0.0"], ["staging", "churn", "-", "v1.1.0"],
    ]  # fmt: skip
    assert all("pushed directly: no merge commit" in row for row in rows)
    assert last == "2 changes: 2 with remarks"
    assert gitreg("audit", "--stage", "production", "-q").out.count("\n") == 2
    assert "v1.1.0" not in on_terminal("audit", "churn", "--stage", "production")


def test_audit_of_what_never_ran_is_no_answer(registry: Path) -> None:
    said = gitreg("audit", "fraud")
    assert (said.code, "no change of any stage for fraud on main" in said.err) == (128, True)
    git(registry, "rm", "-rq", "stages")
    assert gitreg("audit").code == 0


def test_audit_as_csv_is_a_table_for_a_spreadsheet() -> None:
    rows = list(csv.reader(io.StringIO(gitreg("audit", "--csv").out)))
    assert rows[0][:8] == [
        "when", "stage", "model", "before", "after", "requested by", "approved by", "merged by",
    ]  # fmt: skip
    assert [row[1:5] for row in rows[1:]] == [["production", "churn", "", "v1.0.0"], ["staging", "churn", "", "v1.1.0"]]
    said = gitreg("audit", "--csv", "--json")
    assert (said.code, "two forms of one answer" in said.err) == (2, True)


def test_a_stage_s_log_is_newest_first_and_takes_a_model_and_a_limit() -> None:
    said = gitreg("log", "--stage", "production", "churn")
    assert said.code == 0
    head, row = said.out.splitlines()
    assert head.split() == ["WHEN", "EVENT", "MODEL", "BEFORE", "AFTER", "BY", "WHY"]
    assert row.split()[1:5] == ["promoted", "churn", "-", "v1.0.0"]
    assert gitreg("log", "--stage", "production", "--limit", "0").out.count("\n") <= 1
    said = gitreg("log", "--stage", "elsewhere")
    assert (said.code, "no change of elsewhere on main" in said.err) == (128, True)


def test_blame_has_a_row_for_each_fact() -> None:
    said = gitreg("blame", "churn@production")
    assert said.code == 0
    facts = {row.split()[5]: row.split()[6:] for row in said.out.splitlines()[1:]}
    assert facts["version"] == ["v1.0.0"]
    assert "metrics.accuracy" in facts and "params.depth" in facts
    assert gitreg("blame", "churn@1").code == 128
    assert "no stage production runs fraud" in gitreg("blame", "fraud@production").err


def test_ci_init_writes_a_file_and_says_what_to_do(registry: Path) -> None:
    shown = gitreg("ci", "init", "github", "-n")
    assert shown.out.startswith("would write .github/workflows/gitreg.yml:\n# Written by")
    assert not (registry / ".github").exists()
    said = gitreg("ci", "init", "github")
    assert said.out.splitlines()[0] == "wrote .github/workflows/gitreg.yml"
    assert "git add .github/workflows/gitreg.yml" in said.out
    assert gitreg("ci", "init", "github").out == "as it was: .github/workflows/gitreg.yml\n"
    (registry / ".github/workflows/gitreg.yml").write_text("mine\n")
    said = gitreg("ci", "init", "github")
    assert (said.code, "says something else" in said.err) == (128, True)
    assert gitreg("ci", "init", "bitbucket").code == 2


def test_ci_run_says_what_it_did_and_twice_is_once(registry: Path) -> None:
    assert "churn#production#1 would be recorded" in gitreg("ci", "run", "-n").out
    assert gitreg("ci", "run").out == "churn#production#1 is recorded\nchurn#staging#1 is recorded\n"
    assert gitreg("ci", "run").out == "nothing to do\n"
    assert gitreg("audit").out.endswith("\n2 changes: 2 with remarks\n")  # they were pushed by hand


def test_ci_run_ends_with_the_code_of_what_it_could_not_do(registry: Path, home: Path) -> None:
    hook = home / "origin.git/hooks/update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/tags/*production*) echo "protected tag" >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    said = gitreg("ci", "run")
    assert said.out == "churn#staging#1 is recorded\n"
    assert (said.code, "protected tag" in said.err) == (128, True)
