"""Moments: UTC, RFC 3339, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitreg.errors import Refused
from gitreg.format.times import format_time, from_seconds, parse_time, to_milliseconds

zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1000, 1, 2), datetime(9998, 12, 30), timezones=zones | st.just(UTC))


@given(moments)
def test_a_moment_is_read_back_cut_to_milliseconds(moment: datetime) -> None:
    text = format_time(moment)
    assert len(text) == len("2026-11-22T13:37:00.123Z") and text.endswith("Z")
    assert timedelta(0) <= moment - parse_time(text) < timedelta(milliseconds=1)
    assert format_time(parse_time(text)) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-22", "2026-11-22T00:00:00.000Z"),
        ("2026-11-22T13:37", "2026-11-22T13:37:00.000Z"),
        ("2026-11-22 13:37:01", "2026-11-22T13:37:01.000Z"),
        ("2026-11-22t13:37:01z", "2026-11-22T13:37:01.000Z"),
        ("2026-11-22T13:37:01.5+02:00", "2026-11-22T11:37:01.500Z"),
        ("2026-11-22T13:37:01.123456789Z", "2026-11-22T13:37:01.123Z"),
    ],
)
def test_a_time_may_be_written_shorter(text: str, meant: str) -> None:
    assert format_time(parse_time(text)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026",
        "2026-11",
        "2026-13-01",
        "2026-02-30",
        "2026-11-22T25:00",
        "2026-11-22T13",
        "22.11.2026",
        "0000-01-01",
        "0001-01-01T00:00+23:59",
        "9999-12-31T23:59-23:59",
        "2026-11-22T13:37:00+25:00",
        "2026-11-22\n",
        "٢٠٢٦-11-22",
    ],
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(Refused, match="bad time"):
        parse_time(text)


@given(st.text("0123456789-T:Z+. ", max_size=30) | st.text(max_size=20))
@example("9999-12-31T23:59:59.999999999Z")
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        found = parse_time(text)
    except Refused:
        return
    assert found.tzinfo is UTC


def test_times_are_counted_as_mlflow_and_git_count() -> None:
    assert from_seconds(0) == "1970-01-01T00:00:00.000Z"
    assert from_seconds(99_999_999_999).startswith("5138-")
    assert to_milliseconds("1970-01-02T00:00:00.007Z") == 86_400_007
