"""Runs: what a commit's message tells, and series of metrics."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.format.runs import (
    LoggedModel,
    Point,
    Run,
    Source,
    check_format,
    format_run_file,
    format_run_message,
    format_series,
    parse_run_message,
    parse_series,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
lines = st.from_regex(r"[^\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\s]{1,8}", fullmatch=True)
numbers = st.floats(allow_nan=False)
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,10}", fullmatch=True)
digests = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
flavors = st.lists(st.sampled_from(["sklearn", "python_function", "onnx"]), max_size=2).map(tuple)
points = st.builds(Point, st.integers(-5, 10**12), st.floats(allow_nan=False), st.just("2026-11-22T13:37:00.000Z"))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    run_id = draw(ids)
    models = tuple(
        LoggedModel(
            run_id, path, draw(digests), draw(digests | st.just("none")), draw(st.integers(0, 10**12)), draw(flavors)
        )
        for path in sorted(draw(st.sets(st.sampled_from(["model", "a/b", "ü"]), max_size=2)))
    )
    return Run(
        id=run_id, name=draw(lines | st.just("")), status=draw(st.sampled_from(["finished", "failed", "abandoned"])),
        started="2026-11-22T13:37:00.000Z", ended="2026-11-22T13:38:00.000Z",
        source=Source(draw(texts), draw(texts), draw(st.booleans()), draw(texts)),
        params=draw(st.dictionaries(texts, texts, max_size=2)),
        metrics=draw(st.dictionaries(texts, numbers, max_size=2)),
        tags=draw(st.dictionaries(texts, texts, max_size=2)), models=models,
    )  # fmt: skip


RUN = Run("29edd", "depth 8", "finished", "2026-11-22T13:37:00.000Z", "2026-11-22T13:38:00.000Z", metrics={"a": 0.5},
          params={"p": "1"},
          models=(LoggedModel("29edd", "model", "sha256:" + "0" * 64, "none", 3, ("sklearn",)),))  # fmt: skip
MESSAGE = format_run_message(RUN)


@given(runs())
def test_a_run_is_read_back_from_its_message(run: Run) -> None:
    message = format_run_message(run)
    assert parse_run_message(message) == run
    assert format_run_message(parse_run_message(message)) == message
    json.loads(format_run_file(run))
    json.dumps(run.to_dict(), allow_nan=False)


def test_numbers_that_json_lacks_are_told_too() -> None:
    run = Run("x", status="finished", metrics={"a": math.nan, "b": math.inf})
    found = parse_run_message(format_run_message(run)).metrics
    assert math.isnan(found["a"]) and found["b"] == math.inf
    assert run.to_dict()["metrics"] == {"a": "NaN", "b": "Infinity"}


def test_unknown_trailers_are_passed_over() -> None:
    assert parse_run_message(MESSAGE + "Gitreg-Weather: rain\n") == RUN


@pytest.mark.parametrize(
    "text", ["", "a commit\n", "s\n\nGitreg-Format: 1\n", MESSAGE.replace("Gitreg-Status: finished\n", "")]
)
def test_a_commit_that_tells_no_run_is_damaged(text: str) -> None:
    with pytest.raises(Damaged):
        parse_run_message(text, commit="1234")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Gitreg-Run: 29edd", "Gitreg-Run: ../x"),
        ("Gitreg-Format: 1", "Gitreg-Format: 0"),
        ("Gitreg-Format: 1", "Gitreg-Format: x"),
        ("Gitreg-Format: 1", "Gitreg-Format: \u0661"),
        ('Gitreg-Params: {"p": "1"}', 'Gitreg-Params: {"p": 1}'),
        ('Gitreg-Params: {"p": "1"}', 'Gitreg-Params: {"p": "1", "p": "2"}'),
        ('Gitreg-Params: {"p": "1"}', "Gitreg-Params: " + "[" * 100_000),
        ('Gitreg-Metrics: {"a": 0.5}', 'Gitreg-Metrics: {"a": "high"}'),
        ('Gitreg-Metrics: {"a": 0.5}', 'Gitreg-Metrics: {"a": 1' + "0" * 400 + "}"),
        ('"model"', '"../model"'),
        ('"model"', '"a\\nb"'),
        ('"size": 3', '"size": "3"'),
        ('{"model": {', '{"model": [{'),
    ],
)
def test_a_broken_trailer_is_refused(old: str, new: str) -> None:
    assert old in MESSAGE
    with pytest.raises((Damaged, Refused)):
        parse_run_message(MESSAGE.replace(old, new))


@pytest.mark.parametrize("text", ["2", "999999"])
def test_a_newer_format_is_named(text: str) -> None:
    with pytest.raises(Unsupported, match=f"run 29edd has format {text}; this gitreg reads up to format 1"):
        parse_run_message(MESSAGE.replace("Gitreg-Format: 1", f"Gitreg-Format: {text}"))
    with pytest.raises(Unsupported):
        check_format(text, "it")


@given(st.text(max_size=60), st.integers(0, len(MESSAGE)), st.integers(0, 20))
def test_any_message_is_a_run_or_an_error_of_gitreg(text: str, at: int, cut: int) -> None:
    for tried in (text, MESSAGE[:at] + text + MESSAGE[at + cut :]):
        with contextlib.suppress(GitregError):
            parse_run_message(tried)


@given(st.lists(points, max_size=4))
@example([Point(0, math.inf, "2026-11-22T13:37:00.000Z")])
def test_a_series_is_read_back(series: list[Point]) -> None:
    assert parse_series(format_series(series), "it") == tuple(series)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "step\tvalue\ttime",
        "step\tvalue\ttime\n1\t2\n",
        "step\tvalue\ttime\na\t2\tt\n",
        "step\tvalue\ttime\n1\tx\tt\n",
        "step\tvalue\ttime\n" + "1" * 5000 + "\t1\tt\n",
        "step\tvalue\ttime\n1\t1\tt\t\n",
        "step\tvalue\ttime\n\n",
    ],
)
def test_a_broken_series_is_damaged_and_named(text: str) -> None:
    with pytest.raises(Damaged, match=r"^metrics/loss\.tsv"):
        parse_series(text, "metrics/loss.tsv")
