"""Trailers: what stands at the end of a message, and that nothing in it can forge another."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.trailers import Message, clean_prose, cut_signature, format_message, parse_message, parse_trailers

SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"
keys = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
values = st.text(max_size=20)
prose = st.text(max_size=60) | st.text("abc:\n -", max_size=60)


def test_the_last_paragraph_is_the_block() -> None:
    text = "churn v1.0.0\n\nGitreg-Number: 9\n\nGitreg-Number: 1\nGitreg-Path: model\n"
    assert parse_trailers(text) == {"Gitreg-Number": "1", "Gitreg-Path": "model"}
    assert parse_message(text).body == "Gitreg-Number: 9"


@pytest.mark.parametrize("header", ["SSH SIGNATURE", "PGP SIGNATURE", "PGP MESSAGE", "SIGNED MESSAGE"])
def test_the_block_is_found_before_a_signature(header: str) -> None:
    text = f"churn v1.0.0\n\nA: 1\n-----BEGIN {header}-----\n\nA: 2\n-----END {header}-----\n"
    assert parse_trailers(text) == {"A": "1"}


def test_the_last_signature_header_cuts() -> None:
    forged = f"s\n\nA: 1\n{SIGNATURE}\nA: 2\n{SIGNATURE}"
    assert parse_trailers(forged) == {"A": "2"}
    assert cut_signature("no signature") == "no signature"


@pytest.mark.parametrize(
    "text", ["", "\n", "subject", "subject\n\nprose\n", "s\n\nA: 1\nnot a trailer\n", "s\n\nä: 1\n", "A b: 1"]
)
def test_a_message_may_end_without_a_block(text: str) -> None:
    assert parse_trailers(text) is None
    with pytest.raises(Damaged):
        parse_message(text)


@pytest.mark.parametrize(
    "text", ["s\n\nA: 1\nA: 2\n", "s\n\nA: \x00\n", "s\n\nA: a\rB: 2\n", "s\n\nA: \t\n", "s\n\nA: \u2028\n"]
)
def test_a_block_with_a_key_twice_or_a_control_character_is_damaged(text: str) -> None:
    with pytest.raises(Damaged):
        parse_trailers(text)


@given(st.text(min_size=1, max_size=20), prose, st.dictionaries(keys, values, max_size=3))
@example("s", "", {"A": " two  spaces "})
@example("s", "A: 1", {"A": ""})
@example("s", "x\n-----BEGIN PGP SIGNATURE-----", {"A": "1"})
@example("s", "half \ud800", {"A": "1"})
@example(" ", "", {"A": "1"})
def test_a_message_is_read_back_as_it_was_written_or_refused(subject: str, body: str, trailers: dict[str, str]) -> None:
    message = Message(subject, body, trailers)
    try:
        text = format_message(message)
    except Refused:
        return
    assert parse_message(text) == message
    assert text.encode()
    assert parse_message(text + SIGNATURE) == message


@given(prose)
def test_cleaned_prose_stays_as_it_is(text: str) -> None:
    try:
        cleaned = clean_prose(text)
    except Refused:
        return
    assert clean_prose(cleaned) == cleaned
    assert parse_message(format_message(Message("s", cleaned, {"A": "1"}))).body == cleaned


@given(st.text(max_size=80) | st.text("A:b \n-", max_size=40))
def test_any_text_has_trailers_or_none_or_is_damaged(text: str) -> None:
    for parse in (parse_trailers, parse_message):
        try:
            parse(text)
        except GitregError as error:
            assert isinstance(error, Damaged)
