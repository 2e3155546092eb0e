"""The lock file of a stage, `stages/<stage>/<model>.yaml`: what runs there (docs/format.md 1.4).

Its text follows from the version, the stage and the format alone, one fact a line in a fixed order: so the diff of a
pull request is the review, and reverting it is a rollback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitreg.errors import Damaged, GitregError
from gitreg.format.jsontext import number_from_json
from gitreg.format.names import check_model_name, check_run_id, check_stage_name
from gitreg.format.runs import check_format
from gitreg.format.schema import Signature
from gitreg.format.semver import parse_semver
from gitreg.format.signature_spelling import parse_spelling, spell_signature
from gitreg.format.sums import check_digest
from gitreg.format.yamltext import as_mapping, as_strings, entry, kind, load_mapping, number, quote, scalar

FORMAT = 1

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FACTS = ("model", "stage", "version", "run", "commit", "digest")
_STRINGS = (*_FACTS, "params", "signature", "requirements")
_NO_SIGNATURE = "none"


@dataclass(frozen=True)
class StageFile:
    """What a stage runs. `version` is like "v1.3.0"; `digest` is that of the model's SHA256SUMS.

    `requirements` are requirement specifiers as requirements.txt has them.
    """

    model: str
    stage: str
    version: str
    number: int
    run: str
    commit: str
    digest: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    signature: Signature | None = None
    requirements: tuple[str, ...] = ()
    format: int = FORMAT


def stage_file_path(stage: str, model: str) -> str:
    """Where the file lies on main. Refused where a name is against the rules."""
    return f"stages/{check_stage_name(stage)}/{check_model_name(model)}.yaml"


def format_stage_file(found: StageFile) -> str:
    """The text of `found`. Refused or Damaged where a fact could not be read back."""
    _check(found)
    lines = [entry(0, "format", str(found.format))]
    lines += [entry(0, key, scalar(getattr(found, key))) for key in ("model", "stage", "version")]
    lines.append(entry(0, "number", str(found.number)))
    lines += [entry(0, key, scalar(getattr(found, key))) for key in ("run", "commit", "digest")]
    lines += _block(0, "metrics", {key: number(value) for key, value in sorted(found.metrics.items())})
    lines += _block(0, "params", {key: quote(value) for key, value in sorted(found.params.items())})
    spelled = spell_signature(found.signature) if found.signature is not None else {}
    lines.append("signature:\n" if spelled else entry(0, "signature", _NO_SIGNATURE))
    for part, columns in spelled.items():
        lines += _block(2, part, {key: scalar(text) for key, text in columns.items()})
    lines.append("requirements:\n" if found.requirements else "requirements: []\n")
    lines += [f"  - {scalar(line)}\n" for line in found.requirements]
    return "".join(lines)


def _block(indent: int, key: str, items: Mapping[str, str]) -> list[str]:
    if not items:
        return [entry(indent, key, "{}")]
    head = f"{' ' * indent}{key}:\n"
    return [head, *(entry(indent + 2, name, text) for name, text in items.items())]


def parse_stage_file(text: str | bytes, what: str = "stage file") -> StageFile:
    """The stage file in `text`; unknown keys are ignored.

    Damaged, naming `what`, where a fact is missing or wrong. Unsupported where its format is newer.
    """
    found = load_mapping(text, what, strings=_STRINGS)
    stated = found.get("format")
    check_format(str(stated) if isinstance(stated, int) and not isinstance(stated, bool) else "", what, FORMAT)
    facts = {key: _text(found, key, what) for key in _FACTS}
    numbered = found.get("number")
    if isinstance(numbered, bool) or not isinstance(numbered, int):
        raise Damaged(f"{what}: number is {kind(numbered)}, not a whole number")
    params = as_mapping(found.get("params") or {}, f"{what}: params")
    metrics = as_mapping(found.get("metrics") or {}, f"{what}: metrics")
    try:
        result = StageFile(
            model=facts["model"],
            stage=facts["stage"],
            version=facts["version"],
            run=facts["run"],
            commit=facts["commit"],
            digest=facts["digest"],
            number=numbered,
            metrics={key: number_from_json(value, f"metrics: {key}") for key, value in metrics.items()},
            params={key: _text(params, key, "params") for key in params},
            signature=_signature(found.get("signature")),
            requirements=as_strings(found.get("requirements") or [], "requirements"),
        )
        _check(result)
    except GitregError as error:
        raise Damaged(f"{what}: {error.message}", error.hint) from None
    return result


def _check(found: StageFile) -> None:
    check_model_name(found.model)
    check_stage_name(found.stage)
    parse_semver(found.version)
    check_run_id(found.run)
    check_digest(found.digest)
    if not _COMMIT.fullmatch(found.commit):
        raise Damaged(f"commit is {found.commit[:100]!r}, not an object id")
    if found.number < 1:
        raise Damaged(f"number is {found.number}; numbers begin with 1")


def _text(found: Mapping[str, object], key: str, what: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise Damaged(f"{what}: {key} is {kind(value)}, not text")
    return value


def _signature(value: object) -> Signature | None:
    if value is None or value == _NO_SIGNATURE:
        return None
    return parse_spelling(as_mapping(value, "signature"))
