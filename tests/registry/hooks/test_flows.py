"""Everything that gitreg itself does at an origin passes the server's hook."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.bundles.apply import apply_bundle
from gitreg.registry.bundles.create import create_bundle
from gitreg.registry.care.fsck import fsck
from gitreg.registry.care.gc import gc
from gitreg.registry.care.purge import purge
from gitreg.registry.catalog import model_tags
from gitreg.registry.hooks.install import install
from gitreg.registry.place import open_registry
from gitreg.registry.publish import complete_numbers
from testing.gitcli import git
from testing.killing import register, start
from testing.models import log_run, write_model
from testing.registries import Place, log
from testing.smart_http import HttpServer


@pytest.fixture
def origin(home: Path) -> Path:
    """An empty bare repository with the hook."""
    git(home, "init", "-q", "--bare", "-b", "main", "origin.git")
    install(home / "origin.git", server=True)
    return home / "origin.git"


def test_a_registry_begins_behind_the_hook(home: Path, origin: Path) -> None:
    gitreg.init(home / "reg", origin=origin)
    log_run(home / "reg", "monday", write_model(home / "m"), metrics={"accuracy": 0.9}, register_as="churn")
    gitreg.init(home / "other", origin=origin)  # joins it
    assert gitreg.resolve("churn", registry=home / "other").version == "v1.0.0"


def test_a_registry_of_its_own_moves_behind_the_hook(home: Path, origin: Path) -> None:
    gitreg.init(home / "reg")
    for day in ("monday", "tuesday"):
        log_run(home / "reg", day, write_model(home / day, weights=day.encode()), register_as="churn")
    gitreg.retire("churn@1", "old", registry=home / "reg")
    gitreg.note("churn@2", {"a": "b"}, registry=home / "reg")
    purge("churn@1", "names in it", registry=home / "reg", yes=True)
    gitreg.init(home / "reg", origin=origin)
    assert git(origin, "tag", "--list", "churn@*").split() == ["churn@1", "churn@2", "churn@v1.0.0", "churn@v1.0.1"]


def test_several_writers_at_once(guarded: Place, tmp_path: Path) -> None:
    clones = [guarded.clone(tmp_path / who) for who in ("bo", "cem", "dee")]
    writers = [start(register, clone.path, f"{clone.path.name} 2 churn") for clone in (guarded, *clones)]
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert len(guarded.at_origin("churn@v*")) == 8
    gitreg.fetch()
    assert fsck(remote=True).ok


def test_two_new_models_at_once(guarded: Place, tmp_path: Path) -> None:
    other = guarded.clone(tmp_path / "bo")
    writers = [start(register, guarded.path, "ana 1 churn"), start(register, other.path, "bo 1 fraud")]
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]


def test_notes_retirement_sweeping_and_purging(guarded: Place) -> None:
    for factor in (2, 3):
        log(factor, "churn")
    log(4, push=True)
    gitreg.note("churn@1", {"team": "risk"}, {"auc": 0.9}, "holdout")
    gitreg.retire("churn@1", "old")
    with pytest.raises(gitreg.Refused, match="this registry keeps its tags"):
        gc(runs_older_than=timedelta(0), remote=True, grace=timedelta(0), yes=True)
    assert guarded.origin
    git(guarded.origin, "config", "gitreg.allowDeletes", "true")
    assert gc(runs_older_than=timedelta(0), remote=True, grace=timedelta(0), yes=True).done
    assert len(guarded.at_origin("run/*")) == 2
    assert purge("churn@1", "names in it", yes=True).done
    assert guarded.at_origin("churn@*!") == []
    log(5, "churn")
    assert fsck(remote=True).ok


def test_a_number_without_its_version_is_completed(guarded: Place) -> None:
    log(2, "churn")
    assert guarded.origin
    for repository in (guarded.origin, guarded.path):
        git(repository, "update-ref", "-d", "refs/tags/churn@v0.1.0")
    place = open_registry(guarded.path)
    complete_numbers(place, model_tags(place, "churn"))
    assert "churn@v0.1.0" in guarded.at_origin()


def test_a_bundle_goes_through(two: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1", "churn@2"], tmp_path / "x.gitreg", registry=two.path)
    far = tmp_path / "far-origin.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", far)
    install(far, server=True)
    git(two.path, "push", "-q", far, "main")
    git(tmp_path, "clone", "-q", far, "far")
    done = apply_bundle(tmp_path / "x.gitreg", registry=tmp_path / "far")
    assert done.versions
    assert "churn@2" in git(far, "tag", "--list")


def test_by_address_over_http(guarded: Place, smart_http: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert guarded.origin
    gitreg.use(smart_http.url(guarded.origin))
    monkeypatch.setenv("GITREG_PAYLOADS", str(guarded.payloads))
    assert log(2, "churn").version == "churn@v0.1.0"
    gitreg.note("churn@1", {"team": "risk"})
    gitreg.retire("churn@1", "old")
    assert "churn@v0.1.0!" in guarded.at_origin()
