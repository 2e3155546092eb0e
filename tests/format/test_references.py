"""One grammar to name a model: every form, and nothing but GitregError for anything else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitreg.errors import GitregError, Refused
from gitreg.format.references import (
    Exact,
    Latest,
    Numbered,
    OfLine,
    OfRun,
    Reference,
    Spelling,
    Staged,
    format_reference,
    parse_reference,
)
from gitreg.format.semver import Line, Semver

RUN = "29eddffdb8e24874a95ed75a8a7c17e2"
FORMS = {
    "churn": Reference(Latest("churn")),
    "churn@latest": Reference(Latest("churn", named=True)),
    "churn@v1.3.0": Reference(Exact("churn", Semver(1, 3, 0))),
    "churn@v1.4.0-rc.1": Reference(Exact("churn", Semver(1, 4, 0, ("rc", "1")))),
    "churn@v1": Reference(OfLine("churn", Line(1))),
    "churn@v1.3": Reference(OfLine("churn", Line(1, 3))),
    "churn@v0": Reference(OfLine("churn", Line(0))),
    "churn@7": Reference(Numbered("churn", 7)),
    "churn@production": Reference(Staged("churn", "production")),
    "churn@vault": Reference(Staged("churn", "vault")),
    "models:/churn/7": Reference(Numbered("churn", 7), Spelling.MODELS),
    "models:/churn/latest": Reference(Latest("churn", by_number=True, named=True), Spelling.MODELS),
    "models:/churn@production": Reference(Staged("churn", "production"), Spelling.MODELS),
    f"run:{RUN}": Reference(OfRun(RUN)),
    "run:29edd": Reference(OfRun("29edd")),
    f"run:{RUN}/model": Reference(OfRun(RUN, "model")),
    f"run:{RUN}/a/b c": Reference(OfRun(RUN, "a/b c")),
    f"runs:/{RUN}/model": Reference(OfRun(RUN, "model"), Spelling.RUNS),
    f"runs:/{RUN}": Reference(OfRun(RUN), Spelling.RUNS),
}


@pytest.mark.parametrize("text", FORMS)
def test_a_form_is_read_and_written_the_same(text: str) -> None:
    assert parse_reference(text) == FORMS[text]
    assert format_reference(FORMS[text]) == str(FORMS[text]) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "churn@",
        "@v1",
        "churn@@v1",
        "churn@0",
        "churn@07",
        "churn@1234567890",
        "churn@v01",
        "churn@v1.2.3.4",
        "churn@v1.2.3+b",
        "churn@v1.2.3!",
        "churn@v1 ",
        " churn",
        "churn/7",
        "churn:7",
        "churn@1.2.3",
        "churn@greatest",
        "churn@a/b",
        "churn@a b",
        "churn#production",
        "run/x",
        "run@v1",
        "con@v1",
        "churn@v1.x",
        "models:/",
        "models:/churn",
        "models:/churn/",
        "models:/churn/0",
        "models:/churn/v1",
        "models:/churn/Production",
        "models:/churn/7/x",
        "models:/churn@",
        "models:/@x",
        "models:/churn@7",
        "models:/churn@v1",
        "models://churn/7",
        "run:",
        "run:/",
        "run:x/",
        "run:x//y",
        "run:x/../y",
        "run:x/.git",
        "runs:/",
        "runs:/x/",
        "runs:x/y",
        "runs://x",
        "https://example.org/x",
        "churn@v٣",
        "churn@٣",
        "ch\ud800",
        "churn\n",
        "churn@v1\n",
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_reference(text)
    assert refused.value.hint


@given(st.text(max_size=40) | st.text("churn@v1.30-/:#!ls \n", max_size=24))
@example("models:/churn/LATEST")
def test_any_text_is_a_reference_that_is_written_back_or_refused(text: str) -> None:
    try:
        found = parse_reference(text)
    except GitregError:
        return
    assert parse_reference(format_reference(found)) == found
    assert format_reference(found).lower() == text.lower()


def test_what_may_name_another_version_tomorrow_is_known() -> None:
    moving = {text for text, reference in FORMS.items() if reference.moves}
    assert moving == {
        *("churn", "churn@latest", "churn@v1", "churn@v1.3", "churn@v0", "churn@production", "churn@vault"),
        *("models:/churn/latest", "models:/churn@production"),
    }
