from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Damaged, Unsupported
from gitreg.format.record import Approval, Record, format_record, parse_record
from gitreg.format.tags import RecordTag, format_tag_name, parse_tag_name

TAG = RecordTag("churn", "production", 3)
GOLDEN = """\
churn production 3: v1.3.0

It is better.

In every way.

Gitreg-Format: 1
Gitreg-Version: v1.3.0
Gitreg-Digest: sha256:4d37
Gitreg-Before: v1.2.0
Gitreg-Merge: 5b1f
Gitreg-Pull: 12
Gitreg-Requested: Ben <ben@example.org>
Gitreg-Approved: [{"at": "2026-11-22T14:00:00.000Z", "by": "ana-r", "signed": "SHA256:k", "who": "ana"}]
Gitreg-Emergency: none
"""
RECORD = Record(
    TAG, "v1.3.0", "sha256:4d37", "v1.2.0", "5b1f", "12", "Ben <ben@example.org>",
    (Approval("ana", "ana-r", "2026-11-22T14:00:00.000Z", "SHA256:k"),), "", "It is better.\n\nIn every way.",
)  # fmt: skip


def test_a_record_is_written_like_this() -> None:
    assert format_record(RECORD) == GOLDEN
    assert parse_record(GOLDEN, TAG) == RECORD


def test_an_emptied_stage_runs_none() -> None:
    tag = RecordTag("churn", "production", 4, emptied=True)
    text = format_record(Record(tag, "", "", "v1.3.0", "5b1f"))
    assert text.split("\n")[:5] == [
        "churn production 4: emptied", "", "Gitreg-Format: 1", "Gitreg-Version: none", "Gitreg-Digest: none",
    ]  # fmt: skip
    assert parse_record(text, tag) == Record(tag, "", "", "v1.3.0", "5b1f")
    assert parse_tag_name(format_tag_name(tag)) == tag


# What stands in a line of a trailer; "none" is the word for nothing.
line = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20).filter(
    lambda text: text != "none"
)
words = st.text("ab :-\"'é=", min_size=1, max_size=20).map(str.strip).filter(bool)
prose = st.lists(words, max_size=3).map("\n\n".join)
approvals = st.lists(st.builds(Approval, st.text(), st.text(), st.text(), st.text()), max_size=3).map(tuple)
records = st.builds(
    Record, st.builds(RecordTag, st.just("churn"), st.just("production"), st.integers(1, 10**8), st.booleans()),
    line, line, line, line, line, line, approvals, line, prose,
)  # fmt: skip


@given(records)
def test_what_is_written_is_read_back(record: Record) -> None:
    assert parse_record(format_record(record), record.tag) == record


@given(prose)
def test_no_reason_forges_a_fact(why: str) -> None:
    forged = f"{why}\n\nGitreg-Emergency: nobody\nGitreg-Approved: []".strip()
    record = Record(TAG, "v1.3.0", "d", "", "5b1f", why=forged)
    assert parse_record(format_record(record), TAG) == record


@pytest.mark.parametrize("text", ["Assigning stage production to v1.3.0\n", "x\n\nSigned-off-by: a\n", ""])
def test_a_tag_of_gto_s_tells_no_more_than_its_name(text: str) -> None:
    assert parse_record(text, TAG) == Record(TAG, "", "", "", "")


def test_a_newer_format_and_broken_approvals_are_named() -> None:
    with pytest.raises(Unsupported, match="churn#production#3"):
        parse_record(GOLDEN.replace("Format: 1", "Format: 2"), TAG)
    for broken in ("[", "{}", "[1]", "[" * 5000):
        with pytest.raises(Damaged, match="Gitreg-Approved"):
            parse_record(GOLDEN.replace('[{"at"', broken + ' [{"at"'), TAG)


def test_json_has_every_key() -> None:
    assert Approval("ana", "ana-r", "2026-11-22T14:00:00.000Z").to_dict() == {
        "who": "ana", "by": "ana-r", "at": "2026-11-22T14:00:00.000Z", "signed": None,
    }  # fmt: skip
