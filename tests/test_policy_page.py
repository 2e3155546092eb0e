"""docs/policy.md is true: its example is a policy, and it tells of every check and every key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import yaml

from gitreg.checks import CHECKS
from gitreg.checks.approvals import SIGNED
from gitreg.format.config import parse_config
from gitreg.format.policy import Gate, parse_policy

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "policy.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SCHEMA = json.loads((DOCS / "schema/gitreg.yaml.json").read_text())


def rows(heading: str) -> list[str]:
    """What stands in the first column of the table below a heading."""
    _, _, below = PAGE.partition(f"\n{heading}\n")
    table = re.split(r"\n#+ ", below)[0]
    names = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", table, re.MULTILINE)
    return [name for cell in names for name in re.findall(r"`(.*?)`", cell)]


def test_the_example_is_a_policy() -> None:
    found = parse_policy(EXAMPLE)
    assert parse_config(EXAMPLE).unknown == ()
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(EXAMPLE))
    production = found.stages["production"]
    assert found.members(production.approvers) == {"ana", "bo", "cy"}
    assert production.gates == (Gate("accuracy", 0.9, None, 0.005), Gate("latency_ms", None, 20, None, "lower"))
    assert {*production.require} <= {*CHECKS}


def test_every_check_is_told_of_in_the_order_in_which_it_is_run() -> None:
    assert rows("## Checks") == list(CHECKS)
    assert SIGNED in CHECKS


def test_every_key_is_told_of() -> None:
    assert set(rows("## Stages")) == set(SCHEMA["$defs"]["stage"]["properties"])
    assert set(rows("## People")) == set(SCHEMA["$defs"]["person"]["properties"])
    assert all(f"`{key}" in PAGE for key in SCHEMA["$defs"]["gate"]["properties"])
