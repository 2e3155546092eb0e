"""A model's card: facts for programs, prose for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.card import Card, card_path, format_card, parse_card

TEXT = """\
---
title: Who leaves us?
description: Churn within 30 days
tags:
  team: risk
owners:
- ann@example.com
- bob
---

# Churn

Trained weekly.
"""

texts = st.text(st.characters(codec="utf-8"), max_size=12)
prose = texts.map(lambda text: text.replace("\r", "\n").removeprefix("\ufeff"))
cards = st.builds(
    Card,
    title=texts,
    description=texts,
    tags=st.dictionaries(texts | st.sampled_from(["title", "tags"]), texts, max_size=3),
    owners=st.lists(texts, max_size=3).map(tuple),
    prose=prose | st.sampled_from(["---", "---\n", "---\na\n---\n", "...\n", "\n", "\n\n---\n"]),
    extra=st.dictionaries(texts.map(lambda key: "x" + key), st.integers() | st.lists(texts, max_size=2), max_size=2),
)


def test_the_text_is_the_one_published() -> None:
    card = Card(
        title="Who leaves us?",
        description="Churn within 30 days",
        tags={"team": "risk"},
        owners=("ann@example.com", "bob"),
        prose="# Churn\n\nTrained weekly.\n",
    )
    assert parse_card(TEXT) == card
    assert format_card(card) == TEXT


@given(cards)
def test_a_card_is_read_back(card: Card) -> None:
    text = format_card(card)
    assert parse_card(text) == card
    assert format_card(parse_card(text)) == text


def test_a_card_without_facts_is_its_prose() -> None:
    assert parse_card("# Churn\n") == Card(prose="# Churn\n")
    assert format_card(Card(prose="# Churn\n")) == "# Churn\n"
    assert parse_card("") == Card()
    assert format_card(Card()) == ""


def test_line_ends_of_windows_and_a_byte_order_mark_make_no_difference() -> None:
    assert parse_card("\ufeff" + TEXT.replace("\n", "\r\n")) == parse_card(TEXT)


def test_facts_that_look_like_numbers_stay_text() -> None:
    card = parse_card("---\ntitle: 2020\ntags: {tier: 1, beta: yes}\nowners: [007]\nother: 1\n---\n")
    assert card == Card(title="2020", tags={"tier": "1", "beta": "yes"}, owners=("007",), extra={"other": 1})


def test_tags_may_be_words() -> None:
    assert parse_card("---\ntags: [risk, eu]\n---\n").tags == {"risk": "", "eu": ""}


def test_accents_stay_readable() -> None:
    assert "title: Café\n" in format_card(Card(title="Café"))


def test_where_it_lies() -> None:
    assert card_path("churn") == "models/churn.md"
    with pytest.raises(Refused):
        card_path("../churn")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("---\ntitle: x\n", "m.md: the line of dashes that ends its facts is missing"),
        ("---", "m.md: the line of dashes that ends its facts is missing"),
        ("---\n- a\n---\n", "m.md is a list, not a mapping"),
        ("---\ntitle: [a]\n---\n", "m.md: title is a list, not text"),
        ("---\nowners: ann\n---\n", "m.md: owners is text, not a list"),
        ("---\ntags: 5\n---\n", "m.md: tags is text, not a mapping"),
        ("---\ntags: {a: {b: c}}\n---\n", "m.md: tags: a is a mapping, not text"),
        ("---\ntitle: a\ntitle: b\n---\n", "m.md, line 3: the key 'title' stands twice"),
        ("---\na: &a 1\n---\n", "m.md, line 2: anchors and aliases are not accepted"),
        ("---\na: b: c\n---\n", "m.md, line 2: not valid YAML"),
    ],
)
def test_a_wrong_card_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(Damaged) as caught:
        parse_card(text, "m.md")
    assert caught.value.message.startswith(says)


@given(st.text() | st.text("-\n: a#'\"", max_size=30).map(lambda text: "---\n" + text))
def test_any_text_is_a_card_or_an_error_of_ours(text: str) -> None:
    try:
        card = parse_card(text)
    except GitregError:
        return
    assert parse_card(format_card(card)) == card


def test_a_key_is_not_given_twice() -> None:
    with pytest.raises(Refused, match="title is given twice"):
        format_card(Card(title="a", extra={"title": "b"}))
