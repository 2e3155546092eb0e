"""Large files: against the limits of gitreg.yaml, and by their names."""

from __future__ import annotations

from dataclasses import replace

from gitreg.checks import run
from gitreg.checks._base import Proposal
from testing.proposals import contents, proposal


def said(found: Proposal) -> list[str]:
    (result,) = run(found, only=["large-files"]).results
    assert not any(problem.blocks for problem in result.problems)
    return [problem.text for problem in result.problems]


def of(**sizes: int) -> Proposal:
    """A model with these files in Git."""
    return proposal(replace(contents(), sizes={path.replace("__", "."): size for path, size in sizes.items()}))


def test_each_file_over_the_limit_is_told_the_largest_first() -> None:
    found = replace(of(a__txt=2000, b__txt=5000, c__txt=1000), git_limit=1000)
    assert said(found) == [
        "b.txt has 5,000 bytes in Git; the limit is 1000",
        "a.txt has 2,000 bytes in Git; the limit is 1000",
    ]


def test_a_payload_by_its_name_is_told_whatever_its_size() -> None:
    assert said(of(model__pkl=3)) == ["model.pkl is a payload by its name, and in Git"]


def test_all_together_have_a_limit_and_mlmodel_has_none() -> None:
    assert said(replace(of(a__txt=600, b__txt=600), model_limit=1024)) == [
        "the model has 1,200 bytes in Git; the limit is 1KiB"
    ]
    assert said(of(MLmodel=50 << 20)) == []
