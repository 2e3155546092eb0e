"""Tables and words: widths, cuts, times, sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.cli._table import Column, cut, display_width, format_table, printable
from gitreg.cli._words import age, counted, show_number, show_size

COLUMNS = [Column("A"), Column("LONG HEAD", right=True), Column("C")]
cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def plain(lines: list[str]) -> list[str]:
    """Lines without the codes of bold heads."""
    return [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in lines]


def test_columns_are_aligned_and_nothing_trails() -> None:
    assert plain(format_table(COLUMNS, [("a", "1", "x"), ("bbb", "22", "")])) == [
        "A    LONG HEAD  C",
        "a            1  x",
        "bbb         22",
    ]


def test_a_column_that_is_empty_is_left_out() -> None:
    assert plain(format_table(COLUMNS, [("a", "", "x")])) == ["A  C", "a  x"]


def test_the_widest_column_is_cut_where_a_width_is_given() -> None:
    rows = [("short", "1", "a description that goes on and on")]
    assert plain(format_table(COLUMNS, rows, 40)) == [
        "A      LONG HEAD  C",
        "short          1  a description that go…",
    ]
    assert plain(format_table(COLUMNS, rows))[1].endswith("on and on")


def test_spare_columns_go_before_others_are_cut_and_whole_ones_never_are() -> None:
    columns = [
        Column("RUN", whole=True), Column("NAME"), Column("auc", right=True, whole=True, spare=True),
        Column("depth", spare=True),
    ]  # fmt: skip
    rows = [("0123456789", "a name that is long enough", "0.123456", "as deep as it is long")]
    assert plain(format_table(columns, rows, 60)) == [
        "RUN         NAME                     auc  depth",
        "0123456789  a name that is lo…  0.123456  as deep as it is…",
    ]
    assert plain(format_table(columns, rows, 40))[1] == "0123456789  a name that is lo…  0.123456"
    assert plain(format_table(columns, rows, 30))[1] == "0123456789  a name that is lo…"
    assert plain(format_table(columns, rows, 14))[1] == "0123456789  a nam…"


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=4), st.integers(30, 100))
def test_any_text_stays_in_its_line_and_in_the_width(rows: list[tuple[str, str, str]], width: int) -> None:
    for line in plain(format_table(COLUMNS, rows, width)):
        assert display_width(line) <= width
        assert line.isprintable() or not line


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    assert printable("a\x1b[31mb\tc\nd\u202e") == "a�[31mb c\nd�"


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("日本", 4), ("", 0)])
def test_the_places_of_a_terminal_are_counted(text: str, width: int) -> None:
    assert display_width(text) == width


def test_a_wide_character_is_not_cut_in_half() -> None:
    assert cut("日本語", 5) == "日本…"
    assert cut("日本語", 4) == "日…"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *((1, "now"), (59, "59 seconds ago"), (60, "1 minute ago"), (7199, "1 hour ago"), (7200, "2 hours ago")),
        *((13 * 86400, "13 days ago"), (14 * 86400, "2026-03-01"), (-1, "2026-03-15")),
    ],
)
def test_how_long_ago(seconds: int, shown: str) -> None:
    then = datetime(2026, 3, 15, 12, tzinfo=UTC)
    assert age(then - timedelta(seconds=seconds), then) == shown


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1 << 20, "1.0 MiB"), (3 << 30, "3.0 GiB")]
)
def test_a_size_is_shown_in_its_unit(size: int, shown: str) -> None:
    assert show_size(size) == shown


def test_numbers() -> None:
    assert [show_number(value) for value in (0.1, 1.0, 1 / 3, float("nan"), float("-inf"), 12)] == [
        *("0.1", "1.0", "0.3333333333333333", "NaN", "-Infinity", "12")
    ]
    assert [counted(1, "run"), counted(2, "run"), counted(0, "entry", "entries")] == ["1 run", "2 runs", "0 entries"]
