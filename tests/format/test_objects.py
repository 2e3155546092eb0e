"""Git's tags and commits, real ones and others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitreg.errors import Damaged
from gitreg.format.objects import parse_commit_object, parse_tag_object
from gitreg.format.times import from_seconds
from testing.gitcli import git

TAG = b"object 1234\ntype commit\ntag churn@v1.0.0\ntagger Ana <a@b> 1700000000 +0000\n\nsubject\n\nA: 1\n"


def test_what_git_wrote_is_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first\n\nbody")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "tag", "-a", "x", "-m", "said", "HEAD")
    tag = parse_tag_object(git(tmp_path, "cat-file", "tag", "x").encode(), "x")
    assert (tag.target, tag.kind, tag.name) == (git(tmp_path, "rev-parse", "HEAD"), "commit", "x")
    assert tag.message == "said"
    assert tag.tagger == "Ana Analyst <ana@example.org>"
    commit = parse_commit_object(git(tmp_path, "cat-file", "commit", "HEAD").encode(), "HEAD")
    assert commit.tree == git(tmp_path, "rev-parse", "HEAD^{tree}")
    assert commit.parents == (git(tmp_path, "rev-parse", "HEAD~"),)
    assert str(commit.when) == git(tmp_path, "show", "-s", "--format=%at")


def test_a_tag_may_have_no_tagger() -> None:
    tag = parse_tag_object(b"object 1\ntype commit\ntag x\n\nsaid\n", "x")
    assert (tag.tagger, tag.when) == ("", 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"object 1\n",
        TAG.replace(b"object", b"objekt"),
        TAG.replace(b"1700000000", b"soon"),
        TAG.replace(b"1700000000", b"9" * 5000),
        TAG.replace(b"1700000000", b"9" * 12),
        TAG.replace(b"1700000000", b"-1"),
        TAG.replace(b"1700000000", "\u0661".encode()),
    ],
)
def test_what_is_no_tag_is_damaged_and_named(content: bytes) -> None:
    with pytest.raises(Damaged, match=r"^churn@v1\.0\.0 is no annotated tag"):
        parse_tag_object(content, "churn@v1.0.0")


@given(st.binary(max_size=80) | st.text("object type tag tagger author <> 0123\n", max_size=80).map(str.encode))
@example(TAG.replace(b"1700000000", b"9" * 11))
@example(b"author A <a> 99999999999 +0000\n\n")
@example(b"\xff\xfe author")
def test_any_bytes_are_an_object_or_damaged(content: bytes) -> None:
    for parse in (parse_tag_object, parse_commit_object):
        try:
            found = parse(content, "it")
        except Damaged:
            continue
        assert from_seconds(found.when)
        assert found.message.encode() is not None
