"""Payloads: what the pointers say, and what the store says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitreg.checks import run
from gitreg.checks._base import PayloadFact, Proposal
from testing.proposals import RULES, contents, proposal, texts


def said(found: Proposal) -> list[tuple[str, bool]]:
    (result,) = run(found, only=["payloads"]).results
    return [(problem.text, problem.blocks) for problem in result.problems]


@pytest.mark.parametrize(
    ("state", "why", "text", "blocks"),
    [
        ("missing", "missing", "the payload model.pkl (1,000 bytes, md5 ", True),
        ("wrong", "of 3 bytes, not 1000", "the payload model.pkl in the payload store is of 3 bytes, not 1000", True),
        ("unknown", "no route", "nobody could tell whether model.pkl is in the payload store: no route", False),
    ],
)
def test_what_the_store_says(state: str, why: str, text: str, blocks: bool) -> None:
    held = contents()
    assert held.payloads
    fact = replace(held.payloads[0], state=state, why=why)  # type: ignore[arg-type]  # one of the states
    ((found, blocking),) = said(proposal(replace(held, payloads=(fact,))))
    assert found.startswith(text) and blocking is blocks


def test_a_store_that_was_not_asked_blocks_only_where_payloads_are_required() -> None:
    unasked = replace(contents(), payloads=None)
    assert said(proposal(unasked)) == []
    required = proposal(unasked, rules=replace(RULES, require=("payloads",)))
    assert said(required) == [("the payload store was not asked", True)]
    assert said(replace(required, quick=True)) == []  # a hook cannot ask


def test_pointers_have_to_be_pointers() -> None:
    broken = texts(contents(), model__pkl__dvc=b"outs:\n- md5: x.dir\n")
    ((text, blocks),) = said(proposal(broken))
    assert "model.pkl.dvc of churn@v1.3.0" in text and blocks
    other = contents().texts["model.pkl.dvc"].replace(b'"model.pkl"', b'"other.pkl"')
    ((text, blocks),) = said(proposal(texts(contents(), model__pkl__dvc=other)))
    assert text == "model.pkl.dvc of churn@v1.3.0 is a pointer to 'other.pkl', another file" and blocks


def test_payloads_are_counted() -> None:
    many = tuple(PayloadFact(f"{n}.pkl", 500, "0" * 64, "0" * 32, "there") for n in range(3))
    (result,) = run(proposal(replace(contents(), payloads=many)), only=["payloads"]).results
    assert result.about == "3 payloads, 1,500 bytes"
