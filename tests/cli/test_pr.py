"""gitreg pr, as typed at a prompt by two people who share a registry in bare Git."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import referencing
from jsonschema import Draft202012Validator
from referencing.jsonschema import DRAFT202012

from testing.commandline import Said, gitreg
from testing.gitcli import git
from testing.team import Member, team, version

POLICY = "format: 1\nstages:\n  production: {approvals: 1, emergency: [bo@example.org]}\n"
FOLDER = Path(__file__).parents[2] / "docs/schema"
SCHEMAS = {path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
FILES = referencing.Registry().with_resources(
    (name, DRAFT202012.create_resource(schema)) for name, schema in SCHEMAS.items()
)  # fmt: skip


@pytest.fixture
def people(tmp_path: Path) -> tuple[Member, Member]:
    return team(tmp_path, POLICY)


def by(who: Member, *args: str) -> Said:
    return gitreg("-R", who.path, "pr", *args)


def answer(who: Member, *args: str) -> dict[str, Any]:
    """What a command answers, valid by its schema."""
    said = by(who, *args, "--json")
    assert said.code == 0, said
    found: dict[str, Any] = json.loads(said.out)
    Draft202012Validator(SCHEMAS["pr.json"], registry=FILES).validate(found)
    assert found["action"] == args[0]
    return found


def told(said: Said) -> str:
    assert said.code == 0, said
    return re.sub(r"\b[0-9a-f]{12}\b", "COMMIT", re.sub(r"\d{4}-\d\d-\d\dT[0-9:]+Z", "WHEN", said.out))


def test_a_pull_request_of_a_promotion(people: tuple[Member, Member]) -> None:
    ana, bo = people
    version(ana)
    assert gitreg("-R", ana.path, "promote", "churn@v0.1.0", "production", "-m", "better").code == 0
    assert told(by(bo, "list")) == (
        "NUMBER  STATE  TITLE                               BY   WHEN\n"
        "1       open   Promote churn v0.1.0 to production  Ana  WHEN\n"
    )
    assert told(by(bo, "list", "-q")) == "1\n"
    assert told(by(bo, "diff", "1")).startswith("diff --git a/stages/production/churn.yaml")
    refused = by(bo, "merge", "1")
    assert (refused.code, refused.out) == (128, "")
    assert refused.err == (
        "error: pull request 1 cannot be merged:\n"
        "  churn v0.1.0 to production: approvals: 1 approval wanted; 1 missing\n"
        "hint: gitreg check --pr 1 tells all of it\n"
    )
    title = "Promote churn v0.1.0 to production"
    assert told(by(ana, "comment", "1", "-m", "see\nhere")) == f"pull request 1 is commented on: {title}\n"
    assert told(by(bo, "review", "1", "--approve", "-n")) == f"pull request 1 would be approved: {title}\n"
    assert told(by(bo, "review", "1", "--approve")) == f"pull request 1 is approved: {title}\n"
    shown = told(by(ana, "show", "1", "-q"))
    assert shown == (
        "number  1\n"
        f"title   {title}\n"
        "state   open\n"
        "branch  promote/production/churn at COMMIT\n"
        "base    main\n"
        "by      Ana <ana@example.org>\n"
        "opened  WHEN\n"
        "\nAna <ana@example.org> says, WHEN\n    see\n    here\n"
        "\nBo <bo@example.org> approves (unsigned), WHEN\n"
    )
    assert "\n**" in told(by(ana, "show", "1"))  # the body
    assert told(by(bo, "merge", "1", "-n")) == f"pull request 1 would be merged: {title}\n"
    assert told(by(bo, "merge", "1")) == f"pull request 1 is merged: {title}\nrecorded as churn#production#1\n"
    assert "state   merged as COMMIT\n" in told(by(ana, "show", "1"))
    assert told(by(ana, "list")) == "no pull request is open\n"
    assert "merged" in told(by(ana, "list", "--state", "all"))
    again = by(ana, "merge", "1")
    assert (again.code, again.err) == (
        128, "error: pull request 1 is merged already\nhint: gitreg pr show 1\n",
    )  # fmt: skip


def test_an_approval_that_does_not_count_says_so(people: tuple[Member, Member]) -> None:
    ana, bo = people
    version(ana)
    gitreg("-R", ana.path, "promote", "churn@v0.1.0", "production")
    assert told(by(ana, "review", "1", "--approve", "-n")).startswith("pull request 1 would be approved: ")
    assert told(by(ana, "review", "1", "--approve")) == (
        "pull request 1 is approved, but does not count: requested it (as Ana <ana@example.org>)\n"
    )
    other = told(by(bo, "review", "1", "--request-changes", "-m", "no"))
    assert other == "pull request 1 is sent back for changes: Promote churn v0.1.0 to production\n"
    (own,) = answer(ana, "review", "1", "--approve")["said"]
    assert (own["by"], own["verdict"], own["counts"]) == ("Ana <ana@example.org>", "approve", False)
    (own,) = answer(bo, "review", "1", "--approve")["said"]
    assert (own["by"], own["counts"]) == ("Bo <bo@example.org>", True)


def test_whether_an_approval_of_another_policy_counts(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("weaker", "gitreg.yaml", POLICY.replace("approvals: 1", "approvals: 0"))
    assert by(ana, "open", "weaker").code == 0
    assert "does not count: requested it" in told(by(ana, "review", "1", "--approve"))
    assert told(by(bo, "review", "1", "--approve")) == "pull request 1 is approved: change gitreg.yaml\n"
    assert [said["counts"] for said in answer(bo, "show", "1")["said"]] == [False, True]


def test_the_text_of_a_pull_request_is_shown_without_its_json(people: tuple[Member, Member]) -> None:
    ana, _ = people
    version(ana)
    gitreg("-R", ana.path, "promote", "churn@v0.1.0", "production")
    shown = told(by(ana, "show", "1"))
    assert "gitreg rollback churn production\n```\n" in shown
    assert "<details>" not in shown and '"model"' not in shown
    assert "<details>" in answer(ana, "show", "1")["pull"]["body"]


def test_any_branch(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic")
    assert told(by(ana, "open", "topic", "-n")) == "change notes.txt: topic would be proposed for main\n"
    assert told(by(ana, "open", "topic", "-m", "Notes")) == "pull request 1 is open: Notes\n"
    assert told(by(bo, "review", "1", "--request-changes", "-m", "no")) == (
        "pull request 1 is sent back for changes: Notes\n"
    )
    assert told(by(bo, "review", "1", "--comment", "-m", "hm")) == "pull request 1 is commented on: Notes\n"
    assert told(by(bo, "close", "1")) == "pull request 1 is closed: Notes\n"
    assert told(by(ana, "list", "--state", "closed", "-q")) == "1\n"
    assert told(by(ana, "list", "--state", "merged")) == "no pull request is merged\n"
    nothing = by(bo, "review", "1")
    assert nothing.code == 2 and "--approve" in nothing.err
    assert by(bo, "show", "7").err == "error: no pull request 7\nhint: gitreg pr list --state all\n"


def test_offline(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic", push=False)
    opened = by(ana, "open", "topic", "--offline")
    assert re.fullmatch(r"pull request draft-[0-9a-f]{12} is open: change notes.txt\n", opened.out), opened
    assert answer(ana, "list", "--offline")["stale"] is True
    assert told(by(bo, "list", "--offline")) == "no pull request is open\n"
    waits = gitreg("-R", ana.path, "status").out.splitlines()[-1]
    assert re.fullmatch("pull request draft-[0-9a-f]{12} waits for the origin: gitreg push sends it", waits)
    pushed = gitreg("-R", ana.path, "push")
    assert pushed.out == "pull request 1 sent\n" and "is pull request 1 now" in pushed.err
    assert answer(bo, "list")["stale"] is False
    said = by(bo, "comment", "1", "-m", "later", "--offline")
    assert (said.code, said.err) == (
        0, "warning: pull request 1: this waits here for the origin; gitreg push sends it\n",
    )  # fmt: skip
    assert json.loads(gitreg("-R", bo.path, "push", "--json").out)["pulls"] == ["1"]
    merging = by(bo, "merge", "1", "--offline")
    assert merging.code == 2


def test_every_answer_as_json(people: tuple[Member, Member]) -> None:
    ana, bo = people
    version(ana)
    gitreg("-R", ana.path, "promote", "churn@v0.1.0", "production")
    assert [pull["number"] for pull in answer(bo, "list")["pulls"]] == ["1"]
    assert answer(bo, "diff", "1")["diff"].startswith("diff --git")
    assert answer(bo, "comment", "1", "-m", "hm")["pull"]["state"] == "open"
    assert answer(bo, "review", "1", "--approve", "-n")["dry_run"] is True
    assert answer(bo, "review", "1", "--approve")["dry_run"] is False
    shown = answer(ana, "show", "1")
    assert [(said["verdict"], said["counts"], said["signed"]) for said in shown["said"]] == [
        ("comment", None, None), ("approve", True, None),
    ]  # fmt: skip
    assert answer(bo, "merge", "1", "-n")["commit"] is None
    merged = answer(bo, "merge", "1")
    assert (merged["commit"], merged["record"]) == (merged["pull"]["merged_commit"], ["churn#production#1"])
    ana.branch("topic")
    assert answer(ana, "open", "topic", "-n")["pull"]["number"] == ""
    assert answer(ana, "open", "topic")["pull"]["number"] == "2"
    assert answer(ana, "close", "2")["pull"]["state"] == "closed"


def test_an_emergency(people: tuple[Member, Member]) -> None:
    ana, bo = people
    version(ana)
    gitreg("-R", ana.path, "promote", "churn@v0.1.0", "production")
    assert "an emergency has a reason" in by(bo, "merge", "1", "--emergency").err
    assert "may not merge to production in an emergency" in by(ana, "merge", "1", "--emergency", "-m", "fire").err
    assert "recorded as churn#production#1" in told(by(bo, "merge", "1", "--emergency", "-m", "fire"))


def test_text_of_others_cannot_steer_the_terminal(people: tuple[Member, Member]) -> None:
    ana, bo = people
    head = ana.branch("topic")
    message = "Title \x1b[2J\n\nbody \x1b]0;x\x07\n\nGitreg-Format: 1\nGitreg-Event: opened\n"
    message += f"Gitreg-Head: {head}\nGitreg-Branch: topic\nGitreg-Base: main\n"
    made = git(ana.path, "commit-tree", git(ana.path, "mktree", input=""), input=message)
    git(ana.path, "push", "-q", "origin", f"{made}:refs/gitreg/pulls/1/meta", f"{head}:refs/gitreg/pulls/1/head")
    for args in (("show", "1"), ("list",), ("close", "1")):
        said = by(bo, *args)
        assert said.code == 0 and "\x1b" not in said.out and "\x07" not in said.out
