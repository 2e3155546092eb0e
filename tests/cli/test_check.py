"""gitreg check as typed: text, JSON, GitHub's annotations, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gitreg as python
from gitreg.checks._base import Problem, Report, Result
from gitreg.cli.check import github_lines
from gitreg.registry.promotion.check import Checked, check, joined
from testing.commandline import gitreg
from testing.gitcli import git
from testing.models import write_on_main
from testing.promoted import BEN, History
from testing.registries import Place
from testing.staged import POLICY


@pytest.fixture
def story(registry: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """The registry of a team, and one with a policy."""
    monkeypatch.chdir(registry)
    python.use(registry)
    write_on_main(registry, "gitreg.yaml", POLICY)
    return History(Place(registry, home / "origin.git", home / "origin.git/payloads"))


def test_main_as_it_is(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)
    said = gitreg("check")
    assert said.code == 0, said.out
    lines = said.out.splitlines()
    assert lines[0] == "gitreg.yaml"
    assert lines[1].split()[:2] == ["ok", "config"]
    assert "churn v1.1.0 to staging" in lines and "cards" in lines
    assert lines[-1] == "main: nothing is in the way"
    assert any(line.split()[:2] == ["note", "mlmodel"] for line in lines)
    assert (
        gitreg("check", "-q", "--no-payloads").out.count("MLmodel: python_function: env: conda.yaml is not there") > 0
    )


def test_what_is_wrong_on_main_ends_with_1(story: History) -> None:
    write_on_main(story.place.path, "stages/production/churn.yaml", "format: 1\n")
    said = gitreg("check")
    assert said.code == 1
    assert "stages/production/churn.yaml: model is " in said.out
    assert said.out.splitlines()[-1].endswith("failed")
    write_on_main(story.place.path, "gitreg.yaml", "format: 1\nstages: {p: {aprovals: 2}}\n")
    said = gitreg("check")
    assert said.code == 1 and "stages: p: aprovals: unknown" in said.out


def test_a_version_alone_and_as_if_it_were_promoted(story: History) -> None:
    assert gitreg("check", "churn@v1.1.0").code == 0
    said = gitreg("check", "churn@v1.1.0", "--stage", "production")
    assert said.code == 0 and said.out.startswith("churn v1.1.0 to production\n"), said.out
    write_on_main(story.place.path, "gitreg.yaml", POLICY.replace("min: 0.9", "min: 0.999"))
    said = gitreg("check", "churn@v1.1.0", "--stage", "production")
    assert said.code == 1
    mark, text, hint = (said.out.splitlines()[at + n] for at in [_line(said.out, "  fail  metrics")] for n in range(3))
    assert "(at least 0.999, at most 0.005 worse than now" in mark and text.startswith("        accuracy ")
    assert hint == "        train a better one, or see gitreg.yaml, stages: production: metrics: accuracy"
    assert said.out.endswith("churn v1.1.0 to production: 1 failed\n")
    assert gitreg("check", "churn@v9.0.0").code == 128


def _line(text: str, begin: str) -> int:
    """Which line begins so."""
    return next(at for at, line in enumerate(text.splitlines()) if line.startswith(begin))


def test_a_change_is_judged_by_its_commits(story: History) -> None:
    head = story.propose("churn@v1.1.0", "production", text="format: 1\n")
    git(story.place.path, "branch", "proposal", head)
    said = gitreg("check", "main..proposal")
    assert said.code == 1 and "stages/production/churn.yaml" in said.out
    assert gitreg("check", f"..{head}").out == said.out.replace("main..proposal", f"..{head}")
    empty = gitreg("check", "main..main")
    assert (empty.code, empty.out) == (0, "main..main: no stage file, card or gitreg.yaml changes\n")
    assert gitreg("check", "main..nowhere").code == 128


def test_json_in_both_spellings(story: History) -> None:
    head = story.propose("churn@v1.1.0", "production", text="format: 1\n")
    one, other = (json.loads(gitreg("check", f"main..{head}", *how).out) for how in (["--json"], ["--format", "json"]))
    assert one["schema"] == "gitreg/check/1" and {**one, "as_of": ""} == {**other, "as_of": ""}
    assert (one["ok"], one["pull"], one["what"]) == (False, None, f"main..{head}")
    (report,) = one["reports"]
    (problem,) = [p for r in report["results"] for p in r["problems"] if r["check"] == "stage-file"]
    assert (problem["path"], problem["blocks"]) == ("stages/production/churn.yaml", True)


def test_annotations_are_escaped_and_stand_on_their_lines(story: History) -> None:
    problem = Problem("100% wrong:\nsee\rhere", "type x", "stages/a,b/c:d.yaml", 7)
    remark = Problem("odd", path="", blocks=False)
    found = Checked("it", (Report("churn, v1", (Result("digest", "failed", "", (problem, remark)),)),))
    assert github_lines(found) == [
        "::error file=stages/a%2Cb/c%3Ad.yaml,line=7,title=digest%3A churn%2C v1::100%25 wrong:%0Asee%0Dhere%0Atype x",
        "::warning title=digest%3A churn%2C v1::odd",
    ]
    head = story.propose("churn@v1.1.0", "production", text="format: 1\n")
    said = gitreg("check", f"main..{head}", "--format", "github")
    assert said.code == 1
    assert said.out.startswith("::error file=stages/production/churn.yaml,title=stage-file%3A ")


def test_a_pull_request_is_judged_and_its_status_is_set(story: History, monkeypatch: pytest.MonkeyPatch) -> None:
    head = story.propose("churn@v1.1.0", "production")
    number = story.said.opened(head, "churn@v1.1.0", "production", BEN, story.when)
    monkeypatch.setattr("gitreg.registry.promotion.forge.open_forge", lambda place: story.said)
    said = gitreg("check", "--pr", number, "--status")
    assert said.code == 1
    assert "1 approval wanted; 1 missing" in said.out
    ((commit, status),) = story.said.set
    assert (commit, status.context, status.state) == (head, "gitreg/check", "pending")
    assert status.text == "waits for approvals"
    story.said.merged(number, head)
    assert gitreg("check", "--pr", number).code == 128


def test_options_that_do_not_go_together(story: History) -> None:
    for args in ("churn@1 --pr 1", "--stage production", "churn@1 --status", "--pr 1 --stage x"):
        said = gitreg("check", *args.split())
        assert (said.code, bool(said.err)) == (128, True)


def test_a_user_is_touched_by_nothing(story: History) -> None:
    git(story.place.path, "checkout", "-q", "main")
    before = git(story.place.path, "status", "--porcelain=v2", "--branch")
    gitreg("check")
    assert git(story.place.path, "status", "--porcelain=v2", "--branch") == before


def test_python_gets_one_report(story: History) -> None:
    report = check("churn@v1.1.0")
    assert report.subject == "churn@v1.1.0" and report.ok
    several = check()
    assert several.subject == "main"
    assert {result.about.partition(":")[0] for result in several.results} > {"gitreg.yaml", "churn v1.1.0 to staging"}
    assert joined(Checked("nothing", ())) == Report("nothing")
