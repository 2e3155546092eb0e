from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Refused
from gitreg.format.semver import (
    BUMPS,
    Bump,
    Line,
    Semver,
    format_line,
    format_semver,
    larger,
    parse_line,
    parse_semver,
)
from testing.work import steps

_numbers = st.integers(0, 999_999_999) | st.integers(0, 3)
_words = st.from_regex(r"[0-9]*[A-Za-z-][0-9A-Za-z-]{0,5}", fullmatch=True) | _numbers.map(str)
semvers = st.builds(
    Semver, _numbers, _numbers, _numbers, st.just(()) | st.lists(_words, min_size=1, max_size=3).map(tuple)
).filter(lambda version: not str(version).endswith(".lock"))

# semver.org, section 11, and what follows from it; each is less than the next.
IN_ORDER = """
v0.0.0-0 v0.0.0 v0.0.1 v0.1.0 v0.9.9 v0.10.0
v1.0.0-0 v1.0.0-1 v1.0.0-2 v1.0.0-10 v1.0.0-10.1 v1.0.0-- v1.0.0-1a v1.0.0-RC v1.0.0-alpha v1.0.0-alpha.1
v1.0.0-alpha.beta v1.0.0-beta v1.0.0-beta.2 v1.0.0-beta.11 v1.0.0-beta.a v1.0.0-rc.1 v1.0.0 v1.0.1-rc.1 v1.0.1
v1.2.0 v1.10.0 v2.0.0 v10.0.0 v999999999.0.0
"""
ASCENDING = IN_ORDER.split()

WRONG = """
v v1 v1.2 v1.2.3.4 1.2.3 V1.2.3 v01.2.3 v1.02.3 v1.2.03 v1.2.3- v1.2.3-a..b v1.2.3-.a v1.2.3-a. v1.2.3-01
v1.2.3-a.00 v1.2.3+build v1.2.3-rc.1+build v1.2.3-ä v1.2.x v-1.2.3 v1.-2.3 v1.2.3-a_b v1.2.3-a/b v1.2.3-a@{b
v1000000000.0.0 v0.1000000000.0 v1.2.3-1000000000 v1.2.3-rc.lock v\N{ARABIC-INDIC DIGIT ONE}.2.3 v1.2.²
"""
NO_VERSIONS = WRONG.split()


@pytest.mark.parametrize("text", ASCENDING)
def test_a_version_is_written_as_it_was_read(text: str) -> None:
    assert format_semver(parse_semver(text)) == text
    assert str(parse_semver(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *NO_VERSIONS,
        "",
        " v1.2.3",
        "v1.2.3 ",
        "v1.2.3\n",
        "v1.2.3-rc\n",
        "v1.2.3\x00",
        "v1.2.3-" + "a" * 100,
        "v" + "1" * 5000,
    ],
)
def test_what_is_no_version_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_semver(text)
    assert refused.value.message.startswith("bad version ")
    assert len(refused.value.message) < 200
    assert refused.value.hint


@pytest.mark.parametrize(
    "text, hint",
    [
        ("1.2.3", "write v1.2.3"),
        ("1.2.3-rc.1", "write v1.2.3-rc.1"),
        ("v1.2.3+5", "build metadata (+...) is not allowed; say it in the description"),
        ("v1.2.3-rc.lock", "git allows no tag that ends with .lock"),
        ("v1.2.3-" + "a" * 94, "a version has at most 100 characters"),
        ("v01.2.3", "a version is v1.2.3 or v1.2.3-rc.1: numbers of at most 9 digits without leading zeros"),
    ],
)
def test_the_hint_names_the_rule(text: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_semver(text)
    assert refused.value.hint == hint


def test_the_longest_versions_are_taken() -> None:
    assert str(parse_semver("v1.2.3-" + "a" * 93)) == "v1.2.3-" + "a" * 93
    assert parse_semver("v999999999.999999999.999999999") == Semver(999_999_999, 999_999_999, 999_999_999)
    assert parse_semver("v1.2.3-lock").pre == ("lock",)


def test_a_parsed_version_is_the_value_itself() -> None:
    parsed = parse_semver("v1.2.3-rc.1")
    assert parsed == Semver(1, 2, 3, ("rc", "1"))
    assert hash(parsed) == hash(Semver(1, 2, 3, ("rc", "1")))
    assert repr(parsed) == repr(Semver(1, 2, 3, ("rc", "1")))
    with pytest.raises(AttributeError):
        parsed.major = 2  # type: ignore[misc]


@pytest.mark.parametrize("less", ASCENDING)
def test_versions_are_ordered_by_precedence(less: str) -> None:
    one = parse_semver(less)
    for greater in ASCENDING[ASCENDING.index(less) + 1 :]:
        other = parse_semver(greater)
        assert one < other and one <= other and other > one and other >= one
        assert not (other < one or other <= one or one > other or one >= other or one == other)


@given(semvers)
def test_any_version_round_trips(version: Semver) -> None:
    assert parse_semver(format_semver(version)) == version


@given(semvers, semvers, semvers)
def test_the_order_is_total(a: Semver, b: Semver, c: Semver) -> None:
    assert (a < b) + (a == b) + (a > b) == 1
    assert (a <= b) == (a < b or a == b) and (a >= b) == (b <= a)
    if a <= b and b <= c:
        assert a <= c
    assert sorted([a, b, c]) == sorted([c, a, b], key=lambda version: version.sort_key)


@given(st.text(max_size=30) | st.from_regex(r"v[0-9]+\.[0-9]+\.[0-9]+.{0,9}"))
def test_hostile_text_is_refused_or_round_trips(text: str) -> None:
    with contextlib.suppress(Refused):
        assert format_semver(parse_semver(text)) == text


@pytest.mark.parametrize(
    "version, patch, minor, major",
    [
        ("v1.2.3", "v1.2.4", "v1.3.0", "v2.0.0"),
        ("v0.0.0", "v0.0.1", "v0.1.0", "v1.0.0"),
        ("v1.2.3-rc.1", "v1.2.3", "v1.3.0", "v2.0.0"),
        ("v1.3.0-rc.1", "v1.3.0", "v1.3.0", "v2.0.0"),
        ("v2.0.0-rc.1", "v2.0.0", "v2.0.0", "v2.0.0"),
    ],
)
def test_the_next_version_after_a_bump(version: str, patch: str, minor: str, major: str) -> None:
    assert [str(parse_semver(version).bumped(bump)) for bump in BUMPS] == [patch, minor, major]


@given(semvers, st.sampled_from(BUMPS))
def test_a_bumped_version_is_a_greater_release(version: Semver, bump: Bump) -> None:
    try:
        found = version.bumped(bump)
    except Refused:
        assert 999_999_999 in (version.major, version.minor, version.patch)
        return
    assert found > version and not found.pre
    changed = [part for part in BUMPS if getattr(found, part) != getattr(version, part)]
    assert version.pre or changed[-1] == bump


def test_the_core_is_the_release_a_pre_release_leads_to() -> None:
    assert parse_semver("v1.2.3-rc.1").core == parse_semver("v1.2.3").core == Semver(1, 2, 3)


def test_there_is_nothing_after_the_last_number() -> None:
    with pytest.raises(Refused, match=r"^there is no minor version after v1\.999999999\.0\nhint: a number"):
        parse_semver("v1.999999999.0").bumped("minor")


@pytest.mark.parametrize("text, line", [("v1", Line(1)), ("v0", Line(0)), ("v1.3", Line(1, 3)), ("v10.0", Line(10, 0))])
def test_a_line_round_trips(text: str, line: Line) -> None:
    assert parse_line(text) == line
    assert format_line(line) == str(line) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "v",
        "v1.",
        "v1.2.3",
        "v01",
        "v1.02",
        "v1-rc",
        "v1000000000",
        "v1\n",
        "V1",
        "v\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_what_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"^bad line "):
        parse_line(text)


@pytest.mark.parametrize(
    "line, held, others",
    [
        ("v1", "v1.0.0 v1.0.0-rc.1 v1.9.9", "v0.1.0 v2.0.0 v10.0.0"),
        ("v1.3", "v1.3.0 v1.3.0-rc.1 v1.3.20", "v1.2.0 v1.30.0 v1.4.0-rc.1 v2.3.0"),
        ("v1.0", "v1.0.0 v1.0.1", "v1.1.0 v0.0.0"),
    ],
)
def test_a_line_holds_its_versions(line: str, held: str, others: str) -> None:
    assert all(parse_line(line).holds(parse_semver(version)) for version in held.split())
    assert not any(parse_line(line).holds(parse_semver(version)) for version in others.split())


@pytest.mark.parametrize("one, other", list(itertools.product(BUMPS, BUMPS)))
def test_the_larger_of_two_bumps(one: Bump, other: Bump) -> None:
    assert larger(one, other) == BUMPS[max(BUMPS.index(one), BUMPS.index(other))]


def test_a_version_is_parsed_in_a_few_steps() -> None:
    """A listing parses every version there is."""
    texts = [f"v{n % 7}.{n % 100}.{n}" + ("-rc.1" if n % 10 == 0 else "") for n in range(1000)]
    assert steps(lambda: [parse_semver(text) for text in texts]) < 6 * len(texts)
