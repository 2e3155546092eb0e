"""What MLflow takes and finds, we take and find: its own answers are recorded in filters_mlflow.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitreg.errors import Refused
from gitreg.format.filter_keys import ORDERED, Searched
from gitreg.format.filters import (
    Comparison,
    format_filter,
    format_order,
    matches,
    parse_filter,
    parse_order_by,
    sort,
)
from testing.warm import Run

HERE = Path(__file__).parent
TABLE: dict[str, Any] = json.loads((HERE / "filters_mlflow.json").read_text(encoding="utf-8"))

# Refused here on purpose, with MLflow's answer.
NARROWER = {
    # A single text and a list are never equal: MLflow finds nothing with =, and everything with !=.
    ("runs", "run_id = ('x', 'y')"),
    ("runs", "run_id != ('x', 'y')"),
    ("runs", "run_id = ('a1')"),
    ("runs", "run_id != ('a1')"),
    ("versions", "name = ('x', 'y')"),
    ("versions", "name != ('x', 'y')"),
    ("versions", "run_id = ('x', 'y')"),
    ("versions", "run_id != ('x', 'y')"),
    ("models", "name = ('x', 'y')"),
    ("models", "name != ('x', 'y')"),
    # A forgotten comma: MLflow looks for 'a1b2', for it reads the list as Python does.
    ("runs", "run_id IN ('a1' 'b2')"),
    ("runs", "run_id IN (('a1'))"),
    # A key that no run can have: it is empty, begins with a blank, or has quotes inside.
    ("runs", "params. kind = 'Tree'"),
    ("runs", "params. = 'x'"),
    ("runs", "params.`` = 'x'"),
    ("runs", "params.`a`.`b` = 'x'"),
    ("runs", "params.\"a\".b = 'x'"),
    ("runs", "params.a.\"b\" = 'x'"),
    # Whether this quote closes depends, for MLflow, on what follows it.
    ("runs", "params.quote = 'x\\'"),
    # An Arabic digit.
    ("runs", "metrics.accuracy > \u0663"),
}

# Taken here and refused by MLflow.
WIDER = {
    # Numbers as Python and JSON print them.
    ("runs", "metrics.accuracy > 1e+3"),
    ("runs", "metrics.loss < .5e3"),
    ("runs", "metrics.loss < 1.e3"),
    # Keys that SQL reads as words or numbers of its own.
    ("runs", "metrics.1 > 1"),
    ("runs", "params.1 = 'one'"),
    ("runs", "params.in = 'x'"),
    ("runs", "tags.in = 'inside'"),
    # Blanks.
    ("runs", "params.max_depth IS NOT  NULL"),
    ("runs", "   "),
    ("runs", "\n"),
    # A missing AND, where the parser behind MLflow loses count of its tokens.
    ("runs", "run_id IN ('a1') run_id IN ('b2')"),
    # Attributes of ours.
    ("runs", "name = 'none'"),
    ("runs", "started > 1000"),
    ("versions", "stage = 'production'"),
    ("models", "run_id = 'a1'"),
    # What MLflow lets be said of runs only.
    *(("versions", f"{key} {test}") for key in ("name", "tags.a") for test in ("IS NULL", "IS NOT NULL")),
    *(("models", f"{key} {test}") for key in ("name", "tags.a") for test in ("IS NULL", "IS NOT NULL")),
    ("models", "tags.a IS NOT NULL"),
    ("versions", "metrics.a > 1"),
    ("versions", "params.a = 'x'"),
    ("models", "metrics.a > 1"),
    *((kind, "attributes.name = 'churn'") for kind in ("versions", "models")),
    ("versions", "attr.name = 'churn'"),
    ("versions", "attribute.`name` = 'churn'"),
    ("versions", "`name` = 'churn'"),
    # What MLflow can order by and not compare.
    *((kind, f"creation_timestamp {operator} 1") for kind in ("versions", "models") for operator in ORDERED),
    ("versions", "last_updated_timestamp > 1"),
}

# Both take them, and find something else: what we find, by place in the table.
FOUND_HERE = {
    # `%` and `_` are newlines too, as in SQL and so in MLflow's own database store.
    ("runs", "params.note LIKE 'one%two'"): [3],
    ("runs", "params.note LIKE '%two'"): [3],
    ("runs", "params.note LIKE 'one_two'"): [3],
    # A status in any case.
    ("runs", "status = 'finished'"): [0, 3],
    ("runs", "status LIKE 'f%'"): [0, 1, 3],
    # MLflow cuts 1.5 to 1 first.
    ("versions", "version_number < 1.5"): [0, 3],
    ("versions", "version_number = 1.5"): [],
}

NARROWER_ORDERS = {("runs", "metrics.")}
WIDER_ORDERS = {
    ("runs", "`run name`"),
    ("runs", "name"),
    ("runs", " metrics.accuracy"),
    ("runs", "metrics.accuracy "),
    ("versions", "run_id"),
    ("versions", "metrics.a"),
    ("models", "metrics.a"),
}

ENTITIES = {"metric": "metrics", "parameter": "params", "tag": "tags", "attribute": "attributes"}
# MLflow's attribute: its name here.
SAME = {
    "runs": {
        **dict.fromkeys(("start_time", "created", "Created"), "started"),
        **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name"),
        "end_time": "ended",
        "user_id": "author",
    },
    "versions": {
        "name": "model",
        "version_number": "number",
        "creation_timestamp": "created",
        "last_updated_timestamp": "updated",
    },
    "models": {"name": "model", "creation_timestamp": "created", "last_updated_timestamp": "updated"},
}


@dataclass(frozen=True)
class Recorded:
    """A record of the table under the names of gitreg."""

    place: int
    facts: Mapping[str, Any]
    attributes: Mapping[str, Any]

    def param(self, key: str) -> str | None:
        found: str | None = self.facts.get("params", {}).get(key)
        return found

    def metric(self, key: str) -> float | None:
        value = self.facts.get("metrics", {}).get(key)
        return None if value is None else float(value)

    def tag(self, key: str) -> str | None:
        found: str | None = self.facts.get("tags", {}).get(key)
        return found

    def label(self, key: str) -> str | None:
        return None

    def attribute(self, key: str) -> Any:
        return self.attributes.get(key)


def records_of(searched: str) -> list[Recorded]:
    records = []
    for place, facts in enumerate(TABLE[searched]):
        attributes = {SAME[searched].get(key, key): value for key, value in facts.items()}
        records.append(Recorded(place, facts, attributes))
    return records


RECORDS = {searched: records_of(searched) for searched in SAME}


def rows(table: str) -> list[Any]:
    return [pytest.param(row, id=f"{row['searched']}: {row['text']}") for row in TABLE[table]]


def expected(searched: str, clause: list[Any]) -> Comparison:
    """MLflow's parsed clause as a comparison of ours."""
    kind, key, operator, value = clause
    if kind == "attribute":
        key = SAME[searched].get(key, key)
    if kind == "metric":
        value = float(value)
    if key == "status" and kind == "attribute":
        value = value.upper()
    if key == "number" and kind == "attribute":
        value = int(value) if isinstance(value, str) else value
    if isinstance(value, list):
        value = tuple(value)
    entity: Any = ENTITIES[kind]
    return Comparison(entity, key, operator, value)


def without_absent(comparison: Comparison) -> Comparison:
    return Comparison(comparison.entity, comparison.key, comparison.operator, comparison.value)


@pytest.mark.parametrize("row", rows("filters"))
def test_a_filter_means_what_it_means_to_mlflow(row: dict[str, Any]) -> None:
    searched: Searched = row["searched"]
    asked = (searched, row["text"])
    if asked in NARROWER or not (row["accepted"] or asked in WIDER):
        with pytest.raises(Refused, match=r"^filter, character \d+: "):
            parse_filter(row["text"], searched)
        assert row["accepted"] == (asked in NARROWER)
        return
    parsed = parse_filter(row["text"], searched)
    assert parse_filter(format_filter(parsed), searched) == parsed
    assert row["accepted"] == (asked not in WIDER)
    if row["accepted"]:
        assert [without_absent(one) for one in parsed] == [expected(searched, clause) for clause in row["parsed"]]
        found = [record.place for record in RECORDS[searched] if matches(parsed, record)]
        assert found == FOUND_HERE.get(asked, row["found"])
        assert (asked in FOUND_HERE) == (found != row["found"])


@pytest.mark.parametrize("row", rows("orders"))
def test_an_order_sorts_as_mlflow_sorts(row: dict[str, Any]) -> None:
    searched: Searched = row["searched"]
    asked = (searched, row["text"])
    if asked in NARROWER_ORDERS or not (row["accepted"] or asked in WIDER_ORDERS):
        with pytest.raises(Refused, match=r"^order, character \d+: "):
            parse_order_by([row["text"]], searched)
        assert row["accepted"] == (asked in NARROWER_ORDERS)
        return
    orders = parse_order_by([row["text"]], searched)
    assert parse_order_by([format_order(order) for order in orders], searched) == orders
    assert row["accepted"] == (asked not in WIDER_ORDERS)
    if row["accepted"]:
        kind, key, ascending = row["parsed"]
        assert orders[0].entity == ENTITIES[kind]
        assert orders[0].key == (SAME[searched].get(key, key) if kind == "attribute" else key)
        assert orders[0].descending is not ascending
        ordered = sort(sorted(RECORDS[searched], key=natural_order), orders)
        assert [record.place for record in ordered] == row["ordered"]


def natural_order(record: Recorded) -> tuple[Any, ...]:
    """How MLflow orders what ties: runs by start, newest first, then id; the rest by name, then newest first."""
    facts = record.facts
    if "start_time" in facts:
        return -facts["start_time"], facts["run_id"]
    return facts["name"], -facts.get("version_number", math.nan)


def test_the_lists_of_differences_name_rows_of_the_table() -> None:
    filters = {(row["searched"], row["text"]) for row in TABLE["filters"]}
    orders = {(row["searched"], row["text"]) for row in TABLE["orders"]}
    assert filters >= NARROWER | WIDER | FOUND_HERE.keys()
    assert orders >= NARROWER_ORDERS | WIDER_ORDERS


def test_mlflow_still_says_what_is_recorded(mlflow_python: Run, tmp_path: Path) -> None:
    """Where it fails, write the table anew as filters_from_mlflow.py tells, and look at the difference."""
    table = tmp_path / "table.json"
    table.write_text(json.dumps(TABLE), encoding="utf-8")
    mlflow_python(HERE / "filters_from_mlflow.py", table)
    assert json.loads(table.read_text(encoding="utf-8")) == TABLE
