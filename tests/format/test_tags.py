"""The names of gitreg's tags, apart and together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.format.semver import Semver
from gitreg.format.tags import (
    NumberTag,
    RecordTag,
    RetireTag,
    RunTag,
    TagName,
    VersionTag,
    format_tag_name,
    number_ref,
    parse_tag_name,
    retire_ref,
    run_ref,
    tag_ref,
    version_ref,
)
from testing.gitcli import git

NAMES: dict[str, TagName] = {
    "run/29eddff": RunTag("29eddff"),
    "churn@v1.3.0": VersionTag("churn", Semver(1, 3, 0)),
    "churn@v1.4.0-rc.1": VersionTag("churn", Semver(1, 4, 0, ("rc", "1"))),
    "churn@7": NumberTag("churn", 7),
    "churn@v1.3.0!": RetireTag("churn", Semver(1, 3, 0)),
    "churn@v1.4.0-rc.1!": RetireTag("churn", Semver(1, 4, 0, ("rc", "1"))),
    "churn#production#3": RecordTag("churn", "production", 3),
    "churn#production!#4": RecordTag("churn", "production", 4, emptied=True),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_and_written_the_same(name: str) -> None:
    assert parse_tag_name(name) == NAMES[name]
    assert format_tag_name(NAMES[name]) == name
    assert git(".", "check-ref-format", tag_ref(NAMES[name])) == ""


@pytest.mark.parametrize(
    "name",
    [
        "",
        "v1.0.0",
        "churn",
        "churn@",
        "churn@v1",
        "churn@v1.2",
        "churn@0",
        "churn@01",
        "churn@7!",
        "churn@v1.0.0!!",
        "churn@v1.0.0+b",
        "run@v1.0.0",
        "run/",
        "run/a/b",
        "run/a.b",
        "churn#production",
        "churn#v1#1",
        "churn#a#0",
        "a/b@v1.0.0",
        "churn@v1.0.0\n",
        "churn@!",
        "con@v1.0.0",
        "churn##1",
        "churn@1234567890",
    ],
)
def test_a_tag_of_somebody_else_is_nothing_of_gitreg(name: str) -> None:
    assert parse_tag_name(name) is None


@given(st.text(max_size=30) | st.text("runchv1.0@#!/-_\n", max_size=20))
def test_any_name_is_none_or_written_back(name: str) -> None:
    found = parse_tag_name(name)
    assert found is None or format_tag_name(found) == name


def test_refs_are_below_refs_tags() -> None:
    v1 = Semver(1, 0, 0)
    assert run_ref("x") == "refs/tags/run/x"
    assert version_ref("churn", v1) == "refs/tags/churn@v1.0.0"
    assert number_ref("churn", 2) == "refs/tags/churn@2"
    assert retire_ref("churn", v1) == "refs/tags/churn@v1.0.0!"
