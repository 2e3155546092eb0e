"""promote, rollback and stages, as typed."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
import referencing
from jsonschema import Draft202012Validator
from referencing.jsonschema import DRAFT202012

from gitreg.format.times import format_time, parse_time
from testing.commandline import gitreg, program
from testing.gitcli import git, snapshot

FOLDER = Path(__file__).parents[2] / "docs/schema"
FILES = referencing.Registry().with_resources(
    (path.name, DRAFT202012.create_resource(json.loads(path.read_text()))) for path in FOLDER.glob("*.json")
)
GATE = "stages:\n  dev: {metrics: {accuracy: {min: 0.99}}}\n  staging: {}\n  production: {}\n"


@pytest.fixture
def here(registry: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registry of conftest.py, as the folder that commands are given in. Production runs v1.0.0."""
    monkeypatch.chdir(registry)
    return registry


def policy(here: Path, text: str) -> None:
    with (here / "gitreg.yaml").open("a") as file:
        file.write(text)
    git(here, "commit", "-q", "-a", "-m", "a policy")
    git(here, "push", "-q", "origin", "main")


def as_json(*args: str, name: str) -> dict[str, object]:
    said = gitreg(*args, "--json")
    assert (said.code, said.err) == (0, ""), said
    found: dict[str, object] = json.loads(said.out)
    Draft202012Validator(json.loads((FOLDER / f"{name}.json").read_text()), registry=FILES).validate(found)
    return found


def test_it_says_where_it_is_proposed(here: Path) -> None:
    title = "Promote churn v1.1.0 to production"
    said = gitreg("promote", "churn@v1.1.0", "production", "-m", "better")
    assert (said.code, said.out) == (0, f"pull request 1 is opened: {title}\ngitreg pr show 1\n")
    said = gitreg("promote", "churn@v1.1.0", "production", "-m", "better")
    assert said.out.splitlines()[0] == f"pull request 1 proposes just this already: {title}"
    said = gitreg("promote", "churn@v1.1.0", "production", "-m", "much better")
    assert said.out.splitlines()[0] == f"pull request 1 is brought up to date: {title}"
    assert gitreg("promote", "churn@v1.1.0", "production", "-q").out == "1\n"


def test_what_failed_is_told_and_is_no_failure_of_the_command(here: Path) -> None:
    policy(here, GATE)
    said = gitreg("promote", "churn@v1.1.0", "dev")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "pull request 1 is opened: Promote churn v1.1.0 to dev"
    assert lines[1].startswith("blocked by metrics: accuracy 0.93 (at least 0.99")
    assert gitreg("pr", "merge", "1").code == 128


def test_it_says_which_approvals_are_missing(here: Path) -> None:
    policy(here, 'groups: {leads: [bo@example.org]}\nstages:\n  production: {approvals: 1, approvers: ["@leads"]}\n')
    said = gitreg("promote", "churn@v1.1.0", "production")
    opened = "pull request 1 is opened: Promote churn v1.1.0 to production"
    assert said.out.splitlines() == [opened, "waits for 1 approval of @leads", "gitreg pr show 1"]
    assert as_json("promote", "churn@v1.1.0", "production", name="promote")["waits_for"] == "1 approval of @leads"
    assert "**Waiting for review**: it needs 1 approval of `@leads`" in gitreg("pr", "show", "1").out


def test_a_dry_run_prints_the_change_and_the_body(here: Path) -> None:
    before = git(here.parent / "origin.git", "for-each-ref")
    said = gitreg("promote", "churn@v1.1.0", "production", "-n")
    assert said.code == 0
    assert said.out.startswith("--- a/stages/production/churn.yaml\n+++ b/stages/production/churn.yaml\n")
    assert "\n+version: v1.1.0\n" in said.out
    assert "\n**Ready to merge**" in said.out
    assert git(here.parent / "origin.git", "for-each-ref") == before


def test_a_rollback_says_what_it_does(here: Path) -> None:
    gitreg("promote", "churn@v1.1.0", "production")
    assert gitreg("pr", "merge", "1").code == 0
    said = gitreg("rollback", "churn", "production", "-m", "worse")
    assert said.out.splitlines()[0] == "pull request 2 is opened: Roll back churn in production to v1.0.0"
    said = gitreg("rollback", "churn", "production", "--to", "v1.1.0")
    assert (said.code, said.err.splitlines()[0]) == (128, "error: production runs churn v1.1.0 already")


def test_an_emergency_says_what_was_recorded(here: Path) -> None:
    policy(here, f"stages:\n  production: {{approvals: 1, emergency: [{git(here, 'config', 'user.email')}]}}\n")
    said = gitreg("rollback", "churn", "production", "--emergency", "-m", "it answers no")
    title = "Empty production of churn"
    assert (said.code, said.out) == (0, f"pull request 1 is merged: {title}\nrecorded as churn#production!#2\n")


def test_stages_are_a_grid(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gitreg("promote", "churn@v1.1.0", "production")
    cells = json.loads(gitreg("stages", "--json").out)["cells"]
    since = parse_time(next(cell["since"] for cell in cells if cell["stage"] == "production"))
    monkeypatch.setenv("GITREG_NOW", format_time(since + timedelta(days=3)))
    lines = gitreg("stages").out.splitlines()
    assert lines[0].split() == ["MODEL", "production", "staging"]
    assert lines[1].startswith("churn  v1.0.0, 3 days, pull request 1 ")


def test_a_registry_whose_stages_run_nothing_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert gitreg("init", "empty").code == 0
    said = gitreg("-R", "empty", "stages")
    assert (said.code, said.out) == (0, "nothing runs in any: gitreg promote MODEL STAGE\n")


def test_answers_as_json(here: Path) -> None:
    tried = as_json("promote", "churn@v1.1.0", "production", "-n", name="promote")
    assert (tried["dry_run"], tried["opened"], tried["ok"]) == (True, False, True)
    done = as_json("promote", "churn@v1.1.0", "production", name="promote")
    assert (done["dry_run"], done["opened"], done["pushed"], done["updated"]) == (False, True, True, False)
    assert isinstance(done["pull"], dict)
    assert done["pull"]["number"] == "1"
    grid = as_json("stages", name="stages")
    assert grid["stages"] == ["production", "staging"]
    assert gitreg("pr", "merge", "1").code == 0
    back = as_json("rollback", "churn", "production", name="rollback")
    assert (back["emergency"], back["opened"]) == (False, True)
    assert str(back["diff"]).startswith("--- a/stages/production/churn.yaml")


@pytest.mark.parametrize(
    ("command", "said", "hint"),
    [
        ("promote run:monday production", "run:monday is a run", "gitreg register run:monday MODEL"),
        ("promote churn@v1.0.0 production", "production runs churn@v1.0.0 already", "gitreg show churn@production"),
        ("promote churn@nowhere production", "no stage nowhere runs churn", ""),
        ("promote churn@v1.1.0 latest", "bad stage name 'latest'", ""),
        ("rollback churn dev", "dev never ran churn", "gitreg stages"),
        ("rollback churn production --emergency", "an emergency has a reason", "--emergency -m WHY"),
        ("rollback churn production --emergency -m now", "nobody may roll production back", "emergency:"),
    ],
)
def test_errors_say_what_to_type_next(here: Path, command: str, said: str, hint: str) -> None:
    found = gitreg(*command.split())
    assert found.code == 128
    assert found.err.startswith(f"error: {said}"), found.err
    assert hint in found.err


def test_a_stage_without_this_model_says_what_lets_it(here: Path) -> None:
    policy(here, GATE)
    assert "hint: stages that do: production, staging\n" in gitreg("show", "churn@dev").err
    assert "hint: gitreg promote other@VERSION dev proposes one; gitreg ls other" in gitreg("show", "other@dev").err
    assert "hint: gitreg ls other; the stages are production, staging\n" in gitreg("show", "other@nowhere").err


def test_nothing_of_the_users_is_touched(here: Path) -> None:
    git(here, "checkout", "-q", "-b", "mine")
    (here / "gitreg.yaml").write_text("broken: [")
    before = snapshot(here)
    for command in (
        "promote churn@v1.1.0 production -n",
        "promote churn@v1.1.0 production -m why",
        "promote churn production",
        "stages",
        "rollback churn production",
    ):
        assert gitreg(*command.split()).code == 0, command
        assert snapshot(here) == before, command


def test_stages_are_offered_to_the_shell(here: Path) -> None:
    words = "gitreg promote churn@v1.1.0 "
    env = os.environ | {"_GITREG_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "3"}
    said = program(env=env)
    assert {line.partition(",")[2] for line in said.out.splitlines()} == {"production", "staging"}
