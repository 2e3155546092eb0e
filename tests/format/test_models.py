from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Unsupported
from gitreg.format.models import StagedVersion, parse_staged
from gitreg.format.stage_file import StageFile, format_stage_file, parse_stage_file

FILE = StageFile(
    "churn", "production", "v1.3.0", 7, "29ed", "5b" * 20, "sha256:" + "0" * 64, {"accuracy": 0.931},
    {"max_depth": "8"}, None, ("scikit-learn==1.9.1",),
)  # fmt: skip
TEXT = format_stage_file(FILE)
STAGED = StagedVersion("production", "churn", "v1.3.0", 7, "29ed", "5b" * 20, "sha256:" + "0" * 64)


def test_what_a_stage_runs_is_read_from_its_file() -> None:
    assert parse_staged(TEXT, "production", "churn") == STAGED


@pytest.mark.parametrize("extra", ["more: 1\n", "# a comment\n", "  deeper: 1\n"])
def test_a_file_that_people_changed_is_read_as_yaml(extra: str) -> None:
    text = (
        TEXT.replace("requirements:", extra + "requirements:")
        if extra[0] != " "
        else TEXT.replace("params:\n", "params:\n" + extra)
    )
    if extra[0] == " ":
        text = text.replace("deeper: 1", 'deeper: "1"')
    parse_stage_file(text)
    assert parse_staged(text, "production", "churn") == STAGED


@given(st.text(alphabet="abcdefv0123456789-", min_size=1, max_size=8), st.text("0123456789e_", min_size=1, max_size=6))
def test_both_ways_to_read_a_file_agree(model: str, run: str) -> None:
    file = dataclasses.replace(FILE, model=model, run=run)
    try:
        text = format_stage_file(file)
    except GitregError:
        return
    assert parse_staged(text, "production", model) == dataclasses.replace(STAGED, model=model, run_id=run)


@given(st.data())
def test_whatever_was_changed_either_way_says_the_same_or_refuses(data: st.DataObject) -> None:
    lines = TEXT.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    lines.insert(data.draw(st.integers(0, len(lines))), lines[at])
    text = "".join(lines)
    try:
        staged = parse_staged(text, "production", "churn")
    except GitregError:
        return
    assert staged == STAGED


@pytest.mark.parametrize("key", ["model", "stage", "version", "digest"])
def test_a_fact_that_stands_twice_is_refused(key: str) -> None:
    line = next(line for line in TEXT.splitlines(keepends=True) if line.startswith(key))
    with pytest.raises(Damaged):
        parse_staged(TEXT + line, "production", "churn")


def test_a_file_that_speaks_of_another_model_is_refused() -> None:
    with pytest.raises(Damaged, match=r"stages/production/fraud\.yaml speaks of churn in production"):
        parse_staged(TEXT, "production", "fraud")


def test_a_newer_format_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match=r"stages/production/churn\.yaml has format 2"):
        parse_staged(TEXT.replace("format: 1", "format: 2"), "production", "churn")
