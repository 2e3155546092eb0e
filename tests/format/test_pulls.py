from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitreg.format.pulls import PullRequest, Review, content_of, promotion_branch

FILES = st.dictionaries(st.text(min_size=1, max_size=8), st.none() | st.binary(max_size=8), max_size=4)


@given(FILES, FILES)
def test_a_content_stands_for_these_paths_with_these_bytes_alone(
    ours: dict[str, bytes | None], theirs: dict[str, bytes | None]
) -> None:
    assert (content_of(ours) == content_of(theirs)) == (ours == theirs)


@given(FILES)
def test_a_content_does_not_depend_on_the_order_of_the_files(files: dict[str, bytes | None]) -> None:
    assert content_of(dict(reversed(files.items()))) == content_of(files)


def test_a_content_is_that_of_the_lines_that_sha256sum_writes() -> None:
    # printf '%s  a\ndeleted  b\n' "$(printf x | sha256sum | cut -c-64)" | sha256sum
    assert content_of({"b": None, "a": b"x"}) == (
        "sha256:966c27cf60719563b2099597a6f4e6a5e82db2a2194949aedc9c9cef76c4311f"
    )


def test_a_line_end_in_a_path_forges_no_other_file() -> None:
    two = {"a": None, "b": None}
    assert content_of({"a\ndeleted  b": None}) != content_of(two)
    assert content_of({"a\\ndeleted  b": None}) != content_of({"a\ndeleted  b": None})


def test_each_stage_and_model_has_a_branch_of_its_own() -> None:
    assert promotion_branch("production", "churn") == "promote/production/churn"


def test_json_has_every_key() -> None:
    pull = PullRequest("7", "", "t", "b", "h", "c", "main", "ana", "open", "2026-01-01T00:00:00Z")
    assert pull.to_dict()["url"] is None and pull.to_dict()["merged_commit"] is None
    assert Review("ana", "approve", "c", "2026-01-01T00:00:00Z").to_dict()["signed"] is None
