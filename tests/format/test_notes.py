"""Facts learned later: lines that are joined in any order."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Refused
from gitreg.format.notes import Fact, current_facts, format_fact, parse_facts

keys = st.from_regex(r"[a-z@. ü]{1,8}", fullmatch=True).filter(lambda key: key == key.strip())
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
facts = st.builds(
    Fact, st.integers(1, 5), st.sampled_from(["a", "b", "c"]), st.just("2026-11-22T13:37:00.000Z"), texts, keys,
    texts | st.none() | st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@given(st.lists(facts, max_size=4))
def test_facts_are_read_back(some: list[Fact]) -> None:
    text = "\n".join(map(format_fact, some))
    assert parse_facts(text) == tuple(some)


@given(st.permutations([("1", 1, "x"), ("2", 2, "y"), ("3", 2, "z"), ("4", 1, "w")]))
def test_the_highest_count_and_id_holds_in_any_order(some: list[tuple[str, int, str]]) -> None:
    held = current_facts(Fact(n, id, "", "", "label", value) for id, n, value in some)
    assert held["label"].value == "z"


def test_a_fact_may_be_taken_back() -> None:
    assert current_facts([Fact(1, "a", "", "", "k", "v"), Fact(2, "a", "", "", "k", None)]) == {}


def test_lines_that_are_no_facts_are_passed_over() -> None:
    good = format_fact(Fact(1, "a", "", "", "k", "v"))
    bad = [
        "",
        "x",
        "[]",
        "{}",
        "null",
        '{"n": "1", "id": "a", "at": "", "by": "", "key": "k", "value": "v"}',
        "[" * 100_000,
    ]
    bad += ['{"n": 1, "id": "a", "at": "", "by": "", "key": "k", "value": []}', '{"n": ' + "1" * 5000 + "}", "\ud800"]
    bad += ['{"n": 1, "id": "a", "at": "", "by": "", "key": "\\u001b[2J", "value": "v"}']
    assert parse_facts("\n".join([*bad, good, *bad])) == parse_facts(good)


@given(st.text(max_size=60) | st.text('{}":,n1idatbykeyvalue\n', max_size=60))
def test_any_text_is_read(text: str) -> None:
    parse_facts(text)


@pytest.mark.parametrize(
    "fact",
    [Fact(1, "a", "", "", "", "v"), Fact(1, "a", "", "", "k", "x" * 20_000), Fact(1, "a", "", "", "k", "\ud800")],
)
def test_a_fact_that_cannot_be_kept_is_refused(fact: Fact) -> None:
    with pytest.raises(Refused):
        format_fact(fact)


def test_a_measurement_that_is_no_number_is_text() -> None:
    assert parse_facts(format_fact(Fact(1, "a", "", "", "auc", math.nan)))[0].value == "NaN"
