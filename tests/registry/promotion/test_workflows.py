from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

import gitreg
from gitreg.errors import Refused
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.forge import open_forge
from gitreg.registry.promotion.workflows import KINDS, ci_init, workflow
from testing.gitcli import git, snapshot
from testing.promoted import History
from testing.registries import SETTINGS, Place, cloned, log
from testing.workflows import INSTALL, github_job, gitlab_job, triggers

TOP = Path(__file__).parents[3]
PATHS = {
    "github": [".github/workflows/gitreg.yml"],
    "gitlab": [".gitlab/gitreg.yml", ".gitlab-ci.yml"],
    "gitea": [".gitea/workflows/gitreg.yml"],
}
LIKE_GITHUB = ("github", "gitea")


def schema(name: str) -> Draft7Validator:
    """A schema as its forge publishes it."""
    found = resources.files("check_jsonschema.builtin_schemas.vendor").joinpath(f"{name}.json")
    return Draft7Validator(json.loads(found.read_text(encoding="utf-8")))


def valid(name: str, text: str) -> list[str]:
    """What is wrong with a workflow."""
    read = yaml.safe_load(text)
    if name == "github-workflows":
        read["on"] = read.pop(True, None)  # YAML 1.1 takes the word for a truth value
    return [error.message for error in schema(name).iter_errors(read)]


@pytest.mark.parametrize("forge", KINDS)
def test_the_workflow_is_written_once_and_nothing_is_committed(clone: Place, forge: str) -> None:
    before = snapshot(clone.path)
    found = ci_init(forge, registry=clone.path)
    assert [file.path for file in found.files] == PATHS[forge]
    assert found.to_do[-1] == f"git add {' '.join(PATHS[forge])}; git commit; git push: it counts once it is on main"
    for file in found.files:
        assert (clone.path / file.path).read_text() == file.text
    after = snapshot(clone.path)
    assert after.keys() - before.keys() == {f"work/{path}" for path in PATHS[forge]}
    assert {name: after[name] for name in before} == before
    again = ci_init(forge, registry=clone.path)
    assert (any(file.changes for file in again.files), again.to_do) == (False, ())


def test_a_dry_run_writes_nothing(clone: Place) -> None:
    before = snapshot(clone.path)
    assert ci_init("github", registry=clone.path, dry_run=True).files[0].changes
    assert snapshot(clone.path) == before


@pytest.mark.parametrize("forge", KINDS)
def test_a_file_that_says_something_else_is_refused_and_no_other_is_written(clone: Place, forge: str) -> None:
    mine = clone.path / PATHS[forge][0]
    mine.parent.mkdir(parents=True)
    mine.write_text("mine\n")
    before = snapshot(clone.path)
    with pytest.raises(Refused, match="says something else"):
        ci_init(forge, registry=clone.path)
    assert snapshot(clone.path) == before
    ci_init(forge, registry=clone.path, force=True)
    assert mine.read_text() == workflow(forge, "main")


def test_gitlab_s_own_file_is_left_to_its_owner(clone: Place) -> None:
    (clone.path / ".gitlab-ci.yml").write_text("test:\n  script: [pytest]\n")
    found = ci_init("gitlab", registry=clone.path)
    assert [file.path for file in found.files] == [".gitlab/gitreg.yml"]
    assert found.to_do[0] == "add to .gitlab-ci.yml:\ninclude:\n  - local: .gitlab/gitreg.yml"
    assert (clone.path / ".gitlab-ci.yml").read_text() == "test:\n  script: [pytest]\n"


def test_only_the_work_tree_of_main_is_written_to(clone: Place) -> None:
    git(clone.path, "checkout", "-q", "-b", "feature")
    with pytest.raises(Refused, match="main is not checked out") as raised:
        ci_init("github", registry=clone.path)
    assert "git switch main" in raised.value.hint
    assert clone.origin is not None
    with pytest.raises(Refused, match="no work tree"):
        ci_init("github", registry=clone.origin)
    with pytest.raises(Refused, match="no workflow for 'bitbucket'"):
        ci_init("bitbucket", registry=clone.path)


def test_a_branch_with_another_name_stands_in_it() -> None:
    for forge in KINDS:
        text = workflow(forge, "team/gitreg")
        assert "@BRANCH@" not in text and "@VERSION@" not in text
        assert "team/gitreg" in text and f"gitreg=={gitreg.__version__}" in text
    with pytest.raises(Refused, match="a name that a workflow cannot hold"):
        workflow("github", "it's")


@pytest.mark.parametrize(
    ("forge", "name"), [("github", "github-workflows"), ("gitea", "github-workflows"), ("gitlab", "gitlab-ci")]
)
def test_the_forge_s_own_schema_takes_it(forge: str, name: str) -> None:
    assert valid(name, workflow(forge, "main")) == []
    assert valid(name, "jobs: {a: {steps: 3}}\n" if forge != "gitlab" else "a: {script: 3}\n") != []


def test_the_action_is_one() -> None:
    assert valid("github-actions", (TOP / "action.yml").read_text()) == []


@pytest.mark.parametrize("forge", LIKE_GITHUB)
def test_nothing_of_a_pull_request_is_checked_out_and_every_action_is_pinned(forge: str) -> None:
    text = workflow(forge, "main")
    found = yaml.safe_load(text)
    assert "pull_request" not in triggers(text)
    for job in found["jobs"].values():
        for step in job["steps"]:
            if "uses" in step:
                assert len(step["uses"].rpartition("@")[2]) == 40
            if "checkout" in step.get("uses", ""):
                assert step["with"] == {"ref": "main", "fetch-depth": 0, "persist-credentials": False}
            assert "${{" not in step.get("run", "")
    assert "head.sha" not in text and "head.ref" not in text and "head_ref" not in text


def test_permissions_are_the_least(clone: Place) -> None:
    found = yaml.safe_load(workflow("github", "main"))
    assert found["permissions"] == {}
    assert found["jobs"]["check"]["permissions"] == {"contents": "read", "pull-requests": "write", "statuses": "write"}
    assert found["jobs"]["record"]["permissions"] == {"contents": "write", "pull-requests": "write"}


def test_the_workflow_starts_for_every_pull_request_and_for_merges_that_touch_stages() -> None:
    told = triggers(workflow("github", "main"))
    assert "paths" not in told["pull_request_target"]  # a required status that is never set blocks for ever
    assert told["push"] == {"branches": ["main"], "paths": ["stages/**"]}


FACTS = {"github.event.pull_request.number": "1", "github.token": "unused"}
GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "gitreg-bot", "GITHUB_EVENT_NAME": "pull_request_target",
    "GITHUB_REPOSITORY": "team/models", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REF": "refs/heads/main",
}  # fmt: skip


@pytest.fixture
def team(tmp_path: Path) -> History:
    """A registry whose production asks for an approval, and a promotion of churn by Ben."""
    place = cloned(tmp_path / "registry", settings=SETTINGS + "stages:\n  production: {approvals: 1}\n")
    gitreg.use(place.path)
    log(2, "churn")
    git(place.path, "config", "user.name", "Ben")
    git(place.path, "config", "user.email", "ben@example.org")
    gitreg.promote("churn@1", "production", "better", registry=place.path)
    return History(place)


def approve(team: History, tmp_path: Path) -> Path:
    """Cara approves it in her clone."""
    here = tmp_path / "cara"
    git(tmp_path, "clone", "-q", str(team.place.origin), here)
    git(here, "config", "user.name", "Cara")
    git(here, "config", "user.email", "cara@example.org")
    forge = open_forge(open_registry(here))
    forge.review(forge.get("1"), "approve", "good")
    return here


def merge_by_git(here: Path) -> None:
    git(here, "fetch", "-q", "origin", "promote/production/churn")
    git(here, "merge", "-q", "--no-ff", "-m", "Merge pull request #1", "FETCH_HEAD")
    git(here, "push", "-q", "origin", "main")


@pytest.mark.parametrize("forge", LIKE_GITHUB)
def test_the_steps_check_a_promotion_and_record_its_merge(team: History, tmp_path: Path, forge: str) -> None:
    runners, text, origin = tmp_path / "runners", workflow(forge, "main"), str(team.place.origin)
    runners.mkdir()
    refused = github_job(text, "check", runners, origin, FACTS, GITHUB)
    assert refused.code == 1, refused
    here = approve(team, tmp_path)
    passed = github_job(text, "check", runners, origin, FACTS, GITHUB)
    assert passed.code == 0, passed
    assert "approvals" in refused.out and "::error" in refused.out + "::error" * (forge != "github")
    merge_by_git(here)
    for _ in range(2):
        done = github_job(text, "record", runners, origin, FACTS, {**GITHUB, "GITHUB_EVENT_NAME": "push"})
        assert done.code == 0, done
    assert team.place.at_origin("*#*") == ["churn#production#1"]
    assert open_forge(open_registry(here)).get("1").state == "merged"


def test_the_action_s_steps_do_the_same(team: History, tmp_path: Path) -> None:
    runners, text, origin = tmp_path / "runners", (TOP / "action.yml").read_text(), str(team.place.origin)
    runners.mkdir()
    inputs = {"inputs.branch": "main", "inputs.token": "unused", "inputs.pull-request": "1", "inputs.command": "check"}
    assert github_job(text, "", runners, origin, inputs, GITHUB).code == 1
    here = approve(team, tmp_path)
    assert github_job(text, "", runners, origin, inputs, GITHUB).code == 0
    merge_by_git(here)
    done = github_job(text, "", runners, origin, {**inputs, "inputs.command": "run"}, GITHUB)
    assert done.code == 0, done
    assert team.place.at_origin("*#*") == ["churn#production#1"]
    assert github_job(text, "", runners, origin, {**inputs, "inputs.command": "x; touch y"}, GITHUB).code == 2


def test_gitlab_s_script_does_the_same(team: History, tmp_path: Path) -> None:
    builds, text = tmp_path / "builds", workflow("gitlab", "main")
    builds.mkdir()
    env = {
        "CI_REPOSITORY_URL": str(team.place.origin), "CI_PROJECT_URL": str(team.place.origin).removesuffix(".git"),
        "CI_MERGE_REQUEST_IID": "1", "GITLAB_CI": "true", "GITLAB_USER_EMAIL": "bot@example.org",
        "GITREG_CHECK_TOKEN": "unused", "GITREG_RECORD_TOKEN": "unused",
    }  # fmt: skip
    refused = gitlab_job(text, "gitreg check", builds, env)
    assert (refused.code, "approvals" in refused.out) == (1, True), refused
    here = approve(team, tmp_path)
    assert gitlab_job(text, "gitreg check", builds, env).code == 0
    merge_by_git(here)
    done = gitlab_job(text, "gitreg record", builds, env)
    assert done.code == 0, done
    assert team.place.at_origin("*#*") == ["churn#production#1"]


def test_what_a_pull_request_brings_is_never_run(team: History, tmp_path: Path) -> None:
    """A head that is full of traps: modules, hooks, settings and commands of its own."""
    here, runners, trap = tmp_path / "mallory", tmp_path / "runners", tmp_path / "sprung"
    runners.mkdir()
    git(tmp_path, "clone", "-q", str(team.place.origin), here)
    git(here, "checkout", "-q", "promote/production/churn")
    code = f"open({str(trap)!r}, 'w')\n"
    for name in ("sitecustomize.py", "click.py", "yaml.py", "gitreg/__init__.py", "gitreg/__main__.py", "setup.py"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(code)
    (here / "gitreg.yaml").write_text(
        SETTINGS + f"stages:\n  production: {{checks: {{own: 'touch {trap}'}}, evaluate: 'touch {trap}'}}\n"
    )
    (here / ".gitattributes").write_text("* filter=trap\n")
    git(here, "add", ".")
    git(here, "commit", "-q", "-m", "traps")
    git(here, "push", "-q", "origin", "HEAD:promote/production/churn")
    forge = open_forge(team.registry)
    forge.update("1", "trapped", "")
    said = github_job(workflow("github", "main"), "check", runners, str(team.place.origin), FACTS, GITHUB)
    assert said.code == 1, said
    assert "policy" in said.out
    assert not trap.exists()


def test_the_packages_are_the_only_thing_left_out_when_the_steps_are_run() -> None:
    for forge in LIKE_GITHUB:
        for job in yaml.safe_load(workflow(forge, "main"))["jobs"].values():
            left_out = [step["run"] for step in job["steps"] if INSTALL in step.get("run", "")]
            assert len(left_out) == 1 and "\n" not in left_out[0].strip()
