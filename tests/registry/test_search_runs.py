from __future__ import annotations

import math
from pathlib import Path

import pytest

from gitreg.errors import Refused
from gitreg.format.runs import Run
from gitreg.registry.journal import open_journal
from gitreg.registry.queries.search import search_runs
from gitreg.stores.git import RefChange
from testing.plumbed import Builder, ModelFiles, make_registry


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return make_registry(tmp_path / "registry")


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


@pytest.fixture
def three(builder: Builder) -> Builder:
    """Three runs, begun in the order a, b, c; b is version 1 of churn and runs in production."""
    builder.run("a", metrics={"accuracy": 0.9}, params={"depth": "8"}, tags={"team": "risk"}, name="first")
    b = builder.run("b", metrics={"accuracy": 0.7, "loss": math.nan}, params={"depth": "4"}, status="failed")
    builder.run("c", metrics={"accuracy": 0.8}, params={"depth": "8"}, models={})
    version = builder.version(b, "churn", "v1.0.0", 1)
    builder.stage("production", version)
    return builder


def test_the_newest_run_comes_first(three: Builder) -> None:
    assert ids(search_runs(registry=three.path)) == ["c", "b", "a"]


def test_a_run_comes_back_as_it_was_written(builder: Builder) -> None:
    made = builder.run(
        "a", metrics={"x": math.inf, "y": 2.0}, params={"p": "ü\n"}, tags={"t": ""}, name="naïve", status="failed",
        models={"m/one": ModelFiles(), "two": ModelFiles(payloads={"w.bin": 7})},
    )  # fmt: skip
    assert search_runs(registry=builder.path) == [made]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("metrics.accuracy >= 0.8", ["c", "a"]),
        ("metrics.loss != 1", ["b"]),
        ("params.depth = '8' AND metrics.accuracy < 0.85", ["c"]),
        ("tags.team LIKE 'ri%'", ["a"]),
        ("tags.team IS NULL", ["c", "b"]),
        ("name = 'first'", ["a"]),
        ("run_id IN ('a', 'c')", ["c", "a"]),
        ("status = 'FAILED'", ["b"]),
        ("flavor = 'sklearn'", ["b", "a"]),
        ("flavor != 'sklearn'", ["c"]),
        ("model = 'churn'", ["b"]),
        ("model IS NULL", ["c", "a"]),
        ("version >= 'v1.0.0'", ["b"]),
        ("number = 1", ["b"]),
        ("stage = 'production'", ["b"]),
        ("author LIKE 'Ana%'", ["c", "b", "a"]),
        ("started > '2026-03-02T09:32:00Z'", ["c", "b"]),
        ("end_time < 1772444000000", ["a"]),
        ("artifact_uri = 'runs:/a'", ["a"]),
    ],
)
def test_a_filter_finds_the_runs_it_holds_for(three: Builder, where: str, expected: list[str]) -> None:
    assert ids(search_runs(where, registry=three.path)) == expected


def test_a_digest_finds_the_runs_that_hold_it(three: Builder) -> None:
    digest = ModelFiles().logged("x").digest
    assert ids(search_runs(f"digest = '{digest}'", registry=three.path)) == ["b", "a"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["metrics.accuracy DESC"], ["a", "c", "b"]),
        (["metrics.loss"], ["b", "c", "a"]),  # NaN, then those without, newest first
        (["params.depth", "metrics.accuracy"], ["b", "c", "a"]),
        (["started"], ["a", "b", "c"]),
        (["number"], ["b", "c", "a"]),
    ],
)
def test_runs_are_ordered_as_asked(three: Builder, order: list[str], expected: list[str]) -> None:
    assert ids(search_runs(order_by=order, registry=three.path)) == expected


def test_no_more_than_the_limit_come_back(three: Builder) -> None:
    assert ids(search_runs(limit=2, registry=three.path)) == ["c", "b"]
    assert search_runs(limit=0, registry=three.path) == []
    assert len(search_runs(limit=None, registry=three.path)) == 3
    with pytest.raises(Refused, match="limit of -1"):
        search_runs(limit=-1, registry=three.path)


def test_a_wrong_filter_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(Refused, match="character 1: runs have no attribute 'wrong'"):
        search_runs("wrong = 1", registry="/nowhere")


def test_a_model_tells_the_version_it_became(three: Builder) -> None:
    (run,) = search_runs("run_id = 'b'", registry=three.path)
    assert [model.version for model in run.models] == ["churn@v1.0.0"]


def test_labels_of_a_run_are_those_of_its_versions(three: Builder) -> None:
    tag = three.registry.git.find_ref("refs/tags/churn@v1.0.0")
    write_note(three, tag, "approved", "yes")
    assert ids(search_runs("labels.approved = 'yes'", registry=three.path)) == ["b"]


def write_note(builder: Builder, tag: str, key: str, value: str) -> None:
    line = f'{{"at": "2026-03-02T10:00:00Z", "by": "Ana", "id": "1", "key": "{key}", "n": 1, "value": "{value}"}}\n'
    blob = builder.registry.git.write_blob(line.encode())
    assert builder.registry.git.write_note("refs/notes/gitreg", "", tag, blob, "Ana Analyst <ana@example.org>")


def test_listing_and_filtering_read_no_blob(three: Builder) -> None:
    before = search_runs("metrics.accuracy > 0.75 AND params.depth = '8'", registry=three.path)
    assert three.lose_blobs() > 5
    assert search_runs("metrics.accuracy > 0.75 AND params.depth = '8'", registry=three.path) == before
    assert ids(search_runs(registry=three.path)) == ["c", "b", "a"]


def test_open_runs_of_this_machine_are_among_them(three: Builder) -> None:
    journal = open_journal(three.registry.state, "d", afresh=True)
    source = {"commit": "", "remote": "", "dirty": False, "entry": ""}
    journal.append({"event": "start", "name": "now", "started": "2026-03-03T00:00:00Z", "source": source, "tags": {}})
    journal.append(journal.metrics_event({"accuracy": 0.99}, 0, "2026-03-03T00:00:01Z"))
    found = search_runs("metrics.accuracy > 0.85", registry=three.path)
    assert ids(found) == ["d", "a"]
    assert (found[0].status, found[0].name, found[0].ended) == ("running", "now", "")
    assert ids(search_runs("status = 'RUNNING'", registry=three.path)) == ["d"]
    journal.close(remove=False)
    assert ids(search_runs("status = 'interrupted'", registry=three.path)) == ["d"]


def test_a_run_that_cannot_be_read_is_left_out_with_a_warning(three: Builder) -> None:
    at = three.registry.git
    at.change_refs([RefChange("refs/tags/run/mine", at.find_ref("refs/heads/main"))])
    with pytest.warns(UserWarning, match="left out: commit .* is no run"):
        assert ids(search_runs(registry=three.path)) == ["c", "b", "a"]


def test_a_run_under_another_name_is_left_out(three: Builder) -> None:
    at = three.registry.git
    at.change_refs([RefChange("refs/tags/run/z", at.find_ref("refs/tags/run/a"))])
    with pytest.warns(UserWarning, match="the tag run/z holds the run a"):
        assert ids(search_runs("name = 'first'", registry=three.path)) == ["a"]


def test_what_a_description_forges_is_not_believed(builder: Builder) -> None:
    run = builder.run("a", metrics={"accuracy": 0.5})
    at = builder.registry.git
    message = at.content(run.commit, "a").decode().partition("\n\n")[2]
    title, block = message.split("\n\n")
    forged = 'Gitreg-Format: 1\nGitreg-Metrics: {"accuracy": 1.0}'
    raw = at.content(run.commit, "a").decode().partition("\n\n")[0] + f"\n\n{title}\n\n{forged}\n\n{block}"
    oid = at.write("hash-object", "-t", "commit", "-w", "--stdin", data=raw.encode(), what="x").decode().strip()
    at.change_refs([RefChange("refs/tags/run/a", oid, run.commit)])
    assert search_runs("metrics.accuracy > 0.9", registry=builder.path) == []


def test_a_signed_run_is_searched_too(builder: Builder) -> None:
    run = builder.run("a", metrics={"accuracy": 0.5})
    at = builder.registry.git
    head, _, message = at.content(run.commit, "a").decode().partition("\n\n")
    signature = "gpgsig -----BEGIN SSH SIGNATURE-----\n \n abc\n -----END SSH SIGNATURE-----"
    raw = f"{head}\n{signature}\n\n{message}"
    oid = at.write("hash-object", "-t", "commit", "-w", "--stdin", data=raw.encode(), what="x").decode().strip()
    at.change_refs([RefChange("refs/tags/run/a", oid, run.commit)])
    assert ids(search_runs("metrics.accuracy = 0.5", registry=builder.path)) == ["a"]


def test_metrics_that_are_no_json_are_left_out_with_a_warning(builder: Builder) -> None:
    run = builder.run("a", metrics={"accuracy": 0.5})
    builder.run("b", metrics={"accuracy": 0.6})
    at = builder.registry.git
    raw = at.content(run.commit, "a").replace(b'{"accuracy": 0.5}', b'["accuracy"]')
    oid = at.write("hash-object", "-t", "commit", "-w", "--stdin", data=raw, what="x").decode().strip()
    at.change_refs([RefChange("refs/tags/run/a", oid, run.commit)])
    with pytest.warns(UserWarning, match="Gitreg-Metrics of run a is no JSON object"):
        assert ids(search_runs("metrics.accuracy > 0", registry=builder.path)) == ["b"]
    with pytest.warns(UserWarning, match="left out: Gitreg-Metrics of run a is no JSON object$"):
        assert ids(search_runs(order_by=["metrics.accuracy"], registry=builder.path)) == ["b"]


def test_an_empty_registry_has_no_runs(builder: Builder) -> None:
    assert search_runs(registry=builder.path) == []
