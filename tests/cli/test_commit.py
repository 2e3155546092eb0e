"""`gitreg commit` with what another language's program measured."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import gitreg as library
from gitreg.errors import Conflict, Refused
from gitreg.format.runs import Point
from testing.commandline import gitreg
from testing.models import write_model


@pytest.fixture
def place(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry in ~/reg, which is the current folder; beside it the model directory ../model and two files."""
    library.init(home / "reg")
    monkeypatch.chdir(home / "reg")
    write_model(home / "model", run_id="monday")
    loss = [{"step": step, "value": 1 / step} for step in (1, 2)]
    (home / "params.json").write_text('{"depth": 8, "rate": 0.10}')
    (home / "metrics.json").write_text(json.dumps({"auc": 0.93, "loss": loss, "nan": "NaN"}))
    return home / "reg"


VALUES = ("--params", "../params.json", "--metrics", "../metrics.json", "--tag", "team=a=b", "--tag", "odd key=é\nx")


def test_params_metrics_and_tags_belong_to_the_run(place: Path) -> None:
    said = gitreg("commit", "../model", *VALUES, "--as", "churn", "-q")
    assert (said.code, said.out) == (0, "run:monday\nchurn@v1.0.0\n")
    run = library.get_run("monday")
    assert run.params == {"depth": "8", "rate": "0.10"}
    assert run.tags == {"team": "a=b", "odd key": "é\nx"}
    assert (run.metrics["auc"], run.metrics["loss"], math.isnan(run.metrics["nan"])) == (0.93, 0.5, True)
    series = gitreg("cat", "run:monday:.gitreg/metrics/loss.tsv").out.splitlines()
    assert [line.split("\t")[:2] for line in series] == [["step", "value"], ["1", "1.0"], ["2", "0.5"]]
    assert library.resolve("churn").metrics["auc"] == 0.93


def test_the_same_again_is_no_new_run_and_other_values_are_refused(place: Path) -> None:
    assert gitreg("commit", "../model", *VALUES).code == 0
    assert gitreg("commit", "../model", *VALUES).code == 0
    assert gitreg("commit", "../model").code == 0
    assert len(library.search_runs()) == 1
    wrong = gitreg("commit", "../model", "--tag", "team=c")
    assert (wrong.code, wrong.err.splitlines()[0]) == (128, "error: run monday is logged already, with tag team a=b")
    assert "with no tag new" in gitreg("commit", "../model", "--tag", "new=c").err


def test_a_run_may_have_several_models_or_none(place: Path, home: Path) -> None:
    two = write_model(home / "two", weights=b"two")
    (two / "MLmodel").write_text((two / "MLmodel").read_text().replace("artifact_path: model", "artifact_path: other"))
    assert gitreg("commit", "../model", "../two").code == 0
    assert [model.path for model in library.get_run("monday").models] == ["model", "other"]
    said = gitreg("commit", "--run-id", "failed", *VALUES, "--status", "failed")
    assert (said.code, said.out) == (0, "run:failed, without a model\n")
    run = library.get_run("failed")
    assert (run.status, run.models, run.params["depth"]) == ("failed", (), "8")
    assert gitreg("commit", "-n", "--tag", "a=b", "--run-id", "x").out == "this can be taken as run:x\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("", 128, "there is nothing to take as a run"),
        ("../model --tag team", 2, "'team' is no KEY=VALUE"),
        ("../model ../model --as churn", 128, "one model can become the next version of churn, not 2"),
        ("--tag a=b --as churn", 128, "one model can become the next version of churn, not 0"),
        ("../model --params ../nosuch.json", 2, "nosuch.json"),
        ("../model --params ../model/model.pkl", 128, "../model/model.pkl is not valid JSON"),
        ("../model --metrics ../params.json --tag =x", 2, "is no KEY=VALUE"),
    ],
)  # fmt: skip
def test_wrong_uses(place: Path, arguments: str, code: int, message: str) -> None:
    said = gitreg("commit", *arguments.split())
    assert (said.code, message in said.err) == (code, True), said
    assert library.search_runs() == []
    assert library.active_run() is None


def test_python_gives_values_too(place: Path) -> None:
    series = [Point(1, 0.5, "2026-11-22T13:37:00.000Z"), Point(2, 0.25, "2026-11-22T13:38:00.000Z")]
    run = library.commit(params={"depth": 8}, metrics={"loss": series, "auc": 1}, tags={"team": "risk"}, run_id="mine")
    assert (run.params, run.metrics, run.tags) == ({"depth": "8"}, {"auc": 1.0, "loss": 0.25}, {"team": "risk"})
    with pytest.raises(Conflict, match="with param depth 8"):
        library.commit(params={"depth": 9}, run_id="mine")
    with pytest.raises(Refused, match="metric auc is 'x', not a number"):
        library.commit(metrics={"auc": "x"})  # type: ignore[dict-item]
    with pytest.raises(Refused, match="bad status 'done'"):
        library.commit(tags={"a": "b"}, status="done")
