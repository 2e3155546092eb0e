"""The promotion policy: all its mistakes at once, each with its line."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError
from gitreg.format.policy import Gate, Person, Policy, StagePolicy, parse_policy

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
PRINT = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
WHOLE = """\
format: 1
people:
  ana: {emails: [ana@example.org, ana@home.example.org], github: ana-r}
  bo: {emails: [bo@example.org], gitlab: bo, keys: [SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA]}
groups: {ml-leads: [ana, bo]}
stages:
  staging: {}
  production:
    after: staging
    approvals: 2
    approvers: ["@ml-leads"]
    emergency: [ana]
    require: [payloads, signature]
    metrics:
      accuracy: {min: 0.90, not_worse_than_current: 0.005}
      latency_ms: {max: 20}
    evaluate: "python evaluate.py {model_dir}"
    checks: {bias: "python bias.py {model_dir}"}
"""


def test_a_whole_policy() -> None:
    found = parse_policy(WHOLE)
    assert found == Policy(
        people={
            "ana": Person("ana", ("ana@example.org", "ana@home.example.org"), {"github": "ana-r"}),
            "bo": Person("bo", ("bo@example.org",), {"gitlab": "bo"}, (PRINT,)),
        },
        groups={"ml-leads": ("ana", "bo")},
        stages={
            "staging": StagePolicy("staging"),
            "production": StagePolicy(
                "production",
                after="staging",
                approvals=2,
                approvers=("@ml-leads",),
                emergency=("ana",),
                require=("payloads", "signature"),
                gates=(Gate("accuracy", 0.9, None, 0.005), Gate("latency_ms", None, 20, None, "lower")),
                evaluate="python evaluate.py {model_dir}",
                checks={"bias": "python bias.py {model_dir}"},
            ),
        },
    )
    assert found.members(["@ml-leads", "ana"]) == {"ana", "bo"}


def test_nothing_is_a_policy_too() -> None:
    assert parse_policy("format: 1\n") == Policy() == parse_policy("format: 1\npeople:\nstages: {}\n")


def test_who_is_who() -> None:
    found = parse_policy(WHOLE)
    assert found.who("ANA@home.example.org") == "ana"
    assert found.who("eve@example.org") == ""
    assert found.who_logs_in("github", "Ana-R") == "ana"
    assert found.who_logs_in("gitlab", "ana-r") == "" == found.who_logs_in("github", "")
    assert Policy().who("Eve@example.org") == "eve@example.org"


def test_without_a_map_of_people_an_address_is_somebody() -> None:
    found = parse_policy("format: 1\ngroups: {leads: [a@x.org]}\nstages: {prod: {approvers: ['@leads', b@x.org]}}\n")
    assert found.members(found.stages["prod"].approvers) == {"a@x.org", "b@x.org"}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("people: [ana]", "line 1: people: this is a list, not a mapping"),
        ("people:\n  ana: {}", "line 2: people: ana: neither an e-mail address nor a login"),
        ("people:\n  ana: {emails: [nobody]}", "people: ana: emails: 0: 'nobody' is not an e-mail address"),
        ("people:\n  ana: {github: a, keys: [ssh-ed25519 AAAA]}", "'ssh-ed25519 AAAA' is not a public key"),
        (
            f"people:\n  ana: {{github: a, keys: [{PRINT}]}}\n  bo: {{github: b, keys: [{KEY} bo@home]}}",
            "people: bo: keys: SHA256:",
        ),
        ("people:\n  ana: {mail: a@x.org, github: a}", "people: ana: mail: unknown; it may be one of emails, keys"),
        ("people:\n  '@ana': {github: a}", "people: @ana: a name has no @"),
        ("people:\n  a: {github: x}\n  b: {github: X}", "line 3: people: b: github: X is a's already"),
        ("people:\n  a: {emails: [a@x.org]}\n  b: {emails: [A@x.org]}", "people: b: emails: A@x.org is a's already"),
        ("people:\n  a: {github: x}\ngroups: {g: [b]}", "groups: g: 0: 'b' is not one of the people"),
        ("groups: {g: [b]}", "groups: g: 0: 'b' is not an e-mail address (there is no map of people)"),
        ("stages: {production: {after: staging}}", "stages: production: after: there is no stage staging"),
        ("stages:\n  a: {after: b}\n  b: {after: a}", "line 2: stages: a: after: goes round: a after b after a"),
        ("stages: {7: {}}", "stages: 7: the key is a number"),
        ("stages: {latest: {}}", "stages: latest"),
        ("stages: {prod: {}, Prod: {}}", "stages: Prod: differs from prod in case only"),
        ("stages: {p: {approvals: true}}", "stages: p: approvals: this is not a whole number from 0 to 50"),
        ("stages: {p: {approvals: 2, approvers: [a@x.org]}}", "stages: p: approvals: 2 of only 1 approvers"),
        ("stages: {p: {approvers: ['@g']}}", "stages: p: approvers: 0: there is no group g"),
        ("stages: {p: {emergency: [ana]}}", "stages: p: emergency: 0: 'ana' is not an e-mail address"),
        ("stages: {p: {aprovals: 2}}", "stages: p: aprovals: unknown; it may be one of after, approvals"),
        ("stages: {p: {require: [Pay loads]}}", "stages: p: require: 0: 'Pay loads' is not the name of a check"),
        ("stages: {p: {metrics: {a: {}}}}", "stages: p: metrics: a: asks for nothing"),
        ("stages: {p: {metrics: {a: {min: 2, max: 1}}}}", "stages: p: metrics: a: min 2 is more than max 1"),
        ("stages: {p: {metrics: {a: {min: .nan}}}}", "stages: p: metrics: a: min: this is"),
        ("stages: {p: {metrics: {a: {not_worse_than_current: -1}}}}", "a tolerance is 0 or more"),
        ("stages: {p: {metrics: {a: {min: 1, better: up}}}}", "stages: p: metrics: a: better: higher or lower"),
        ("stages: {p: {evaluate: ''}}", "stages: p: evaluate: this is empty"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, mistake: str) -> None:
    with pytest.raises(Damaged) as raised:
        parse_policy(text)
    assert mistake in raised.value.message
    assert raised.value.message.startswith("gitreg.yaml, line ")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines() -> None:
    text = "stages:\n  p:\n    approvals: many\n    after: q\n    metrics:\n      a: {}\n    approvers: [nobody]\n"
    with pytest.raises(Damaged) as raised:
        parse_policy(text)
    lines = raised.value.message.split("\n")
    assert [line.split(":")[0] for line in lines] == [f"gitreg.yaml, line {n}" for n in (3, 4, 6, 7)]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 60) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["ana", "a@x.org", "p", "after", "approvals", "approvers", "metrics", "min", "people", "stages"]
            )
            | st.integers(0, 3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["people", "groups", "stages"]), values, max_size=3))
def test_any_other_text_is_a_policy_or_a_named_error(value: object) -> None:
    try:
        found = parse_policy(yaml.safe_dump(value))
    except GitregError as error:
        assert error.message
    else:
        assert isinstance(found, Policy)
