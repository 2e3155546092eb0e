"""The team's own commands: main's scripts on a verified copy of the model, in an environment without tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitreg
from gitreg.checks._base import Report
from gitreg.errors import Damaged, Refused
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.commands import filled, parse_measured, run_command, timeout
from gitreg.registry.promotion.judge import judge, judge_version
from testing.gitcli import git
from testing.promoted import BEN, History
from testing.staged import POLICY, blocking, states

EVALUATE = """\
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
weights = (folder / "model.pkl").read_bytes()
print("looked at", folder.name)
print(json.dumps({"accuracy": 0.9 + int(weights) / 100}))
"""
PLAIN = POLICY.replace("    metrics:\n      accuracy: {min: 0.9, not_worse_than_current: 0.005}\n", "")


def judged(story: History, head: str, *, run: bool = True) -> Report:
    place = story.registry
    (report,) = judge(place, place.main(), head, run=run)
    return report


def with_scripts(story: History, policy: str, **scripts: str) -> None:
    """main gets this policy, and these scripts."""
    for name, text in scripts.items():
        story._put(f"{name}.py", text)
    story.policy(policy)


def told(report: Report, check: str) -> str:
    """What is said of one check: in a few words, and of what is wrong."""
    (found,) = [result for result in report.results if result.check == check]
    return "\n".join([found.about, *(problem.text for problem in found.problems)])


def test_an_evaluation_measures_what_the_gates_look_at_and_is_noted(story: History) -> None:
    with_scripts(story, POLICY + '    evaluate: "python evaluate.py {model_dir}"\n', evaluate=EVALUATE)
    head = story.propose("churn@v1.0.1", "production")
    before = judged(story, head, run=False)
    assert (states(before)["evaluate"], told(before, "evaluate")) == ("skipped", "not run")
    assert "accuracy is missing" in told(before, "metrics")
    after = judged(story, head)
    assert told(after, "evaluate") == "accuracy 0.91"
    assert "accuracy 0.91 (at least 0.9, at most 0.005 worse than now; now 0.9, +0.01)" in told(after, "metrics")
    assert after.ok
    assert judged(story, head, run=False).ok  # from the notes
    elsewhere = story.place.clone(story.place.path.parent / "elsewhere")
    gitreg.use(elsewhere.path)
    place = open_registry(elsewhere.path)
    git(elsewhere.path, "config", "gitreg.payloads", story.place.payloads)
    assert judge_version(place, gitreg.resolve("churn@v1.0.1"), "production").ok  # they went to the origin


def test_the_script_is_that_of_main_whatever_the_change_makes_of_it(story: History) -> None:
    with_scripts(story, POLICY + '    evaluate: "python evaluate.py {model_dir}"\n', evaluate=EVALUATE)
    first = story.propose("churn@v1.0.1", "production")
    git(story.place.path, "checkout", "-q", "-b", "cheat", first)
    story._put("evaluate.py", "print('{\"accuracy\": 1.0}')\n")
    report = judged(story, story._commit(BEN, "a better script"))
    assert told(report, "evaluate") == "accuracy 0.91"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; print('no data here', file=sys.stderr); sys.exit(3)", "ended with 3: no data here"),
        ("print('all is well')", "the last line that the evaluation printed"),
        ("pass", "the evaluation printed nothing"),
        ("print('{}')", "the evaluation printed no metric"),
        ('print(\'{"accuracy": "high"}\')', "metric accuracy"),
    ],
)
def test_an_evaluation_that_fails_blocks(story: History, script: str, said: str) -> None:
    with_scripts(story, POLICY + "    evaluate: python evaluate.py\n", evaluate=script)
    report = judged(story, story.propose("churn@v1.0.1", "production"))
    assert said in told(report, "evaluate")
    assert states(report)["evaluate"] == states(report)["metrics"] == "failed"


def test_a_check_of_the_teams_own_passes_or_fails(story: History) -> None:
    commands = '    checks: {bias: "python bias.py {version} {stage}", fair: "cat {model_dir}/MLmodel"}\n'
    with_scripts(story, PLAIN + commands, bias="import sys; print('biased:', *sys.argv[1:]); sys.exit(1)")
    head = story.propose("churn@v1.0.1", "production")
    report = judged(story, head)
    assert (states(report)["bias"], states(report)["fair"]) == ("failed", "passed")
    assert "ended with 1: biased: churn@v1.0.1 production" in told(report, "bias")
    assert states(judged(story, head, run=False))["bias"] == "skipped"


def test_a_check_that_is_required_has_to_be_run(story: History) -> None:
    with_scripts(story, PLAIN + "    require: [fair]\n    checks: {fair: 'true', metrics: 'true'}\n")
    head = story.propose("churn@v1.0.1", "production")
    assert blocking(judged(story, head, run=False)) == [
        "fair must have passed, and it was not run",
        "metrics is the name of one of gitreg's own checks",
    ]
    assert states(judged(story, head))["fair"] == "passed"


def test_a_model_that_is_not_what_was_registered_runs_nothing(story: History, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with_scripts(story, PLAIN + f"    checks: {{fair: 'touch {mark}'}}\n")
    for payload in (story.place.payloads / "files").rglob("*"):
        if payload.is_file():
            payload.unlink()
    for cached in (story.place.path / ".git/gitreg/cache/files").rglob("*"):
        if cached.is_file():
            cached.unlink()
    report = judged(story, story.propose("churn@v1.0.1", "production"))
    assert "model.pkl is not in" in told(report, "fair")
    assert not mark.exists()


def test_a_main_that_leads_elsewhere_runs_nothing(story: History, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with_scripts(story, PLAIN + f"    checks: {{fair: 'touch {mark}'}}\n")
    (story.place.path / "data").symlink_to("/etc")
    git(story.place.path, "add", "data")
    story.push("churn@v1.0.1", "staging", text=story.text("churn@v1.0.1", "staging") + "\n")
    report = judged(story, story.propose("churn@v1.0.1", "production"))
    assert "cannot be copied" in told(report, "fair")
    assert not mark.exists()


def test_nothing_is_left_behind_and_nothing_of_the_users_is_touched(story: History) -> None:
    with_scripts(story, PLAIN + "    checks: {fair: 'echo x >README.txt; echo y >{model_dir}/MLmodel'}\n")
    head = story.propose("churn@v1.0.1", "production")
    assert states(judged(story, head))["fair"] == "passed"
    assert git(story.place.path, "status", "--porcelain") == ""
    assert list((story.place.path / ".git/gitreg/checks").iterdir()) == []
    assert judged(story, head).ok


def test_a_command_sees_no_token_and_no_git_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITREG_TOKEN", "GH_TOKEN", "PAGURE_TOKEN", "CI_REGISTRY_PASSWORD", "GIT_DIR", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, "s3cr3t")
    monkeypatch.setenv("DATA", "here")
    answer = run_command("env", tmp_path, 60)
    assert "s3cr3t" not in answer.out and "DATA=here" in answer.out


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    answer = run_command(f"sleep 1000 & echo $! >{pid}; echo begun; wait", tmp_path, 0.5)
    assert (answer.code, answer.out) == (124, "begun\n")
    assert "longer than 0.5 seconds" in answer.err
    assert _ended(int(pid.read_text()))


def _ended(pid: int) -> bool:
    """Whether a process was killed; it may wait for whoever looks after orphans here."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in {"Z", "X"}
    except FileNotFoundError:
        return True


def test_output_without_end_is_cut(tmp_path: Path) -> None:
    answer = run_command("head -c 3000000 /dev/zero | tr '\\0' x; exit 4", tmp_path, 60)
    assert (answer.code, len(answer.out)) == (4, 256 << 10)


def test_words_are_filled_in_once_and_quoted() -> None:
    words = {"model_dir": "/a b/{stage}", "version": "churn@v1", "stage": "p"}
    assert filled("x {model_dir} {version} {other} {stage}", words) == "x '/a b/{stage}' churn@v1 {other} p"


def test_what_an_evaluation_printed() -> None:
    assert parse_measured('{"a": 1, "b": 0.5}') == {"a": 1.0, "b": 0.5}
    assert parse_measured('{\n "a": 1\n}\n') == {"a": 1.0}
    assert parse_measured('step 1\n{"a": 1}\n\n') == {"a": 1.0}
    for text in ("", "[1]", '{"a": true}', '{"a": null}', '{"": 1}'):
        with pytest.raises((Damaged, Refused)):
            parse_measured(text)


def test_how_long_a_command_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert timeout() == 3600
    monkeypatch.setenv("GITREG_CHECK_TIMEOUT", "1.5")
    assert timeout() == 1.5
    for text in ("soon", "0", "-1"):
        monkeypatch.setenv("GITREG_CHECK_TIMEOUT", text)
        with pytest.raises(Refused, match="GITREG_CHECK_TIMEOUT"):
            timeout()
