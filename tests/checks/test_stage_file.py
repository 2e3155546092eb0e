"""The stage file: its place, what it says, and that it is written as gitreg writes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitreg.checks import run
from gitreg.checks._base import Problem, Proposal
from gitreg.format.policy import Policy
from testing.proposals import PATH, contents, proposal, stage_text


def said(found: Proposal) -> list[Problem]:
    (result,) = run(found, only=["stage-file"]).results
    return list(result.problems)


def spoilt(old: str, new: str) -> Proposal:
    """The good stage file with one text replaced."""
    text = stage_text(contents()).decode()
    assert old in text
    return proposal(new=text.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ("number: 130", "number: 7", 5, "its number is 7, and that of churn@v1.3.0 is 130"),
        ("run: run-130", "run: other", 6, "its run is other, and that of churn@v1.3.0 is run-130"),
        ("accuracy: 0.93", "accuracy: 0.99", 10, "'  accuracy: 0.99', not '  accuracy: 0.93'"),
        ("==1.9.1", "==1.9.2", 19, "'  - scikit-learn==1.9.2', not '  - scikit-learn==1.9.1'"),
        ("stage: production", "stage: staging", 2, f"{PATH} speaks of churn in staging"),
        ("version: v1.3.0", "version: v1.3.9", 4, "it names v1.3.9, and churn@v1.3.0 was asked for"),
        ("format: 1", "format: 9", 0, "has format 9; this gitreg reads up to format 1"),
        ("number: 130", "number: many", 0, "number is"),
    ],
)
def test_what_is_wrong_is_told_on_its_line(old: str, new: str, line: int, text: str) -> None:
    found = said(spoilt(old, new))
    assert text in found[0].text
    assert (found[0].path, found[0].line, found[0].blocks) == (PATH, line, True)


def test_more_and_less_than_gitreg_writes_is_wrong_too() -> None:
    text = stage_text(contents())
    assert "it is not what gitreg writes" in said(proposal(new=text + b"# checked by ana\n"))[0].text
    assert "it is not what gitreg writes" in said(proposal(new=text.replace(b"\n", b"\r\n")))[0].text
    assert said(proposal(new=text[:-1])) != []


def test_any_of_the_texts_that_are_accepted_will_do() -> None:
    text = stage_text(contents())
    assert said(proposal(written=("another", text.decode()))) == []
    assert "do not tell what its stage file is" in said(proposal(written=()))[0].text


def test_a_version_that_is_not_there() -> None:
    gone = proposal(candidate=None, new=stage_text(contents()), written=())
    assert said(replace(gone, candidate=None))[0].text == "there is no version churn@v1.3.0"
    fault = Problem("churn has no version v1.3.0", "there is v1.0.0", PATH, 4)
    assert said(replace(gone, candidate=None, faults=(fault,))) == [fault]


def test_stages_that_the_policy_does_not_list_are_refused_where_it_lists_any() -> None:
    other = proposal(policy=Policy(stages={"staging": proposal().rules}))
    assert said(other)[0].text == "gitreg.yaml has no stage production; there is staging"
    assert said(proposal(policy=Policy())) == []
    assert said(replace(other, new=b"", candidate=None)) == []  # what nobody lists may be taken away


@pytest.mark.parametrize(
    ("path", "blocks"),
    [("stages/x.yaml", True), ("stages/a/b/c.yaml", True), ("stages/a/churn.yml", True), ("stages/a/README.md", False)],
)
def test_a_file_at_a_wrong_place(path: str, blocks: bool) -> None:
    (problem,) = said(Proposal("", path=path, new=b"x"))
    assert (problem.blocks, "nothing reads it" in problem.text) == (blocks, True)


def test_an_emptied_stage_is_no_problem() -> None:
    assert said(proposal(new=b"", candidate=None)) == []
