"""The table of checks: each says what it is, passes on what is good, and blocks or remarks on what is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gitreg.checks
from gitreg.checks import CHECKS, load, run
from gitreg.checks._base import Proposal
from gitreg.errors import NotFound
from testing.proposals import RULES, contents, proposal, pull, texts

BAD: Mapping[str, Callable[[], Proposal]] = {
    "mlmodel": lambda: proposal(texts(contents(), MLmodel=b"flavors: {}\n")),
    "digest": lambda: proposal(contents(digest="sha256:" + "0" * 64)),
    "payloads": lambda: proposal(replace(contents(), payloads=_lost())),
    "large-files": lambda: proposal(git_limit=10),
    "signature": lambda: proposal(current=replace(contents("v1.2.0"), texts={"MLmodel": _NARROW})),
    "metrics": lambda: proposal(contents(measured={"accuracy": 0.2})),
    "requirements": lambda: proposal(texts(contents(), requirements__txt=b"--trusted-host evil\n")),
    "stage-file": lambda: proposal(written=("something else\n",)),
    "order": lambda: proposal(before=None),
    "retired": lambda: proposal(contents(retired=True)),
    "approvals": lambda: proposal(pull=pull()),
    "policy": lambda: proposal(policy_changed=True),
    "signed": lambda: proposal(rules=replace(RULES, require=("signed",))),
}
_NARROW = b"""\
flavors: {python_function: {loader_module: x, model_path: model.pkl}}
signature: {inputs: '[{"type": "string", "name": "region"}]'}
"""


def _lost() -> tuple[object, ...]:
    held = contents().payloads
    assert held
    return tuple(replace(fact, state="missing") for fact in held)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_says_what_it_is(name: str) -> None:
    check = load(name)
    assert check.ABOUT and not check.ABOUT.endswith(".") and "\n" not in check.ABOUT
    assert Path(str(check.__dict__["__file__"])).stem == CHECKS[name] == name.replace("-", "_")


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_passes_on_the_good_proposal(name: str) -> None:
    (result,) = run(proposal(), only=[name]).results
    assert (result.check, result.state) == (name, "warned" if name == "signed" else "passed")
    assert result.about


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_has_something_to_say_of_a_bad_one(name: str) -> None:
    (result,) = run(BAD[name](), only=[name]).results
    assert result.state in {"failed", "warned"}
    assert result.problems and all(problem.text for problem in result.problems)


@pytest.mark.parametrize("name", sorted({*CHECKS} - {"signed"}))
def test_what_only_remarks_blocks_where_it_is_required(name: str) -> None:
    bad = BAD[name]()
    required = replace(bad, rules=replace(bad.rules, require=(*bad.rules.require, name)))
    (result,) = run(required, only=[name]).results
    assert result.state == "failed"
    assert all(problem.blocks for problem in result.problems)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_copes_with_a_stage_that_is_emptied_and_with_a_version_that_is_not_there(name: str) -> None:
    for odd in (proposal(new=b"", candidate=None), proposal(candidate=None, written=()), Proposal("", path="stages/x")):
        run(odd, only=[name])


def test_every_module_of_the_package_is_in_the_table() -> None:
    folder = Path(gitreg.checks.__file__).parent
    assert {path.stem for path in folder.glob("*.py") if path.stem[0] != "_"} == {*CHECKS.values()}


def test_a_name_that_is_no_check() -> None:
    with pytest.raises(NotFound, match="no check colour"):
        run(proposal(), only=["colour"])


def test_a_required_check_that_nobody_knows_fails_by_its_name() -> None:
    report = run(proposal(rules=replace(RULES, require=("colour",))))
    (found,) = [result for result in report.results if result.check == "colour"]
    assert (report.ok, found.state) == (False, "failed")
    assert "production requires colour" in found.problems[0].text


def test_commands_of_the_team_are_results_too() -> None:
    rules = replace(RULES, evaluate="python e.py", checks={"bias": "python b.py", "digest": "true", "new": "true"})
    report = run(proposal(rules=rules, said={"evaluate": (0, "accuracy 0.9"), "bias": (3, "too biased\n")}))
    found = {result.check: result for result in report.results if result.check not in {"digest"}}
    assert (found["evaluate"].state, found["evaluate"].about) == ("passed", "accuracy 0.9")
    assert (
        found["bias"].state == "failed" and "`python b.py` ended with 3: too biased" in found["bias"].problems[0].text
    )
    assert (found["new"].state, found["new"].about) == ("skipped", "not run")
    taken = [result for result in report.results if result.check == "digest"]
    assert [result.state for result in taken] == ["passed", "failed"]
    required = run(proposal(rules=replace(rules, require=("new",))))
    assert [result.state for result in required.results if result.check == "new"] == ["failed"]
    quick = run(proposal(rules=replace(rules, require=("new",)), quick=True))
    assert [result.state for result in quick.results if result.check == "new"] == ["skipped"]


def test_what_is_judged_is_called_by_its_name() -> None:
    assert run(proposal()).subject == "churn v1.3.0 to production"
    assert run(proposal(new=b"", candidate=None)).subject == "churn out of production"
    assert run(Proposal("churn", candidate=contents())).subject == "churn@v1.3.0"
    assert run(Proposal("", path="stages/x.yaml")).subject == "stages/x.yaml"


GOOD = proposal()
TEXTS = sorted(contents().texts)


def spoilt(text: bytes) -> st.SearchStrategy[bytes]:
    """Anything, or the text with a piece of it replaced."""
    cuts = st.tuples(st.integers(0, len(text)), st.integers(0, 40), st.binary(max_size=8))
    return st.binary(max_size=60) | cuts.map(lambda cut: text[: cut[0]] + cut[2] + text[cut[0] + cut[1] :])


@given(spoilt(GOOD.new))
def test_any_stage_file_is_judged_and_only_the_one_that_gitreg_writes_passes(new: bytes) -> None:
    found = run(replace(GOOD, new=new))
    assert found.ok is (new in (GOOD.new, b""))  # without any text the stage is emptied
    json.dumps(found.to_dict())


@given(st.sampled_from(TEXTS).flatmap(lambda name: st.tuples(st.just(name), spoilt(contents().texts[name]))))
def test_any_file_of_a_model_is_judged(changed: tuple[str, bytes]) -> None:
    name, text = changed
    held = contents()
    json.dumps(run(replace(GOOD, candidate=replace(held, texts={**held.texts, name: text}))).to_dict())
