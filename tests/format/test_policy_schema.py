"""The JSON Schema of the promotion policy, and the parser: both take the same, as far as a schema can tell."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Damaged
from gitreg.format.policy import FORGES, Gate, Person, StagePolicy, parse_policy
from gitreg.format.yamltext import load_yaml

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/gitreg.yaml.json").read_text())

KEY = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
GOOD = [
    "{}",
    "people:\ngroups:\nstages:\n",
    "people: {ana: {emails: [a@x.org], github: ana-r, gitlab: a, gitea: a, pagure: a, keys: [" + KEY + "]}}",
    "people: {ana: {github: ana}}\ngroups: {leads: [ana], nobody: }",
    "groups: {leads: [a@x.org]}\nstages: {p: {approvers: ['@leads', b@x.org], emergency: ['@leads']}}",
    "stages: {staging: , production: {after: staging, approvals: 50, require: [payloads, own-1]}}",
    "stages: {p: {metrics: {accuracy: {min: 0.9, max: 1, not_worse_than_current: 0, better: higher}}}}",
    "stages: {p: {metrics: {'val/f1 (macro)': {max: 3, min: }}}}",
    "stages: {p: {evaluate: 'python e.py {model_dir}', checks: {bias: python b.py}}}",
    "stages: {p: {after: , approvals: , approvers: , emergency: , require: , metrics: , evaluate: , checks: }}",
]
BAD = [
    "people: [ana]",
    "people: {ana: }",
    "people: {ana: {}}",
    "people: {ana: {emails: []}}",
    "people: {ana: {emails: , keys: [k]}}",
    "people: {ana: {emails: [nobody]}}",
    "people: {ana: {emails: [a@x.org, a@x.org]}}",
    "people: {ana: {github: 'a b'}}",
    "people: {ana: {github: 5}}",
    "people: {ana: {github: a, bitbucket: a}}",
    "people: {'@ana': {github: a}}",
    "people: {'a,b': {github: a}}",
    "people: {ana: {github: a, keys: ['']}}",
    "groups: {g: a@x.org}",
    "groups: {g: ['']}",
    "stages: [p]",
    "stages: {latest: }",
    "stages: {v1: }",
    "stages: {'7': }",
    "stages: {run: }",
    "stages: {a b: }",
    "stages: {p: 5}",
    "stages: {p: {aprovals: 1}}",
    "stages: {p: {after: ''}}",
    "stages: {p: {after: 5}}",
    "stages: {p: {approvals: -1}}",
    "stages: {p: {approvals: 51}}",
    "stages: {p: {approvals: true}}",
    "stages: {p: {approvals: '1'}}",
    "stages: {p: {approvers: a@x.org}}",
    "stages: {p: {approvers: [a@x.org, a@x.org]}}",
    "stages: {p: {emergency: [5]}}",
    "stages: {p: {require: [Payloads]}}",
    "stages: {p: {require: [digest, digest]}}",
    "stages: {p: {metrics: [accuracy]}}",
    "stages: {p: {metrics: {a: }}}",
    "stages: {p: {metrics: {a: {}}}}",
    "stages: {p: {metrics: {a: {min: }}}}",
    "stages: {p: {metrics: {a: {better: lower}}}}",
    "stages: {p: {metrics: {a: {min: '1'}}}}",
    "stages: {p: {metrics: {a: {min: true}}}}",
    "stages: {p: {metrics: {a: {min: 1, better: up}}}}",
    "stages: {p: {metrics: {a: {min: 1, least: 1}}}}",
    "stages: {p: {metrics: {a: {not_worse_than_current: -0.1}}}}",
    "stages: {p: {metrics: {' a': {min: 1}}}}",
    "stages: {p: {evaluate: ' '}}",
    "stages: {p: {evaluate: [python]}}",
    "stages: {p: {checks: {Bias: x}}}",
    "stages: {p: {checks: {bias: }}}",
    "stages: {p: {checks: {bias: ''}}}",
    "stages: {p: {checks: [x]}}",
]
BEYOND = [  # what one part says of another: no schema tells that
    "groups: {g: [ana]}",
    "people: {a: {github: x}, b: {github: X}}",
    "stages: {p: {after: q}}",
    "stages: {p: {approvals: 2, approvers: [a@x.org]}}",
    "stages: {p: {approvers: ['@g']}}",
    "stages: {p: {metrics: {a: {min: 2, max: 1}}}}",
    "stages: {p: , P: }",
]


def takes(text: str) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(load_yaml(text, "x"))


@pytest.mark.parametrize("text", GOOD)
def test_both_take_a_good_policy(text: str) -> None:
    whole = "format: 1\n" + text.replace("{}", "")
    parse_policy(whole)
    assert takes(whole)


@pytest.mark.parametrize("text", BAD)
def test_both_refuse_a_bad_one(text: str) -> None:
    with pytest.raises(Damaged):
        parse_policy(f"format: 1\n{text}\n")
    assert not takes(f"format: 1\n{text}\n")


@pytest.mark.parametrize("text", BEYOND)
def test_what_only_the_parser_can_know(text: str) -> None:
    with pytest.raises(Damaged):
        parse_policy(f"format: 1\n{text}\n")
    assert takes(f"format: 1\n{text}\n")


def test_the_schema_knows_every_key_that_the_parser_does_and_tells_what_it_means() -> None:
    known = {name: SCHEMA["$defs"][name]["properties"] for name in ("person", "stage", "gate")}
    assert set(known["person"]) == {*Person.__dataclass_fields__, *FORGES} - {"name", "logins"}
    named = {"gates": "metrics"}
    assert set(known["stage"]) == {named.get(field, field) for field in StagePolicy.__dataclass_fields__} - {"stage"}
    assert set(known["gate"]) == {"min", "max", "not_worse_than_current", "better"}
    assert len(Gate.__dataclass_fields__) == len(known["gate"]) + 1
    assert all(each["description"] for properties in known.values() for each in properties.values())


words = st.sampled_from(["a@x.org", "ana", "@g", "staging", "payloads", "x y", "", " ", "7", "latest", "accuracy"])
plain = st.none() | st.booleans() | st.integers(-2, 60) | st.floats(allow_nan=False, allow_infinity=False) | words
lists = st.lists(words | plain, max_size=3)


def some(**parts: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """A mapping with some of these keys, or anything."""
    return st.fixed_dictionaries({}, optional=parts) | plain


gates = some(min=plain, max=plain, not_worse_than_current=plain, better=st.sampled_from(["higher", "lower", "up"]))
stages = some(
    after=plain, approvals=plain, approvers=lists, emergency=lists, require=lists, evaluate=plain,
    metrics=st.dictionaries(words, gates, max_size=2), checks=st.dictionaries(words, plain, max_size=2),
)  # fmt: skip
people = some(emails=lists, keys=lists, github=plain, pagure=plain, mail=plain)


@given(
    some(
        people=st.dictionaries(words, people, max_size=2), groups=st.dictionaries(words, lists | plain, max_size=2),
        stages=st.dictionaries(words, stages, max_size=2),
    )
)  # fmt: skip
def test_what_the_parser_takes_the_schema_takes(value: object) -> None:
    text = json.dumps({"format": 1, **(value if isinstance(value, dict) else {})})
    try:
        parse_policy(text)
    except Damaged:
        return
    assert takes(text)
