"""From a trained model to a prediction elsewhere: the names of gitreg's Python side, in the order a user meets them."""

from __future__ import annotations

import hashlib
import math
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import gitreg
from gitreg.errors import Conflict, NotFound, Refused
from gitreg.format.mlmodel import parse_mlmodel
from testing.gitcli import git, snapshot
from testing.registries import Place, log, times


@pytest.fixture(scope="module")
def iris() -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True, as_frame=True)
    return x, y


def tree(iris: tuple[Any, Any], depth: int) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=depth, random_state=0).fit(*iris)


def test_a_model_is_logged_registered_loaded_and_pulled(place: Place, iris: tuple[Any, Any], tmp_path: Path) -> None:
    x, _ = iris
    fitted, other = tree(iris, 8), tree(iris, 2)
    with gitreg.start_run(name="depth 8", tags={"team": "risk"}) as run:
        gitreg.log_params({"max_depth": 8})
        gitreg.log_metrics({"accuracy": 0.93})
        gitreg.log_metric("loss", 0.3, step=1)
        gitreg.log_model(fitted, artifact_path="model", input_example=x[:3], register_as="churn")
    logged = gitreg.log_model(other, input_example=x[:3], register_as="churn")
    assert logged.version == "churn@v1.0.1"

    native = gitreg.load_model("churn@v1.0.0")
    assert isinstance(native, DecisionTreeClassifier) and native.get_depth() == fitted.get_depth()
    pyfunc = gitreg.load_pyfunc("churn@v1")
    assert pyfunc.predict(x).tolist() == other.predict(x).tolist()
    assert str(pyfunc.version) == "churn@v1.0.1"
    path = gitreg.pull("churn@v1.0.0", tmp_path / "served")
    assert {p.name for p in path.iterdir()} == {
        *("MLmodel", "SHA256SUMS", "conda.yaml", "input_example.json", "model.pkl", "python_env.yaml"),
        *("requirements.txt", "serving_input_example.json"),
    }
    assert pickle.loads((path / "model.pkl").read_bytes()).predict(x).tolist() == fitted.predict(x).tolist()

    kept = gitreg.get_run(run.id)
    assert (kept.name, kept.status, kept.tags) == ("depth 8", "finished", {"team": "risk"})
    assert (kept.params, kept.metrics) == ({"max_depth": "8"}, {"accuracy": 0.93, "loss": 0.3})
    version = gitreg.resolve("churn@v1.0.0")
    assert (version.number, version.run_id, version.path, version.metrics) == (1, run.id, "model", kept.metrics)
    if place.origin:
        assert place.at_origin() == place.tags()


def test_the_tag_is_what_is_published(place: Place, iris: tuple[Any, Any]) -> None:
    first = gitreg.register(log(2), "churn", description="Twice.\n\nGitreg-Number: 9\n")
    second = gitreg.register(log(3), "churn")
    assert [str(first), str(second)] == ["churn@v0.1.0", "churn@v0.2.0"]
    for version, previous in ((first, "none"), (second, first.tag)):
        name = str(version)
        assert git(place.path, "rev-parse", f"refs/tags/{name}") == version.tag
        assert git(place.path, "rev-parse", f"refs/tags/churn@{version.number}") == version.tag
        assert git(place.path, "cat-file", "-t", version.tag) == "tag"
        head, message = git(place.path, "cat-file", "tag", name).split("\n\n", 1)
        assert head.splitlines()[:3] == [f"object {version.commit}", "type commit", f"tag {name}"]
        assert head.splitlines()[3].endswith(" +0000")
        trailers = dict(line.split(": ", 1) for line in message.split("\n\n")[-1].splitlines())
        assert trailers == {
            "Gitreg-Format": "1",
            "Gitreg-Number": str(version.number),
            "Gitreg-Previous": previous,
            "Gitreg-Run": version.run_id,
            "Gitreg-Path": "model",
            "Gitreg-Digest": version.digest,
            "Gitreg-Signature": "none",
            "Gitreg-Size": str(version.size),
            "Gitreg-Flavors": "python_function",
            "Gitreg-Metrics": "{}",
        }
    assert gitreg.resolve("churn@1").description == "Twice.\n\nGitreg-Number: 9"
    assert gitreg.resolve("churn@1") == first


def test_runs_and_versions_are_orphans_with_lightweight_and_annotated_tags(place: Place) -> None:
    logged = log(2, "churn")
    for name, kind in ((f"run/{logged.run_id}", "commit"), ("churn@v0.1.0", "tag"), ("churn@1", "tag")):
        assert git(place.path, "cat-file", "-t", f"refs/tags/{name}") == kind
        assert git(place.path, "rev-list", "--count", f"refs/tags/{name}") == "1"
    run, version = f"run/{logged.run_id}", "churn@v0.1.0"
    assert git(place.path, "diff", "--name-only", run, version) == "dvc.yaml"
    assert (
        "artifacts:\n  churn:\n    path: model\n    type: model\n"
        in git(place.path, "show", f"{version}:dvc.yaml") + "\n"
    )
    modes = {line.split()[0] for line in git(place.path, "ls-tree", "-r", version).splitlines()}
    assert modes == {"100644"}


def test_the_digest_binds_the_version_to_every_file(alone: Place, tmp_path: Path) -> None:
    version = gitreg.register(log(2), "churn")
    served = gitreg.pull(version, tmp_path / "served")
    sums = (served / "SHA256SUMS").read_bytes()
    assert version.digest == f"sha256:{sha256(sums)}"
    assert sums == git(alone.path, "show", "churn@1:model/SHA256SUMS").encode() + b"\n"
    listed = {line[66:]: line[:64] for line in sums.decode().splitlines()}
    files = {p.relative_to(served).as_posix(): p for p in served.rglob("*") if p.is_file()}
    del files["SHA256SUMS"]
    assert listed == {name: sha256(path.read_bytes()) for name, path in files.items()}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_is_logged_beside_models_is_kept(place: Place, tmp_path: Path) -> None:
    (tmp_path / "plot.png").write_bytes(b"\x89PNG")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.csv").write_text("a,b\n")
    (tmp_path / "data/big.parquet").write_bytes(b"rows" * 100)
    with gitreg.start_run() as run:
        gitreg.log_artifact(tmp_path / "plot.png")
        gitreg.log_artifact(tmp_path / "plot.png", "figures")
        gitreg.log_artifacts(tmp_path / "data", "data")
        gitreg.log_text("hello ü", "notes.txt")
        gitreg.log_dict({"a": [1, 2]}, "x.json")
        gitreg.log_dict({"a": [1, 2]}, "x.yaml")
        gitreg.set_tags({"seen": True})
        for step in range(3):
            gitreg.log_metric("train/Loss", 1 / (step + 1), step=step)
        gitreg.log_metric("bad", math.nan)
    files = git(place.path, "ls-tree", "-r", "--name-only", f"run/{run.id}").splitlines()
    assert set(files) == {
        *(".dvc/config", "dvc.yaml", ".gitreg/run.json", ".gitreg/params.json", ".gitreg/metrics.json"),
        *(".gitreg/SHA256SUMS", ".gitreg/metrics/train%2F%4Coss.tsv", "plot.png", "figures/plot.png", "data/a.csv"),
        *("data/big.parquet.dvc", "notes.txt", "x.json", "x.yaml"),
    }
    show = lambda path: git(place.path, "show", f"run/{run.id}:{path}")  # noqa: E731
    assert show("notes.txt") == "hello ü"
    assert show("x.yaml") == "a:\n- 1\n- 2"
    assert [line.split("\t")[:2] for line in show(".gitreg/metrics/train%2F%4Coss.tsv").splitlines()[1:]] == [
        ["0", "1.0"], ["1", "0.5"], ["2", repr(1 / 3)],
    ]  # fmt: skip
    assert '"bad": "NaN"' in show(".gitreg/metrics.json")
    found = gitreg.get_run(run.id)
    assert math.isnan(found.metrics["bad"]) and found.tags == {"seen": "True"}


def test_an_exception_marks_the_run_failed_and_keeps_it_and_publishes_nothing(place: Place) -> None:
    with pytest.raises(ZeroDivisionError), gitreg.start_run() as run:
        gitreg.log_metric("a", 1)
        gitreg.log_model(times(2), register_as="churn", pip_requirements=["cloudpickle"])
        1 / 0  # noqa: B018
    kept = gitreg.get_run(run.id)
    assert (kept.status, kept.metrics) == ("failed", {"a": 1.0})
    assert [str(m) for m in kept.models] == [f"run:{run.id}/model"]
    assert place.tags("churn*") == []
    assert gitreg.active_run() is None


def test_a_run_can_be_abandoned(alone: Place) -> None:
    gitreg.start_run(run_id="x")
    assert gitreg.active_run() is not None
    assert gitreg.end_run("abandoned").status == "abandoned"
    assert gitreg.get_run("x").status == "abandoned"
    with pytest.raises(Refused, match="no run is open"):
        gitreg.end_run()


def test_an_ended_run_takes_nothing_more(alone: Place) -> None:
    run = gitreg.start_run(run_id="x")
    ended = run.end()
    for change in (run.end, lambda: run.put_file("a.txt", b"a")):
        with pytest.raises(Conflict, match="run x has ended"):
            change()
    with pytest.raises(Conflict, match=r"run x has ended \(finished\)"):
        gitreg.start_run(run_id="x", resume=True)
    assert gitreg.get_run("x") == ended


def test_logging_a_run_again_with_the_same_model_is_the_same_run(place: Place) -> None:
    first = log(2, "churn", run_id="job-7")
    tags = place.tags()
    again = log(2, "churn", run_id="job-7")
    assert again == first and again.version == "churn@v0.1.0"
    assert place.tags() == tags
    with pytest.raises(Conflict, match=r"run job-7 is logged already .finished., with another model at model"):
        log(3, "churn", run_id="job-7")
    with pytest.raises(Conflict, match="with no model at other"):
        log(2, "churn", run_id="job-7", artifact_path="other")
    assert place.tags() == tags
    assert gitreg.get_run("job-7").status == "finished"


def test_a_model_that_cannot_be_saved_leaves_no_run(alone: Place) -> None:
    with pytest.raises(gitreg.GitregError):
        gitreg.log_model(object(), run_id="x")
    with pytest.raises(gitreg.GitregError):
        gitreg.log_model(times(2), run_id="x", flavor="nonsense")
    assert alone.tags() == []
    assert log(2, run_id="x").run_id == "x"


def test_a_run_can_hold_several_models(place: Place) -> None:
    with gitreg.start_run(run_id="x"):
        gitreg.log_model(times(2), "a/first", pip_requirements=["cloudpickle"])
        gitreg.log_model(times(3), "second", pip_requirements=["cloudpickle"], register_as="two")
        with pytest.raises(Refused, match="lie in one another"):
            gitreg.log_model(times(4), "a/first/inner", pip_requirements=["cloudpickle"])
        with pytest.raises(Conflict, match="another model at second"):
            gitreg.log_model(times(4), "second", pip_requirements=["cloudpickle"])
        with pytest.raises(Refused, match="lies in the model directory"):
            gitreg.log_text("x", "second/notes.txt")
    with pytest.raises(NotFound, match="holds 2 models") as several:
        gitreg.register("run:x", "churn")
    assert several.value.hint == "name one: run:x/PATH with PATH of a/first, second"
    assert str(gitreg.register("run:x/a/first", "churn")) == "churn@v0.1.0"
    assert gitreg.load_model("runs:/x/a/first")(5) == 10
    assert gitreg.load_model("two")(5) == 15


@pytest.mark.parametrize(
    ("first", "second"), [("a.txt", "A.txt"), ("a", "a/b"), ("a/b", "a"), ("d/x", "D/y"), ("model2/x", "MODEL2/y")]
)
def test_names_that_clash_are_refused_when_they_are_logged(alone: Place, first: str, second: str) -> None:
    with gitreg.start_run(run_id="x"):
        gitreg.log_text("1", first)
        with pytest.raises(Refused):
            gitreg.log_text("2", second)
        gitreg.log_text("3", first)
    assert git(alone.path, "show", f"run/x:{first}") == "3"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: gitreg.log_metric("a", "high"),  # type: ignore[arg-type]
        lambda: gitreg.log_metric("a", None),  # type: ignore[arg-type]
        lambda: gitreg.log_metric("a", 10**400),
        lambda: gitreg.log_metric("", 1),
        lambda: gitreg.log_metric("A" * 70, 1),
        lambda: gitreg.log_metric("a\nb", 1),
        lambda: gitreg.log_param("\ud800", 1),
        lambda: gitreg.log_param("a", "\ud800"),
        lambda: gitreg.log_param("a", "x" * 20_000),
        lambda: gitreg.set_tags({" a": 1}),
        lambda: gitreg.log_text("\ud800", "a.txt"),
        lambda: gitreg.log_text("x", "../a.txt"),
        lambda: gitreg.log_text("x", ".gitreg/run.json"),
        lambda: gitreg.log_text("x", "dvc.yaml"),
        lambda: gitreg.log_model(times(2), "../model"),
        lambda: gitreg.log_model(times(2), "."),
        lambda: gitreg.log_model(times(2), register_as="run"),
    ],
)
def test_what_could_not_be_kept_is_refused_at_once_and_the_run_goes_on(alone: Place, wrong: Any) -> None:
    with gitreg.start_run(run_id="x"):
        with pytest.raises(Refused):
            wrong()
        gitreg.log_metric("good", 1)
    assert gitreg.get_run("x").metrics == {"good": 1.0}
    assert gitreg.get_run("x").params == {}


def test_a_param_never_changes_in_a_run(alone: Place) -> None:
    with gitreg.start_run():
        gitreg.log_param("depth", 3)
        gitreg.log_param("depth", "3")
        with pytest.raises(Conflict, match="param depth is '3'"):
            gitreg.log_param("depth", 4)


def test_runs_do_not_nest_and_bad_names_leave_nothing_open(alone: Place) -> None:
    for wrong in ({"name": "a\nb"}, {"tags": {"\n": 1}}, {"run_id": "a/b"}, {"run_id": "y", "resume": True}):
        with pytest.raises((Refused, NotFound)):
            gitreg.start_run(**({"run_id": "x"} | wrong))  # type: ignore[arg-type]
    with gitreg.start_run(run_id="x"), pytest.raises(Conflict, match="run x is open"):
        gitreg.start_run()
    assert gitreg.get_run("x").status == "finished"


def test_a_run_records_the_code_it_was_started_from(
    alone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code"
    git(tmp_path, "init", "-q", code)
    (code / "train.py").write_text("")
    git(code, "add", ".")
    git(code, "commit", "-q", "-m", "code")
    git(code, "remote", "add", "origin", "https://ana:secret@example.org/code.git")
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", str(code / "train.py"), raising=False)
    run = gitreg.start_run()
    (code / "new.txt").write_text("")
    source = run.end().source
    assert source.to_dict() == {
        "commit": git(code, "rev-parse", "HEAD"), "remote": "https://example.org/code.git", "dirty": False,
        "entry": "train.py",
    }  # fmt: skip
    assert gitreg.start_run().end().source.dirty


def test_code_in_a_repository_of_another_kind_can_log(
    alone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", tmp_path / "code")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(tmp_path / "code/train.py"), raising=False)
    assert gitreg.start_run().end().source.entry == "train.py"


def test_a_version_is_taken_wherever_a_reference_is(alone: Place, tmp_path: Path) -> None:
    logged = log(2)
    version = gitreg.register(logged, "churn")
    assert gitreg.resolve(version) == version
    assert gitreg.load_model(version)(4) == gitreg.load_model(logged)(4) == 8
    assert gitreg.pull(version, tmp_path / "a").name == "a"
    assert [fact.value for fact in gitreg.note(version, {"owner": "risk"})] == ["risk"]
    assert gitreg.retire(version, "too old").retired


def test_pull_takes_the_models_name_and_refuses_a_folder_in_use(
    alone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(2, "churn")
    monkeypatch.chdir(tmp_path)
    assert gitreg.pull("churn") == Path("churn")
    with pytest.raises(Conflict, match="churn is there already and not empty"):
        gitreg.pull("churn")
    (tmp_path / "empty").mkdir()
    assert (gitreg.pull("churn", "empty") / "MLmodel").exists()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    gitreg.pull("churn", ".")
    assert Path("MLmodel").exists() and (tmp_path / "here/MLmodel").exists()
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_save_model_writes_what_log_model_would(alone: Place, tmp_path: Path, iris: tuple[Any, Any]) -> None:
    fitted = tree(iris, 3)
    saved = gitreg.save_model(fitted, tmp_path / "saved", input_example=iris[0][:2])
    with pytest.raises(Conflict):
        gitreg.save_model(fitted, tmp_path / "saved")
    pulled = gitreg.pull(gitreg.log_model(fitted, input_example=iris[0][:2]), tmp_path / "pulled")
    for one in ("model.pkl", "conda.yaml", "requirements.txt", "python_env.yaml", "input_example.json"):
        assert (saved / one).read_bytes() == (pulled / one).read_bytes()
    ours, theirs = (parse_mlmodel((path / "MLmodel").read_bytes(), "MLmodel") for path in (saved, pulled))
    assert (ours.flavors, ours.signature) == (theirs.flavors, theirs.signature)
    assert ours.signature and gitreg.infer_signature(iris[0][:2]).inputs == ours.signature.inputs


def test_a_warning_says_that_a_registration_waits(clone: Place) -> None:
    assert clone.origin
    clone.origin.rename(clone.origin.with_suffix(".away"))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        logged = log(2, "churn")
    assert logged.version == ""
    assert "gitreg push completes it" in str(seen[-1].message)


def test_nothing_of_the_users_is_touched(place: Place, tmp_path: Path) -> None:
    (place.path / "gitreg.yaml").write_text("format: 1\n# edited\n")
    (place.path / "new.txt").write_text("staged")
    (place.path / "loose.txt").write_text("untracked")
    git(place.path, "add", "new.txt")
    (place.path / "new.txt").write_text("and changed")
    git(place.path, "branch", "topic")
    (place.path / ".git/hooks/post-checkout").write_text("#!/bin/sh\ntouch /tmp/never\n")
    before = snapshot(place.path)
    with gitreg.start_run() as run:
        gitreg.log_metric("a", 1)
        gitreg.log_text("x", "x.txt")
        gitreg.log_model(times(2), register_as="churn", input_example=np.array([1.0]), pip_requirements=["cloudpickle"])
    gitreg.register(f"run:{run.id}", "other", version="v3.0.0-rc.1")
    gitreg.note("churn", {"a": 1}, {"auc": 0.5})
    gitreg.load_model("churn")
    gitreg.load_pyfunc("churn@1").predict(np.array([1.0]))
    gitreg.pull("churn", tmp_path / "served")
    gitreg.save_model(times(2), tmp_path / "saved")
    gitreg.commit(tmp_path / "served", register_as="again")
    gitreg.retire("churn@1", "old")
    if place.origin:
        gitreg.push(all=True)
        gitreg.fetch()
    assert snapshot(place.path) == before
