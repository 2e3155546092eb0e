"""Events of pull requests: what is written is read back."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.format.events import Event, format_event, parse_event, pull_refs

OID = st.from_regex(r"[0-9a-f]{40}", fullmatch=True)
LINE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=30)
FACT = st.one_of(st.just(""), LINE)
PROSE = st.text(st.characters(codec="utf-8"), max_size=300)


def told(text: str) -> str:
    """As prose is kept: no white space at the ends of lines, no empty line at either end."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip("\n")


@given(
    st.sampled_from(["opened", "updated"]), LINE.filter(bool), PROSE, OID, LINE.filter(bool), LINE.filter(bool)
)  # fmt: skip
def test_what_is_proposed(kind: str, title: str, text: str, head: str, branch: str, base: str) -> None:
    event = Event(kind, title, text, head, branch, base)  # type: ignore[arg-type]  # one of the kinds
    try:
        written = format_event(event)
    except Refused:  # the header of a signature, or a control character
        assume(False)
        return
    assert parse_event(written) == Event(kind, title, told(text), head, branch, base)  # type: ignore[arg-type]  # as above


@given(
    st.sampled_from(["commented", "approved", "changes-requested", "merged", "closed"]), PROSE, FACT, FACT,
    st.one_of(st.just(""), OID), FACT,
)  # fmt: skip
def test_what_is_said(kind: str, text: str, content: str, digest: str, merged: str, emergency: str) -> None:
    facts = {"content": content, "digest": digest, "merged": merged, "emergency": emergency}
    event = Event(kind, text=text, **facts)  # type: ignore[arg-type]  # one of the kinds
    try:
        written = format_event(event)
    except Refused:
        assume(False)
        return
    assert parse_event(written) == Event(kind, text=told(text), **facts)  # type: ignore[arg-type]  # as above


@given(st.text(max_size=400))
def test_any_text_is_an_event_or_a_named_error(text: str) -> None:
    try:
        parse_event(text, "its event")
    except GitregError as error:
        assert error.message


@pytest.mark.parametrize("key", ["Head", "Merged"])
@pytest.mark.parametrize("value", ["main", "--output=/srv/models.git/hooks/pre-receive", "a" * 41])
def test_a_commit_is_named_by_its_id_alone(key: str, value: str) -> None:
    with pytest.raises(Damaged, match=f"its event: Gitreg-{key} is '{value}', and no commit"):
        parse_event(f"merged\n\nGitreg-Format: 1\nGitreg-Event: merged\nGitreg-{key}: {value}\n", "its event")


@pytest.mark.parametrize("title", ["opened", "merged", "x" * 300, "two\nlines  and\ttabs"])
def test_a_title_is_one_line_of_at_most_200_characters(title: str) -> None:
    assert parse_event(format_event(Event("opened", title))).title == " ".join(title.split())[:200]


def test_the_text_of_an_event() -> None:
    event = Event("approved", text="Good.", head="a" * 40, content="sha256:" + "b" * 64)
    assert format_event(event) == (
        f"approved\n\nGood.\n\nGitreg-Format: 1\nGitreg-Event: approved\nGitreg-Head: {'a' * 40}\n"
        f"Gitreg-Content: sha256:{'b' * 64}\n"
    )


def test_what_is_no_event() -> None:
    with pytest.raises(Unsupported, match="pull request 3"):
        parse_event("commented\n\nGitreg-Format: 2\nGitreg-Event: commented\n", "pull request 3")
    with pytest.raises(Damaged, match="'praised' is no event"):
        parse_event("x\n\nGitreg-Format: 1\nGitreg-Event: praised\n")
    with pytest.raises(Damaged):
        parse_event("hello\n")
    with pytest.raises(Refused):
        format_event(Event("commented", text="x\n-----BEGIN SSH SIGNATURE-----"))


@pytest.mark.parametrize("number", ["1", "999999999", "draft-0123456789ab"])
def test_refs(number: str) -> None:
    assert pull_refs(number) == (f"refs/gitreg/pulls/{number}/head", f"refs/gitreg/pulls/{number}/meta")


@pytest.mark.parametrize("number", ["", "0", "01", "-1", "1/..", "draft-", "draft-XYZ", "one", "1 ", "9" * 10])
def test_what_is_no_number(number: str) -> None:
    with pytest.raises(Damaged, match="is not the number of a pull request"):
        pull_refs(number)
