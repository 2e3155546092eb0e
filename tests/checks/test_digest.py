"""The digest: tag, stage file and SHA256SUMS against each other, and every file against SHA256SUMS."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from gitreg.checks import run
from gitreg.checks._base import Proposal
from testing.proposals import contents, proposal, stage_text, texts


def said(found: Proposal) -> list[str]:
    (result,) = run(found, only=["digest"]).results
    assert all(problem.blocks for problem in result.problems)
    return [problem.text for problem in result.problems]


def test_a_stage_file_that_states_another_digest() -> None:
    other = "sha256:" + "a" * 64
    new = stage_text(contents()).replace(contents().version.digest.encode(), other.encode())
    (text,) = said(proposal(new=new))
    assert text == f"it states the digest {other}, and churn@v1.3.0 has {contents().version.digest}"


def test_a_tag_that_states_another_digest() -> None:
    (text,) = said(proposal(contents(digest="sha256:" + "b" * 64)))
    assert text.startswith(f"SHA256SUMS of churn@v1.3.0 has the digest {contents().version.digest}")


def test_a_model_without_sums() -> None:
    assert said(proposal(texts(contents(), SHA256SUMS=None))) == ["churn@v1.3.0 has no SHA256SUMS"]


def test_a_file_that_is_not_listed_one_that_is_gone_and_one_that_is_another() -> None:
    held = contents()
    more = replace(held, sizes={**held.sizes, "extra.py": 3})
    assert said(proposal(more)) == ["extra.py of churn@v1.3.0 is not listed in SHA256SUMS"]
    gone = replace(held, sizes={path: size for path, size in held.sizes.items() if path != "model.pkl.dvc"})
    assert said(proposal(gone)) == ["model.pkl is listed in SHA256SUMS of churn@v1.3.0 and is not there"]
    other = replace(held, hashes={**held.hashes, "MLmodel": "0" * 64})
    assert said(proposal(other))[0].startswith("MLmodel of churn@v1.3.0 is not what SHA256SUMS lists")


def test_sums_that_cannot_be_read_are_a_problem_and_no_error() -> None:
    held = texts(contents(), SHA256SUMS=b"nonsense\n")
    digest = "sha256:" + hashlib.sha256(b"nonsense\n").hexdigest()
    tag = replace(held.version, digest=digest)
    new = stage_text(contents()).replace(contents().version.digest.encode(), digest.encode())
    (text,) = said(proposal(replace(held, version=tag), new=new))
    assert text.startswith("SHA256SUMS of churn@v1.3.0, line 1")
