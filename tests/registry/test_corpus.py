"""A registry of format 1 that gitreg 0.1.0 wrote is read as it was written: tests/corpus/registry-1."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gitreg
from gitreg.errors import NotFound
from gitreg.format.stage_file import format_stage_file, parse_stage_file
from gitreg.registry.care.doctor import doctor
from gitreg.registry.files import read_run_files
from gitreg.registry.place import open_registry
from gitreg.registry.resolve import read_stage
from testing.gitcli import git
from testing.registries import log

CORPUS = Path(__file__).parents[1] / "corpus" / "registry-1"
EXPECTED: dict[str, Any] = json.loads((CORPUS / "expected.json").read_text("utf-8"))
VERSIONS = EXPECTED["versions"]
HELD = sorted(name for name, version in VERSIONS.items() if version["digest"])
PAYLOADS = CORPUS / "payloads"
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
LENGTHS = [[5.0, 3.4, 1.5, 0.2], [6.9, 3.1, 5.4, 2.1]]


def as_lone(top: Path) -> Path:
    """The bundle in a repository without an origin."""
    registry = top / "registry"
    git(top, "init", "-q", "-b", "main", registry)
    git(registry, "fetch", "-q", "--update-head-ok", CORPUS / "registry.bundle", "refs/*:refs/*")
    git(registry, "reset", "-q", "--hard")
    return registry


def as_clone(top: Path) -> Path:
    """The bundle at an origin, joined by gitreg."""
    git(top, "clone", "-q", "--mirror", CORPUS / "registry.bundle", "origin.git")
    gitreg.init(top / "registry", origin=top / "origin.git")
    return top / "registry"


@pytest.fixture(params=[as_lone, as_clone])
def registry(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registry of the corpus, the one that is meant; its payload store is a folder of the corpus."""
    monkeypatch.setenv("GITREG_PAYLOADS", str(PAYLOADS))
    unpack: Callable[[Path], Path] = request.param
    found = unpack(tmp_path)
    gitreg.use(found)
    return found


def recorded(found: dict[str, object], expected: dict[str, object]) -> dict[str, object]:
    """Of what is found, the keys that were there when the corpus was made: a later gitreg may tell more."""
    return {key: found.get(key) for key in expected}


def test_the_corpus_is_what_was_recorded() -> None:
    heads = git(CORPUS, "bundle", "list-heads", CORPUS / "registry.bundle").splitlines()
    found = {name: oid for oid, name in (line.split() for line in heads) if name != "HEAD"}
    assert found == EXPECTED["refs"]
    for path in (path for path in PAYLOADS.rglob("*") if path.is_file()):
        assert hashlib.md5(path.read_bytes()).hexdigest() == path.parent.name + path.name
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 60_000


def test_every_version_is_read_as_it_was_written(registry: Path) -> None:
    found = {str(version): version.to_dict() for version in gitreg.search_versions()}
    assert {name: recorded(found[name], VERSIONS[name]) for name in found} == VERSIONS
    for name, version in VERSIONS.items():
        resolved = gitreg.resolve(name)
        assert (resolved.tag, resolved.commit, resolved.digest) == (
            version["tag"], version["commit"], version["digest"] or "",
        )  # fmt: skip


def test_every_run_is_read_as_it_was_written(registry: Path) -> None:
    found = {run.id: run.to_dict() for run in gitreg.search_runs()}
    assert {name: recorded(found[name], EXPECTED["runs"][name]) for name in found} == EXPECTED["runs"]
    assert gitreg.get_run("broken").status == "failed"
    assert gitreg.get_run("art").id == "artifacts"
    assert math.isnan(gitreg.get_run("second").metrics["loss"])
    assert gitreg.get_run("Spam_1").metrics["recall"] == math.inf


def test_the_history_is_read_as_it_was_written(registry: Path) -> None:
    models = sorted({version["model"] for version in VERSIONS.values()})
    found = [event.to_dict() for model in models for event in gitreg.history(model)]
    assert [recorded(event, old) for event, old in zip(found, EXPECTED["history"], strict=True)] == EXPECTED["history"]


@pytest.mark.parametrize(
    ("ref", "version"),
    [
        ("churn", "v1.1.0"),
        ("churn@latest", "v1.1.0"),
        ("churn@v1.0.1", "v1.0.1"),
        ("churn@v1.0.0", "v1.0.0"),
        ("churn@v2.0.0-rc.1", "v2.0.0-rc.1"),
        ("churn@v1", "v1.1.0"),
        ("churn@v1.0", "v1.0.1"),
        ("churn@1", "v1.0.0"),
        ("churn@3", "v1.1.0"),
        ("churn@production", "v1.0.1"),
        ("models:/churn/2", "v1.0.1"),
        ("models:/churn/latest", "v2.0.0-rc.1"),
        ("models:/churn@production", "v1.0.1"),
        ("Spam", "v0.1.0"),
        ("Spam@v0", "v0.1.0"),
        ("Spam@2", "v0.2.0"),
        ("models:/Spam/Latest", "v0.1.0"),
        ("foreign", "v0.3.0"),
    ],
)
def test_every_form_of_a_reference_means_what_it_meant(registry: Path, ref: str, version: str) -> None:
    model = ref.removeprefix("models:/").split("@")[0].split("/")[0]
    assert str(gitreg.resolve(ref)) == f"{model}@{version}"


def test_names_that_led_nowhere_lead_nowhere(registry: Path) -> None:
    for ref in ("churn@v2", "churn@5", "churn@staging", "models:/foreign/1", "churn@v1.2", "nothing"):
        with pytest.raises(NotFound):
            gitreg.resolve(ref)
    with pytest.raises(NotFound, match="purged"):
        gitreg.load_model("Spam@v0.2.0")
    with pytest.raises(NotFound, match="tagged without gitreg"):
        gitreg.load_model("foreign")


@pytest.mark.parametrize("name", HELD)
def test_every_model_is_pulled_verified_and_predicts(registry: Path, name: str, tmp_path: Path) -> None:
    pulled = gitreg.pull(name, tmp_path / "pulled")
    sums = (pulled / "SHA256SUMS").read_bytes()
    assert f"sha256:{hashlib.sha256(sums).hexdigest()}" == VERSIONS[name]["digest"]
    listed = {line[66:]: line[:64] for line in sums.decode().splitlines()}
    files = {p.relative_to(pulled).as_posix(): p.read_bytes() for p in pulled.rglob("*") if p.is_file()}
    del files["SHA256SUMS"]
    assert {path: hashlib.sha256(content).hexdigest() for path, content in files.items()} == listed
    assert sum(map(len, files.values())) == VERSIONS[name]["size"]
    native: Any = gitreg.load_model(name)
    assert native.predict(np.array(LENGTHS)).tolist() == [0, 2]


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_pyfunc_keeps_the_promise_of_the_signature(registry: Path) -> None:
    rows = pd.DataFrame(LENGTHS, columns=NAMES)
    assert gitreg.load_pyfunc("churn@production").predict(rows[NAMES[::-1]]).tolist() == [0, 2]
    with pytest.raises(gitreg.GitregError, match="petal width"):
        gitreg.load_pyfunc("churn@production").predict(rows.drop(columns="petal width"))
    runs = gitreg.load_pyfunc("runs:/artifacts/nested/model")
    assert runs.predict(np.array(LENGTHS)).tolist() == [0, 2]
    for ref in ("run:artifacts", "run:art/nested/model", "run:first", "run:Spam_1/model"):
        assert gitreg.load_pyfunc(ref).metadata.run_id == gitreg.get_run(ref[4:].split("/")[0]).id


def test_files_and_series_of_a_run_are_read(registry: Path) -> None:
    run = gitreg.get_run("artifacts")
    models = [(model.path, model.digest) for model in run.models]
    files = {file.path: file for file in read_run_files(open_registry(registry), run.commit, models, str(run))}
    assert {"notes.txt", "figures/data.json", "data/rows.parquet", "nested/model/model.pkl"} <= set(files)
    assert files["data/rows.parquet"].payload is not None
    assert files["notes.txt"].payload is None
    assert git(registry, "show", "run/artifacts:notes.txt") == "hello ü"
    series = git(registry, "show", "run/artifacts:.gitreg/metrics/%56al%2Floss.tsv").splitlines()
    assert [line.split("\t")[:2] for line in series] == [
        ["step", "value"], ["0", "0.9"], ["1", "0.45"], ["2", "NaN"],
    ]  # fmt: skip


def test_notes_stage_and_card_are_read(registry: Path) -> None:
    version = gitreg.resolve("churn@production")
    (staged,) = gitreg.search_versions("stage = 'production'")
    assert dict(staged.labels) == {"approved by": "Bo", "metrics.accuracy@holdout": "0.9", "owner": "fraud"}
    assert [str(found) for found in gitreg.search_versions("labels.owner = 'fraud'")] == ["churn@v1.0.1"]
    assert (staged.stages, staged.digest) == (("production",), version.digest)
    text = git(registry, "show", "main:stages/production/churn.yaml") + "\n"
    assert format_stage_file(parse_stage_file(text)) == text
    found = read_stage(open_registry(registry), "production", "churn")
    assert found is not None and found.signature is not None
    assert (found.commit, found.number, found.run) == (version.commit, 2, "second")
    (churn,) = (model for model in gitreg.models() if model.name == "churn")
    assert (churn.title, dict(churn.tags), churn.owners) == ("Churn", {"team": "risk"}, ("ana@example.org",))


def test_it_can_be_compared_and_examined(registry: Path) -> None:
    assert gitreg.diff("churn@v1.0.1", "churn@v1.0.1") == gitreg.diff("churn@2", "churn@production")
    assert gitreg.diff("churn@v1.0.0", "churn@v1.1.0").to_dict()["signature"]
    assert [finding for finding in doctor(registry) if not finding.ok] == []


def test_it_goes_on_where_it_stopped(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITREG_PAYLOADS", str(tmp_path / "payloads"))
    (tmp_path / "payloads").mkdir()
    assert log(2, "Spam").version == "Spam@v0.3.0"
    assert gitreg.resolve("Spam").previous == VERSIONS["Spam@v0.2.0"]["tag"]
    assert log(3, "foreign").version == "foreign@v0.4.0"
    assert log(4, "churn").version == "churn@v2.0.0"
    assert gitreg.resolve("churn").number == 5
