"""Every answer as JSON, against the schemas that docs/schema publishes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import referencing
from jsonschema import Draft202012Validator
from referencing.jsonschema import DRAFT202012

from testing.commandline import gitreg
from testing.gitcli import git
from testing.models import log_run, write_model

CLI = Path(__file__).parents[2] / "gitreg/cli"
FOLDER = Path(__file__).parents[2] / "docs/schema"
SCHEMAS = {path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
VALUES = ("envelope.json", "gitreg.yaml.json", "logged-model.json", "model.json", "run.json", "version.json")
FILES = referencing.Registry().with_resources(
    (name, DRAFT202012.create_resource(schema)) for name, schema in SCHEMAS.items()
)  # fmt: skip


def answer(*args: str, code: int = 0, schema: str = "") -> dict[str, Any]:
    """What a command answers, valid by its schema."""
    said = gitreg(*args, "--json")
    assert said.code == code, said
    found: dict[str, Any] = json.loads(said.out)
    name = found["schema"].split("/")[1]
    assert name == (schema or args[0])
    Draft202012Validator(SCHEMAS[f"{name}.json"], registry=FILES).validate(found)
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - {*VALUES}))
def test_a_schema_asks_for_every_key_it_knows(name: str) -> None:
    schema = SCHEMAS[name]
    assert set(schema["required"]) | {"schema"} == set(schema["properties"])
    assert schema["allOf"] == [{"$ref": "envelope.json"}]
    assert "additionalProperties" not in schema


def test_reading(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)
    models = answer("ls", schema="models")
    assert models["registry"] == str(registry)
    assert (models["as_of"], models["stale"]) == ("2026-03-03T10:31:00.000Z", True)  # a clone lists what was fetched
    assert [model["name"] for model in models["models"]] == ["churn", "fraud"]
    assert models["models"][0]["latest"]["ref"] == "churn@v1.1.0"
    assert answer("ls", "--offline", schema="models")["stale"] is True
    versions = answer("ls", "churn", "--where", "stage = 'staging'", schema="versions")
    assert [(v["ref"], v["stages"], v["labels"]) for v in versions["versions"]] == [
        ("churn@v1.1.0", ["staging"], {"approved-by": "ana"})
    ]
    assert len(answer("runs")["runs"]) == 5
    assert [answer("show", ref)["kind"] for ref in ("churn", "churn@production", "run:alone", "monday")] == [
        *("model", "version", "run", "run")
    ]
    shown = answer("show", "churn@2")
    assert shown["signature"]["inputs"] == {"plan": "string", "tenure": "long?", "region": "string?"}
    assert shown["run"]["source"]["entry"] == "train.py"
    assert len(answer("log")["events"]) == 6
    assert (answer("protect")["forge"], answer("protect")["applied"]) == ("local", False)
    assert answer("log", "churn", "--limit", "1")["events"][0]["event"] == "retired"
    assert [change["after"] for change in answer("audit", "churn")["changes"]] == ["v1.0.0", "v1.1.0"]
    assert answer("log", "--stage", "staging", schema="promotions")["promotions"][0]["event"] == "promoted"
    assert {fact["was"] for fact in answer("blame", "churn@production")["facts"]} == {None}
    assert answer("ci", "init", "gitlab", "-n")["init"]["files"][0]["path"] == ".gitlab/gitreg.yml"
    assert answer("ci", "run", "-n")["run"]["records"] == ["churn#production#1", "churn#staging#1"]
    assert answer("check")["reports"][0]["subject"] == "gitreg.yaml"
    assert (answer("check", "churn@1")["ok"], answer("check", "main..main")["reports"]) == (True, [])
    assert answer("diff", "churn@1", "churn@2", "--exit-code", code=1)["bump"] == "minor"
    assert answer("diff", "churn@1", "churn@1", "--exit-code")["same"] is True
    assert (answer("fsck")["faults"], answer("fsck", "fraud")["versions"]) == ([], 1)
    git(registry, "tag", "-d", "run/monday", "churn@v1.1.0")
    assert {fault["rule"]: fault["remark"] for fault in answer("fsck", code=1)["faults"]}["tags"] is False
    assert answer("diff", "run:alone", "churn@1")["bump"] is None


def test_writing_and_moving(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer("init", "reg", "--origin", "origin.git")["created_origin"] is True
    monkeypatch.chdir(home / "reg")
    model = str(write_model(home / "model", run_id="monday"))
    assert answer("commit", model, "-n")["dry_run"] is True
    run = answer("commit", model, "--as", "churn")["run"]
    assert (run["id"], run["models"][0]["version"]) == ("monday", "churn@v1.0.0")
    other = str(write_model(home / "other", weights=b"other", run_id="tuesday"))
    answer("commit", other)
    assert answer("status")["unpushed"] == ["tuesday"]
    assert answer("register", "tuesday", "churn", "-n")["version"]["ref"] == "churn@v1.0.1"
    assert answer("register", "tuesday", "churn")["version"]["number"] == 2
    assert answer("note", "churn@1", "team=risk", "--metric", "auc=0.9")["facts"][0]["key"] == "team"
    assert answer("note", "churn@1", "--remove", "team")["facts"][0]["value"] is None
    assert answer("retire", "churn@1", "-m", "old")["version"]["retired"] is True
    log_run(home / "reg", "wednesday", metrics={"loss": float("nan")})
    assert answer("runs", "--limit", "1")["runs"][0]["metrics"] == {"loss": "NaN"}
    assert answer("push", "wednesday")["runs"] == ["wednesday"]
    assert answer("fetch")["tags"] == 0
    assert answer("env", "create", "churn", "-n")["created"]["ref"] == "churn@v1.0.1"
    assert answer("env", "list")["environments"] == answer("env", "remove", "--unused-for", "1d")["environments"] == []
    pulled = answer("pull", "churn", "served")
    assert (pulled["ref"], pulled["path"]) == ("churn@v1.0.1", str(home / "reg/served"))
    assert answer("pull", "run:monday", "again")["version"] is None
    assert answer("dockerfile", "churn", "-n")["base"].startswith("python:3.")
    baked = answer("dockerfile", "run:monday", "-o", "image")
    assert (baked["dry_run"], baked["version"], baked["port"]) == (False, None, 8080)
    assert answer("doctor", code=0)["ok"] is True
    assert [hook["state"] for hook in answer("hooks", "install")["hooks"]] == ["installed", "installed"]
    assert answer("hooks", "uninstall", "-n")["dry_run"] is True
    assert (answer("gc")["done"], answer("gc", "--remote", "--yes", "--grace", "0s")["done"]) == (False, True)
    made = answer("bundle", "create", "churn@2", "-o", str(home / "x.gitreg"))["created"]
    assert (made["names"], made["payloads"]) == (["churn@v1.0.1"], 1)
    taken = answer("bundle", "apply", str(home / "x.gitreg"), str(home / "far"))["applied"]
    assert (taken["created"], taken["versions"], taken["runs"]) == (True, ["churn@v1.0.1"], ["tuesday"])
    assert answer("purge", "churn@1", "-m", "why")["payloads"][0]["path"] == "model/model.pkl"
    assert answer("purge", "churn@1", "-m", "why", "--yes")["run_kept"] is None


def test_pull_requests_in_bare_git(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)
    git(registry, "push", "-q", "origin", "origin/main:refs/heads/topic")
    assert answer("pr", "open", "topic", "-m", "Nothing new")["pull"]["number"] == "1"
    assert answer("pr", "list")["pulls"][0]["title"] == "Nothing new"
    assert answer("pr", "show", "1")["said"] == []
    assert answer("pr", "close", "1")["pull"]["state"] == "closed"
    proposed = answer("promote", "churn@v1.1.0", "production", "-m", "wider")
    assert (proposed["pull"]["number"], proposed["pull"]["title"]) == ("2", "Promote churn v1.1.0 to production")
    assert answer("pr", "merge", "2")["record"] == ["churn#production#2"]
    cells = {(cell["model"], cell["stage"]): cell["version"] for cell in answer("stages")["cells"]}
    assert cells["churn", "production"] == "v1.1.0"
    back = answer("rollback", "churn", "production", "-m", "narrow again", "-n")
    assert back["pull"]["title"] == "Roll back churn in production to v1.0.0"


def test_a_repository_that_is_the_authority_answers_as_of_now(
    lone_registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lone_registry)
    monkeypatch.setenv("GITREG_NOW", "2027-01-01T00:00:00Z")
    assert answer("runs")["as_of"] == "2027-01-01T00:00:00.000Z"


def test_an_address_answers_too(registry: Path, home: Path) -> None:
    assert answer("ls", "-R", f"file://{home}/origin.git", schema="models")["models"]


def test_every_answer_has_a_schema_and_is_checked_here() -> None:
    printed = {name for path in CLI.glob("*.py") for name in re.findall(r'print_json\(\s*"([a-z]+)"', path.read_text())}
    assert {f"{name}.json" for name in printed} == set(SCHEMAS) - {*VALUES}
    here = Path(__file__).read_text()
    assert [name for name in sorted(printed) if not re.search(rf'answer\("{name}"|schema="{name}"', here)] == []
