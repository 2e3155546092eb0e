"""Ask the real MLflow what it takes as a filter or an order, and what it finds with it.

    MLFLOW_PYTHON tests/format/filters_from_mlflow.py tests/format/filters_mlflow.json

reads the table's records and the `searched` and `text` of its rows, and writes MLflow's answers into them. A new row
needs only those two keys. Runs in an environment that has MLflow and need not have gitreg.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Metric, Param, Run, RunData, RunInfo, RunTag
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag, RegisteredModel, RegisteredModelTag
from mlflow.utils.search_utils import SearchModelUtils, SearchModelVersionUtils, SearchUtils

Facts = dict[str, Any]

SEARCH: dict[str, Any] = {"runs": SearchUtils, "versions": SearchModelVersionUtils, "models": SearchModelUtils}
MATCH: dict[str, Any] = {
    "runs": SearchUtils._does_run_match_clause,
    "versions": SearchModelVersionUtils._does_model_version_match_clauses,
    "models": SearchModelUtils._does_registered_model_match_clauses,
}
PARSE_ORDER: dict[str, Any] = {
    "runs": SearchUtils.parse_order_by_for_search_runs,
    "versions": SearchModelVersionUtils.parse_order_by_for_search_model_versions,
    "models": SearchModelUtils.parse_order_by_for_search_registered_models,
}


def run_of(facts: Facts) -> Run:
    """A run as MLflow holds it. Metrics may be "NaN" and "Infinity"."""
    info = RunInfo(
        run_id=facts["run_id"],
        experiment_id="0",
        user_id=facts["user_id"],
        status=facts["status"],
        start_time=facts["start_time"],
        end_time=facts["end_time"],
        lifecycle_stage="active",
        artifact_uri=facts["artifact_uri"],
        run_name=facts["run_name"],
    )
    metrics = [Metric(key, float(value), 0, 0) for key, value in facts["metrics"].items()]
    params = [Param(key, value) for key, value in facts["params"].items()]
    tags = [RunTag(key, value) for key, value in facts["tags"].items()]
    return Run(info, RunData(metrics, params, tags))


def version_of(facts: Facts) -> ModelVersion:
    """A version as MLflow's store gives it to its search: the number is an int."""
    return ModelVersion(
        name=facts["name"],
        version=facts["version_number"],
        creation_timestamp=0,
        last_updated_timestamp=0,
        source=facts["source_path"],
        run_id=facts["run_id"],
        current_stage="None",
        tags=[ModelVersionTag(key, value) for key, value in facts["tags"].items()],
    )


def model_of(facts: Facts) -> RegisteredModel:
    """A registered model as MLflow holds it."""
    tags = [RegisteredModelTag(key, value) for key, value in facts["tags"].items()]
    return RegisteredModel(facts["name"], facts["creation_timestamp"], facts["last_updated_timestamp"], tags=tags)


def filter_row(searched: str, text: str, records: list[Any]) -> Facts:
    """Accepted means that it parses and can be evaluated: MLflow checks operators only then."""
    row = {"searched": searched, "text": text, "accepted": False}
    try:
        clauses = SEARCH[searched].parse_search_filter(text)
        answers = [[bool(MATCH[searched](record, clause)) for clause in clauses] for record in records]
    except Exception:  # MLflow also lets ValueError, TypeError and re.error through
        return row
    parsed = [[clause["type"], clause["key"], clause["comparator"].upper(), value_of(clause)] for clause in clauses]
    return row | {"accepted": True, "parsed": parsed, "found": [i for i, answer in enumerate(answers) if all(answer)]}


def value_of(clause: Facts) -> Any:
    """A clause's value as JSON can tell it."""
    value = clause["value"]
    if clause["type"] == "metric":
        return float(value) if math.isfinite(float(value)) else str(float(value))
    return list(value) if isinstance(value, tuple) else value


def order_row(searched: str, text: str, records: list[Any]) -> Facts:
    """What MLflow reads in an order, and where it puts the records."""
    row = {"searched": searched, "text": text, "accepted": False}
    try:
        parsed = list(PARSE_ORDER[searched](text))
        ordered = SEARCH[searched].sort(records, [text])
    except Exception:
        return row
    places = [next(i for i, record in enumerate(records) if record is found) for found in ordered]
    return row | {"accepted": True, "parsed": parsed, "ordered": places}


def lines(rows: list[Facts]) -> str:
    """One row a line, so that a change of MLflow's is a short diff."""
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows) + "\n]"


def main(path: Path) -> None:
    """Write the table at `path` anew."""
    table = json.loads(path.read_text(encoding="utf-8"))
    records: dict[str, list[Any]] = {
        "runs": [run_of(facts) for facts in table["runs"]],
        "versions": [version_of(facts) for facts in table["versions"]],
        "models": [model_of(facts) for facts in table["models"]],
    }
    parts = {"mlflow": json.dumps(mlflow.__version__)}
    parts |= {searched: lines(table[searched]) for searched in records}
    for key, ask in (("filters", filter_row), ("orders", order_row)):
        asked = dict.fromkeys((row["searched"], row["text"]) for row in table[key])
        parts[key] = lines([ask(searched, text, records[searched]) for searched, text in asked])
    body = ",\n".join(f'"{key}": {text}' for key, text in parts.items())
    path.write_text(f"{{\n{body}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
