from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitreg.errors import Refused
from gitreg.format.filter_keys import ATTRIBUTES, KINDS, Entity, Searched, kind_of, operators_of
from gitreg.format.filter_match import Value
from gitreg.format.filters import (
    Comparison,
    Order,
    format_filter,
    format_order,
    matches,
    needs,
    parse_filter,
    parse_order_by,
    sort,
)
from gitreg.format.times import from_seconds

SEARCHED: tuple[Searched, ...] = get_args(Searched)


@dataclass(frozen=True)
class Thing:
    """A record of these tests."""

    attributes: dict[str, Value] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def param(self, key: str) -> str | None:
        return self.params.get(key)

    def metric(self, key: str) -> float | None:
        return self.metrics.get(key)

    def tag(self, key: str) -> str | None:
        return self.tags.get(key)

    def label(self, key: str) -> str | None:
        return self.labels.get(key)

    def attribute(self, key: str) -> Value:
        return self.attributes.get(key)


def holds(text: str, thing: Thing, searched: Searched = "versions") -> bool:
    return matches(parse_filter(text, searched), thing)


# What gitreg adds to MLflow's language; what the two share is in test_filters_parity.py.


def test_no_filter_holds_for_everything() -> None:
    assert parse_filter("", "runs") == ()
    assert matches((), Thing())


def test_a_comparison_tells_what_it_asks() -> None:
    comparisons = parse_filter("metrics.loss < 1 AND label.`approved by` = 'ada' AND start_time > 5", "runs")
    assert [(one.entity, one.key) for one in comparisons] == [
        ("metrics", "loss"),
        ("labels", "approved by"),
        ("attributes", "started"),
    ]
    assert needs(comparisons) == {"metrics", "labels", "attributes"}
    assert needs(comparisons[:1], parse_order_by(["params.kind"], "runs")) == {"metrics", "params"}
    assert needs(()) == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("labels.risk = 'low'", True),
        ("label.risk != 'low'", False),
        ("labels.risk LIKE 'l_w'", True),
        ("labels.risk IS NOT NULL", True),
        ("labels.dataset IS NULL", True),
        ("labels.dataset != 'x'", False),
    ],
)
def test_labels_are_searched_as_tags_are(text: str, expected: bool) -> None:
    assert holds(text, Thing(labels={"risk": "low"})) is expected


@pytest.mark.parametrize(
    ("text", "none", "staging", "both"),
    [
        ("stage = 'staging'", False, True, True),
        ("stage != 'production'", True, True, False),
        ("stage IN ('production', 'canary')", False, False, True),
        ("stage NOT IN ('production', 'canary')", True, True, False),
        ("stage LIKE 'prod%'", False, False, True),
        ("stage IS NULL", True, False, False),
        ("stage IS NOT NULL", False, True, True),
    ],
)
def test_an_attribute_of_several_values_is_asked_what_it_contains(
    text: str, none: bool, staging: bool, both: bool
) -> None:
    several: list[tuple[str, ...]] = [(), ("staging",), ("staging", "production")]
    assert [holds(text, Thing({"stage": stages})) for stages in several] == [none, staging, both]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version > 'v1.9.0'", True),
        ("version >= 'v1.10.0'", True),
        ("version < 'v1.10.0-rc.1'", False),
        ("version <= 'v2.0.0'", True),
        ("version = 'v1.10.0'", True),
        ("version IN ('v1.9.0', 'v1.10.0')", True),
        ("version LIKE 'v1.%'", True),
        ("number = 7", True),
        ("version_number >= '7'", True),
        ("number < 6.5", False),
    ],
)
def test_versions_compare_by_precedence_and_numbers_by_size(text: str, expected: bool) -> None:
    assert holds(text, Thing({"version": "v1.10.0", "number": 7})) is expected


def test_what_is_no_version_is_on_neither_side_of_one() -> None:
    foreign = Thing({"version": "1.0"})
    assert not holds("version < 'v9.0.0'", foreign)
    assert not holds("version >= 'v0.0.0'", foreign)
    assert holds("version != 'v1.0.0'", foreign)


@pytest.mark.parametrize("status", ["finished", "FINISHED"])
@pytest.mark.parametrize("text", ["status = 'FINISHED'", "status = 'finished'", "status LIKE 'Fin%'"])
def test_a_status_is_the_same_in_any_case(text: str, status: str) -> None:
    assert holds(text, Thing({"status": status}), "runs")
    assert not holds(text, Thing({"status": "failed"}), "runs")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("started > '2026-11-22'", True),
        ("started >= '2026-11-22T13:37:00.123Z'", True),
        ("started > '2026-11-22T13:37:00.123Z'", False),
        ("start_time = '2026-11-22T14:37:00.123+01:00'", True),
        ("created < '2026-11-23'", True),
        ("start_time = 1795354620123", True),
        ("start_time > 1795354620122.5", True),
    ],
)
def test_a_time_is_milliseconds_or_rfc_3339(text: str, expected: bool) -> None:
    assert holds(text, Thing({"started": "2026-11-22T13:37:00.123Z"}), "runs") is expected
    assert holds(text, Thing({"started": 1795354620123}), "runs") is expected


def test_a_run_without_an_end_has_no_time_of_it() -> None:
    for ended in (None, "", "soon"):
        assert not holds("ended > 0", Thing({"ended": ended}), "runs")
        assert not holds("ended != 0", Thing({"ended": ended}), "runs")


@pytest.mark.parametrize("searched", SEARCHED)
def test_every_attribute_has_a_kind_and_is_its_own_alias(searched: Searched) -> None:
    for key in set(ATTRIBUTES[searched].values()):
        assert key in KINDS
        assert ATTRIBUTES[searched][key] == key


@pytest.mark.parametrize(
    ("searched", "text", "message", "hint"),
    [
        (
            "runs",
            "params.max-depth = '8'",
            "filter, character 11: expected an operator after params.max, found '-depth'",
            "a key with other characters than letters, digits, '_' and '.' stands in backquotes: params.`a-b`",
        ),
        (
            "runs",
            "metrics.loss < 1 OR metrics.loss > 2",
            "filter, character 18: there is no OR",
            "comparisons can only be joined with AND",
        ),
        (
            "runs",
            "(metrics.loss < 1)",
            "filter, character 1: expected a name such as metrics.accuracy, found '(metrics.loss'",
            "comparisons are NAME OPERATOR VALUE, joined with AND, without parentheses",
        ),
        (
            "runs",
            "params.kind == 'x'",
            "filter, character 13: params.kind takes no ==",
            "it takes = != LIKE ILIKE IS NULL or IS NOT NULL",
        ),
        (
            "runs",
            "status IN ('FINISHED')",
            "filter, character 8: attributes.status takes no IN",
            "it takes = != LIKE or ILIKE",
        ),
        (
            "runs",
            "metrics.loss",
            "filter, character 13: expected an operator after metrics.loss, found the end",
            "it takes = != < <= > or >=",
        ),
        (
            "runs",
            "metrics.loss > '1'",
            "filter, character 16: metrics.loss is compared with a number, not with \"'1'\"",
            "write 0.93 or -1e-3",
        ),
        (
            "runs",
            "params.kind = Tree",
            "filter, character 15: expected a text in quotes, found 'Tree'",
            "write 'text' or \"text\"",
        ),
        (
            "runs",
            "params.kind = 'Tree",
            "filter, character 15: a quote that is not closed",
            "close it; a quote after a backslash closes nothing",
        ),
        (
            "runs",
            "params. kind = 'Tree'",
            "filter, character 1: params without a key",
            "write params.KEY, without blanks around the dot",
        ),
        (
            "runs",
            "dataset.name = 'x'",
            "filter, character 1: there is no 'dataset' to search",
            "it is one of metrics, params, tags, labels, attributes",
        ),
        (
            "models",
            "status = 'x'",
            "filter, character 1: models have no attribute 'status'",
            "they have author, created, digest, flavor, model, number, run_id, stage, updated, version;"
            " anything else is metrics.KEY, params.KEY, tags.KEY or labels.KEY",
        ),
        (
            "versions",
            "stage IN ('a' 'b')",
            "filter, character 15: expected ',' or ')', found \"'b')\"",
            "write ('a', 'b')",
        ),
        (
            "versions",
            "stage IN 'a'",
            "filter, character 10: expected a list after IN, found \"'a'\"",
            "write ('a', 'b')",
        ),
        (
            "versions",
            "number = 'x'",
            "filter, character 10: number is a number, not 'x'",
            "write 7",
        ),
        (
            "runs",
            "started > 'yesterday'",
            "filter, character 11: bad time 'yesterday'",
            "write it as 2026-11-22 or 2026-11-22T13:37:00Z",
        ),
    ],
)
def test_an_error_names_the_place_and_what_is_allowed(searched: Searched, text: str, message: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_filter(text, searched)
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_a_version_that_is_none_is_refused_where_it_stands() -> None:
    with pytest.raises(Refused, match=r"^filter, character 11: bad version '7'"):
        parse_filter("version = '7'", "versions")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics.loss, params.kind", "order, character 13: expected ASC, DESC or the end, found ','"),
        ("metrics.loss up", "order, character 14: expected ASC, DESC or the end, found 'up'"),
        ("", "order, character 1: expected a name such as metrics.accuracy, found the end"),
        ("nope DESC", "order, character 1: runs have no attribute 'nope'"),
    ],
)
def test_a_bad_order_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_order_by([text], "runs")
    assert refused.value.message == message


def test_one_order_may_stand_without_a_list() -> None:
    assert parse_order_by("metrics.`a b` DESC", "runs") == (Order("metrics", "a b", True),)


def test_orders_apply_one_after_the_other_and_keep_what_ties() -> None:
    kinds = ["b", "a", "b", "a"]
    losses = [2.0, 1.0, 1.0, 1.0]
    things = [Thing({"number": n}, {"kind": kinds[n]}, {"loss": losses[n]}) for n in range(4)]
    ordered = sort(things, parse_order_by(["metrics.loss DESC", "params.kind"], "runs"))
    assert [thing.attributes["number"] for thing in ordered] == [0, 1, 3, 2]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_nan_and_then_what_is_missing_come_last_in_either_direction(direction: str) -> None:
    things = [Thing(), Thing(metrics={"loss": math.nan}), Thing(metrics={"loss": 1.0}), Thing(metrics={"loss": 2.0})]
    ordered = sort(things, parse_order_by([f"metrics.loss {direction}"], "runs"))
    values = [1.0, 2.0] if direction == "ASC" else [2.0, 1.0]
    assert [thing.metrics.get("loss") for thing in ordered[:2]] == values
    assert ordered[2:] == [things[1], things[0]]


@pytest.mark.parametrize(
    ("order", "values", "expected"),
    [
        ("version", ["v1.10.0", "v1.9.0", "1.0", "v1.10.0-rc.1"], ["v1.9.0", "v1.10.0-rc.1", "v1.10.0", "1.0"]),
        ("version DESC", ["v1.9.0", None, "v1.10.0"], ["v1.10.0", "v1.9.0", None]),
        ("created", ["2026-11-22T00:00:00Z", 0, "2026-11-21T00:00:00.5Z"], None),
        ("stage DESC", [(), ("a",), ("a", "b"), "c"], ["c", ("a", "b"), ("a",), ()]),
        ("number", [10, 9, None, 1], [1, 9, 10, None]),
    ],
)
def test_attributes_sort_by_what_they_mean(order: str, values: list[Value], expected: list[Value] | None) -> None:
    (parsed,) = parse_order_by([order], "versions")
    ordered = [thing.attributes[parsed.key] for thing in sort([Thing({parsed.key: one}) for one in values], (parsed,))]
    assert ordered == (expected or [0, "2026-11-21T00:00:00.5Z", "2026-11-22T00:00:00Z"])


def test_an_operator_that_there_is_not_is_refused_when_a_comparison_is_made_by_hand() -> None:
    with pytest.raises(Refused, match="no operator '~'"):
        Comparison("params", "kind", "~", "x").matches(Thing(params={"kind": "x"}))


@pytest.mark.parametrize(
    "comparison",
    [
        Comparison("params", "kind", "=", "both ' and \""),
        Comparison("params", "kind", "=", "C:\\"),
        Comparison("params", "`'\"", "=", "x"),
        Comparison("metrics", "loss", "=", math.nan),
    ],
)
def test_what_no_text_can_stand_for_is_refused(comparison: Comparison) -> None:
    with pytest.raises(Refused):
        format_filter([comparison])


@pytest.mark.parametrize("pattern", ["%a" * 5000, "_%" * 5000, "%_a_" * 2000])
def test_no_pattern_makes_matching_go_back_and_forth(pattern: str) -> None:
    """With a regular expression in its place, none of these would end."""
    assert not holds(f"params.kind LIKE '{pattern}c'", Thing(params={"kind": "a" * 20_000 + "b"}), "runs")


@pytest.mark.parametrize(
    "text",
    [
        "'" * 99_999,
        "params.kind = " + "'" * 99_999,
        "params.kind = '" + "\\'" * 50_000,
        "params.kind = '" + "''\\" * 50_000,
        "`" * 99_999,
        "a." * 50_000,
        "params.kind IS" + " " * 99_999,
        "params.kind NOT" + " " * 99_999,
        "run_id IN (" + "'x'," * 50_000,
        "1" * 99_999,
        "start_time > " + "1" * 99_999 + "x",
    ],
)
def test_a_hostile_text_is_refused(text: str) -> None:
    """Each is so long that going back and forth in it would not end."""
    with pytest.raises(Refused):
        parse_filter(text, "runs")


def test_a_number_may_have_any_length() -> None:
    long = "1" * 9999
    assert parse_filter(f"metrics.loss < {long} AND start_time < {long}", "runs") == (
        Comparison("metrics", "loss", "<", math.inf),
        Comparison("attributes", "started", "<", math.inf),
    )


# Every comparison that can be parsed comes back from its text.

ALPHABET = st.characters(exclude_categories=["Cs"])


def writable(text: str) -> bool:
    return "'" not in text and not text.endswith("\\")


TEXTS = st.text(ALPHABET).filter(writable) | st.sampled_from(["it's", 'say "x"', "a''b", "a\\b", "C:\\x", "%", ""])
KEYS = st.text(ALPHABET, min_size=1).filter(lambda key: "`" not in key) | st.sampled_from(["a", "a.b", "1", "in"])
FINITE = st.floats(allow_nan=False)
VERSIONS = st.sampled_from(["v1.0.0", "v0.12.3", "v2.0.0-rc.1"])


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[Searched, Comparison]:
    searched = draw(st.sampled_from(SEARCHED))
    entity: Entity = draw(st.sampled_from(get_args(Entity)))
    own = sorted(set(ATTRIBUTES[searched].values()))
    key = draw(st.sampled_from(own) if entity == "attributes" else KEYS)
    operator, kind = draw(st.sampled_from(operators_of(entity, key))), kind_of(entity, key)
    texts = VERSIONS if kind == "version" and "LIKE" not in operator else TEXTS
    value: Value
    if operator.endswith("NULL"):
        value = None
    elif operator.endswith("IN"):
        value = tuple(draw(st.lists(texts, min_size=1)))
    elif entity == "metrics":
        value = draw(FINITE)
    elif kind in ("number", "time"):
        value = draw(st.integers(-(10**18), 10**18) | FINITE)
    elif kind == "status":
        value = draw(st.sampled_from(["FINISHED", "F%"]))
    else:
        value = draw(texts)
    return searched, Comparison(entity, key, operator, value)


@given(comparisons(), comparisons())
def test_comparisons_come_back_from_their_text(
    first: tuple[Searched, Comparison], second: tuple[Searched, Comparison]
) -> None:
    together = [one for searched, one in (first, second) if searched == first[0]]
    assert parse_filter(format_filter(together), first[0]) == tuple(together)


@given(st.sampled_from(SEARCHED), st.data())
def test_orders_come_back_from_their_text(searched: Searched, data: st.DataObject) -> None:
    entity: Entity = data.draw(st.sampled_from(get_args(Entity)))
    own = sorted(set(ATTRIBUTES[searched].values()))
    key = data.draw(st.sampled_from(own) if entity == "attributes" else KEYS)
    order = Order(entity, key, data.draw(st.booleans()))
    assert parse_order_by([format_order(order)], searched) == (order,)


PIECES = st.sampled_from(
    [
        *("metrics.", "params.", "labels.", "attributes.", "loss", "kind", "`a`b`", "start_time", "run_id", "status"),
        *("version", "number", "stage", "=", "!=", "<", ">=", "LIKE", "ILIKE", "IN", "NOT", "IS", "NULL", "AND", "OR"),
        *("'x'", '"x"', "'", '"', "`", "\\", "('a','b')", "(", ")", ",", ".", "-", "-1.5", "1e3", "1e999", "''"),
        *("'v1.0.0'", "'2026-11-22'", " ", "\n", "\x00", "\u00a0", "\u017f", "\u00df"),
    ]
)


@given(st.lists(PIECES | st.text(ALPHABET, max_size=3), max_size=12), st.sampled_from(SEARCHED))
@example(["params.kind = 'C:\\' AND params.kind = \"'"], "runs")
def test_any_text_is_read_or_refused_and_what_is_read_comes_back(pieces: list[str], searched: Searched) -> None:
    for text in ("".join(pieces), " ".join(pieces)):
        try:
            parsed = parse_filter(text, searched)
        except Refused:
            continue
        assert parse_filter(format_filter(parsed), searched) == parsed
        matches(parsed, Thing())


@given(st.lists(PIECES | st.text(ALPHABET, max_size=3), max_size=6), st.sampled_from(SEARCHED))
def test_any_order_is_read_or_refused(pieces: list[str], searched: Searched) -> None:
    try:
        orders = parse_order_by(["".join(pieces), " ".join(pieces)], searched)
    except Refused:
        return
    assert parse_order_by([format_order(order) for order in orders], searched) == orders


@given(st.text("ab%_\n", max_size=6), st.text("abAB\n", max_size=8))
def test_like_is_sqls(pattern: str, text: str) -> None:
    def like(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "%":
            return like(pattern[1:], text) or (bool(text) and like(pattern, text[1:]))
        return bool(text) and pattern[0] in ("_", text[0]) and like(pattern[1:], text[1:])

    thing = Thing(params={"kind": text})
    assert Comparison("params", "kind", "LIKE", pattern).matches(thing) is like(pattern, text)
    assert Comparison("params", "kind", "ILIKE", pattern).matches(thing) is like(pattern, text.lower())


@given(st.floats(0, 2**32))
def test_a_time_is_equal_to_its_own_text(seconds: float) -> None:
    text = from_seconds(seconds)
    assert holds(f"started = '{text}'", Thing({"started": text}), "runs")
