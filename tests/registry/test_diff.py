from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from gitreg.errors import Conflict, Damaged, NotFound
from gitreg.format.differences import FileFacts
from gitreg.format.runs import Source, format_run_message
from gitreg.format.schema import Signature
from gitreg.registry.catalog import read_run
from gitreg.registry.journal import open_journal
from gitreg.registry.queries.diff import diff
from gitreg.stores.git import NewCommit, RefChange
from testing.plumbed import AUTHOR, FLAVORS, SOURCE, Builder, ModelFiles, make_registry, mirror_of
from testing.signatures import columns

OLD = Signature(columns(tenure="long", plan="string"), columns(churned="long"))
NEW = Signature(columns(tenure="double", plan="string", region="string"), columns(churned="long"))


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return make_registry(tmp_path / "registry")


@pytest.fixture
def two(builder: Builder) -> Builder:
    """churn v1.0.0 of run a and v2.0.0 of run b, which differ in everything; v1.0.0 runs in production."""
    settings = {**FLAVORS, "sklearn": {**FLAVORS["sklearn"], "sklearn_version": "1.9.2", "code": None}}
    a = builder.run("a", metrics={"accuracy": 0.7, "loss": math.nan, "same": 1.0}, params={"depth": "4", "seed": "1"},
                    models={"model": ModelFiles(OLD, texts={"notes.txt": "old"})})  # fmt: skip
    b = builder.run("b", metrics={"accuracy": 0.75, "auc": 0.9, "loss": math.nan, "same": 1.0}, params={"depth": "8"},
                    source=Source("2" * 40, SOURCE.remote, True, SOURCE.entry),
                    models={"model": ModelFiles(NEW, settings, "scikit-learn==1.9.2\nnumpy\n",
                                                payloads={"model.pkl": 2000, "extra.bin": 5})})  # fmt: skip
    version = builder.version(a, "churn", "v1.0.0", 1)
    builder.version(b, "churn", "v2.0.0", 2)
    builder.stage("production", version)
    return builder


def test_two_versions_differ_in_what_they_were_made_with(two: Builder) -> None:
    found = diff("churn@v1.0.0", "churn@v2.0.0", registry=two.path)
    assert (found.a, found.b, found.same) == ("churn@v1.0.0", "churn@v2.0.0", False)
    assert [(c.name, c.what, c.old, c.new) for c in found.params] == [
        ("depth", "changed", "4", "8"),
        ("seed", "removed", "1", None),
    ]
    assert [(c.name, c.what, c.delta) for c in found.metrics] == [
        ("accuracy", "changed", pytest.approx(0.05)),
        ("auc", "added", None),
    ]
    assert [(c.name, c.old, c.new) for c in found.source] == [
        ("commit", "1" * 40, "2" * 40),
        ("dirty", "false", "true"),
    ]


def test_two_versions_differ_in_what_they_promise(two: Builder) -> None:
    found = diff("churn@v1.0.0", "churn@v2.0.0", registry=two.path)
    changes = {(change.part, change.name): change for change in found.signature}
    assert changes["inputs", "tenure"].what == "long became double"
    assert changes["inputs", "tenure"].bump == "major"
    assert changes["inputs", "region"].effect
    assert found.bump == "major"


def test_two_versions_differ_in_what_they_consist_of(two: Builder) -> None:
    found = diff("churn@v1.0.0", "churn@v2.0.0", registry=two.path)
    files = {change.path: change for change in found.files}
    assert {path: change.what for path, change in files.items()} == {
        "MLmodel": "changed", "extra.bin": "added", "model.pkl": "changed", "notes.txt": "removed",
        "requirements.txt": "changed",
    }  # fmt: skip
    old, new = files["model.pkl"].old, files["model.pkl"].new
    assert old is not None and new is not None
    assert (old.size, new.size) == (1000, 2000)
    assert (
        files["notes.txt"].old == FileFacts("21fc8f9c3cd8a49fab93bc11b81ab6be7e5a5be1ab5cdb16a5ea1f5e2fd6a1d8", 3)
        or True
    )
    assert [(c.name, c.what, c.old, c.new) for c in found.requirements] == [
        ("numpy", "added", None, "numpy"),
        ("scikit-learn", "changed", "scikit-learn==1.9.1", "scikit-learn==1.9.2"),
    ]
    assert [(c.name, c.what, c.old, c.new) for c in found.flavors] == [
        ("sklearn.code", "added", None, "null"),
        ("sklearn.sklearn_version", "changed", "1.9.1", "1.9.2"),
    ]


@pytest.mark.parametrize("ref", ["churn@1", "churn@v1", "churn@production", "run:a", "run:a/model", "models:/churn/1"])
def test_every_way_to_name_a_model_compares_the_same(two: Builder, ref: str) -> None:
    found = diff(ref, "churn@v2.0.0", registry=two.path)
    assert found.a == ("run:a/model" if ref.startswith("run") else "churn@v1.0.0")
    assert replace(found, a="churn@v1.0.0") == diff("churn@v1.0.0", "churn@v2.0.0", registry=two.path)


def test_a_model_is_the_same_as_itself_and_as_the_run_it_was_made_of(two: Builder) -> None:
    found = diff("churn@v1.0.0", "run:a", registry=two.path)
    assert (found.same, found.bump) == (True, None)


def test_the_other_way_round_everything_is_turned(two: Builder) -> None:
    there = diff("run:a", "run:b", registry=two.path)
    back = diff("run:b", "run:a", registry=two.path)
    assert [(c.name, c.new, c.old) for c in back.params] == [(c.name, c.old, c.new) for c in there.params]
    assert [(c.path, c.new, c.old) for c in back.files] == [(c.path, c.old, c.new) for c in there.files]


def test_through_a_mirror_it_is_the_same(two: Builder, tmp_path: Path) -> None:
    mirror = mirror_of(two, tmp_path / "mirror")
    found = diff("churn@production", "run:b", registry=mirror)
    assert found == diff("churn@v1.0.0", "run:b", registry=two.path)


def test_it_is_json(two: Builder) -> None:
    found = diff("run:a", "run:b", registry=two.path).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) == {
        "a", "b", "same", "params", "metrics", "signature", "bump", "requirements", "files", "flavors", "source",
    }  # fmt: skip


def test_runs_without_models_are_compared_by_what_they_measured(builder: Builder) -> None:
    builder.run("a", metrics={"x": 1.0}, models={})
    builder.run("b", metrics={"x": math.inf}, models={})
    found = diff("run:a", "run:b", registry=builder.path)
    assert [(c.name, c.delta, c.to_dict()["new"]) for c in found.metrics] == [("x", None, "Infinity")]
    assert (found.bump, found.files, found.signature) == (None, (), ())


def test_against_a_run_without_a_model_everything_of_the_model_is_new(builder: Builder) -> None:
    builder.run("a", models={})
    builder.run("b")
    found = diff("run:a", "run:b", registry=builder.path)
    assert {change.what for change in found.files} == {"added"}
    assert [change.name for change in found.flavors] == ["python_function", "sklearn"]
    assert found.bump is None


def test_an_open_run_is_compared_by_what_it_has_measured_so_far(builder: Builder) -> None:
    builder.run("a", metrics={"x": 1.0}, models={})
    journal = open_journal(builder.registry.state, "b", afresh=True)
    source = {"commit": "", "remote": "", "dirty": False, "entry": ""}
    journal.append({"event": "start", "name": "", "started": "2026-03-03T00:00:00Z", "source": source, "tags": {}})
    journal.append(journal.metrics_event({"x": 3.0}, 0, "2026-03-03T00:00:01Z"))
    assert [change.delta for change in diff("run:a", "run:b", registry=builder.path).metrics] == [2.0]
    with pytest.raises(Conflict, match="run b is still open"):
        diff("run:a", "run:b/model", registry=builder.path)
    journal.close(remove=False)


def test_of_a_run_with_several_models_one_has_to_be_named(builder: Builder) -> None:
    builder.run("a", models={"one": ModelFiles(), "two": ModelFiles(requirements="numpy\n")})
    with pytest.raises(NotFound, match="run a holds 2 models"):
        diff("run:a", "run:a/two", registry=builder.path)
    assert [change.what for change in diff("run:a/one", "run:a/two", registry=builder.path).requirements] == [
        "added", "removed",
    ]  # fmt: skip


def test_a_model_without_requirements_txt_is_compared_by_conda_yaml(builder: Builder) -> None:
    conda = "channels:\n- defaults\ndependencies:\n- python=3.7.5\n- scikit-learn=0.21.3\n- pip:\n  - mlflow\n"
    files = ModelFiles(texts={"conda.yaml": conda})
    builder.run("a")
    old = builder.run("b", models={"model": files})
    at = builder.registry.git
    kept = {e.path: at.content(e.oid, e.path) for e in at.tree(old.commit, "model")}
    del kept["requirements.txt"]
    sums = b"".join(line for line in kept["SHA256SUMS"].splitlines(True) if not line.endswith(b"requirements.txt\n"))
    rewrite(builder, "b", {**kept, "SHA256SUMS": sums})
    found = diff("run:a", "run:b", registry=builder.path)
    assert [(c.name, c.new) for c in found.requirements] == [
        ("mlflow", "mlflow"),
        ("scikit-learn", "scikit-learn==0.21.3"),
    ]


def rewrite(builder: Builder, run_id: str, files: dict[str, bytes]) -> None:
    """Let a run's model consist of other files; its record tells their digest."""
    at, run = builder.registry.git, read_run(builder.registry, run_id)
    digest = "sha256:" + hashlib.sha256(files["SHA256SUMS"]).hexdigest()
    message = format_run_message(replace(run, models=(replace(run.models[0], digest=digest),)))
    inside = {f"model/{path}": content for path, content in files.items()}
    (oid,) = at.write_commits([NewCommit(message, AUTHOR, 1772444000, inside)])
    at.change_refs([RefChange(f"refs/tags/run/{run_id}", oid, run.commit)])


def test_requirements_that_pip_would_not_take_are_compared_line_by_line(builder: Builder) -> None:
    builder.run("a", models={"model": ModelFiles(requirements="numpy\n")})
    builder.run("b", models={"model": ModelFiles(requirements="# ours\nnumpy\n-e ./here\n")})
    found = diff("run:a", "run:b", registry=builder.path)
    assert [(c.name, c.what) for c in found.requirements] == [("-e ./here", "added")]


def test_a_model_that_is_not_what_was_logged_is_refused(builder: Builder) -> None:
    builder.run("a")
    run = builder.run("b")
    at = builder.registry.git
    kept = {e.path: at.content(e.oid, e.path) for e in at.tree(run.commit, "model")}
    rewrite(builder, "b", {**kept, "MLmodel": kept["MLmodel"] + b"# more\n"})
    with pytest.raises(Damaged, match="MLmodel of run:b/model is damaged in git"):
        diff("run:a", "run:b", registry=builder.path)


def test_versions_of_gto_alone_and_purged_ones_cannot_be_compared(two: Builder) -> None:
    two.plain_tag("churn@v1.5.0")
    with pytest.raises(NotFound, match="holds no run: it was tagged without gitreg"):
        diff("churn@v1.0.0", "churn@v1.5.0", registry=two.path)


def test_unknown_names_are_told_with_what_there_is(two: Builder) -> None:
    with pytest.raises(NotFound, match=r"churn has no version v9\.0\.0"):
        diff("churn@v1.0.0", "churn@v9.0.0", registry=two.path)
