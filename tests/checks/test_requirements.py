"""Requirements: lines that pip would not take block, and those that are not pinned are told."""

from __future__ import annotations

import pytest

from gitreg.checks import run
from gitreg.checks._base import Proposal
from testing.proposals import contents, proposal, texts


def said(found: Proposal) -> list[tuple[str, bool]]:
    (result,) = run(found, only=["requirements"]).results
    return [(problem.text, problem.blocks) for problem in result.problems]


def of(text: str) -> Proposal:
    return proposal(texts(contents(), requirements__txt=text.encode()))


@pytest.mark.parametrize(
    "line",
    ["-r other.txt", "--trusted-host x", "git+https://x/y.git", "x @ https://x/y.whl", "${PKG}", "./here", "a b"],
)
def test_a_line_that_is_no_requirement_blocks_with_its_number(line: str) -> None:
    found = said(of(f"cloudpickle==3.1.2\n# a remark\n{line}\nnumpy==2.0\n"))
    assert [blocks for _, blocks in found] == [True]
    assert found[0][0].startswith("requirements.txt, line 3: ")


def test_every_such_line_is_told() -> None:
    assert len(said(of("-r a\n-r b\nx==1\n"))) == 2


@pytest.mark.parametrize("line", ["numpy", "numpy>=2", "numpy==2.*", "numpy>=2,<3", "numpy~=2.1", "numpy!=2.0"])
def test_what_is_not_pinned_is_a_remark(line: str) -> None:
    assert said(of(f"{line}\ncloudpickle==3.1.2\n")) == [
        (f"{line} is not pinned: another release may be installed tomorrow", False)
    ]


def test_what_is_pinned_passes() -> None:
    assert said(of('numpy==2.0\nscipy[all]===1.0; python_version > "3"\n\n# x\n')) == []


def test_conda_tells_where_there_is_no_requirements_file() -> None:
    conda = b"dependencies: [python=3.11, {pip: [numpy==2.0, scipy]}]"
    held = texts(contents(), requirements__txt=None, conda__yaml=conda)
    assert [text for text, _ in said(proposal(held))] == [
        "scipy is not pinned: another release may be installed tomorrow"
    ]
    broken = texts(contents(), requirements__txt=None, conda__yaml=b"dependencies: 3")
    assert said(proposal(broken)) == [("conda.yaml: dependencies is a number, not a list", True)]


def test_a_model_that_does_not_tell_what_it_needs_is_a_remark() -> None:
    assert [blocks for _, blocks in said(proposal(texts(contents(), requirements__txt=None)))] == [False]
