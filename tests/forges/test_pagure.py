"""What a comment on Pagure says; the rest of it is tested on a real one (tests/servers)."""

from __future__ import annotations

import pytest

from gitreg.errors import Unreachable
from gitreg.forges._http import Api
from gitreg.forges.pagure import connect, parse_comment
from gitreg.format.pulls import Review

COMMIT = "5b1f" * 10
WHEN = "1795378709.893816"


def said(text: str, **more: object) -> Review:
    one = {"comment": text, "date_created": WHEN, "user": {"name": "bo"}, "edited_on": None, "filename": None}
    return parse_comment(one | more)


@pytest.mark.parametrize(
    ("text", "verdict", "told"),
    [
        (f":thumbsup: Approved {COMMIT}", "approve", ""),
        (f":thumbsup: Approved {COMMIT}  \r\n\r\nFine.\r\n", "approve", "Fine."),
        (f":thumbsdown: Changes requested {COMMIT}\nWhich data?", "request-changes", "Which data?"),
        (f":thumbsup: Approved {COMMIT + COMMIT[:24]}", "approve", ""),
    ],
)
def test_a_first_line_that_says_so_is_a_verdict(text: str, verdict: str, told: str) -> None:
    found = said(text)
    assert (found.by, found.verdict, found.text, found.at) == ("bo", verdict, told, "2026-11-22T20:18:29.893Z")
    assert found.commit in text and len(found.commit) in (40, 64)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":thumbsup:",
        "+1",
        f":thumbsup: Approved {COMMIT[:12]}",
        f":thumbsup: Approved {COMMIT.upper()}",
        f":thumbsup: Approved {COMMIT} but not really",
        f":thumbsdown: Approved {COMMIT}",
        f"> :thumbsup: Approved {COMMIT}",
        f"Well.\n:thumbsup: Approved {COMMIT}",
        f"\n:thumbsup: Approved {COMMIT}",
    ],
)
def test_any_other_text_is_a_comment(text: str) -> None:
    assert said(text) == Review("bo", "comment", "", "2026-11-22T20:18:29.893Z", text)


def test_what_was_edited_or_is_about_one_line_is_no_verdict() -> None:
    edited = said(f":thumbsup: Approved {COMMIT}\n\nFine.", edited_on=WHEN)
    assert (edited.verdict, edited.commit, edited.text) == ("comment", COMMIT, "Fine.")
    assert edited.broken == "approve, but it was edited"
    assert said(f":thumbsup: Approved {COMMIT}", filename="stages/production/churn.yaml").verdict == "comment"


def test_a_comment_without_a_time_is_no_answer_of_pagure() -> None:
    with pytest.raises(Unreachable, match="date_created"):
        said("hello", date_created=None)
    with pytest.raises(Unreachable, match="date_created"):
        said("hello", date_created="yesterday")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("churn", "churn"),
        ("team/churn", "team/churn"),
        ("forks/bo/team/churn", "fork/bo/team/churn"),
        ("forks", "forks"),
    ],
)
def test_a_fork_has_another_path_in_the_api_than_in_git(path: str, asked: str) -> None:
    api = Api("pagure", "https://pagure.io/api/0", None, ("Authorization", "token {}"))
    assert vars(connect(api, path))["path"] == asked
