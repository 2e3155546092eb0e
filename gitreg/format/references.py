"""The one grammar in which a model is named (docs/format.md 2).

churn  churn@latest  churn@v1.3.0  churn@v1  churn@v1.3  churn@7  churn@production
models:/churn/7  models:/churn/latest  models:/churn@production
run:<run_id>[/path]  runs:/<run_id>/<path>
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from gitreg.errors import Refused
from gitreg.format.names import check_model_name, check_path, check_run_id, check_stage_name
from gitreg.format.semver import Line, Semver, format_line, format_semver, parse_line, parse_semver

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_LINE = re.compile(r"v[0-9]+(?:\.[0-9]+)?")
FORMS = "MODEL, MODEL@v1.3.0, MODEL@v1, MODEL@7, MODEL@latest, MODEL@STAGE or run:ID[/PATH]"


class Spelling(Enum):
    """Which of the grammar's three families a reference was written in."""

    GITREG = "gitreg"
    MODELS = "models:/"
    RUNS = "runs:/"


@dataclass(frozen=True)
class Latest:
    """The greatest version of a model; `by_number` takes the highest number instead, as MLflow does."""

    model: str
    by_number: bool = False
    named: bool = False  # `churn@latest`, not `churn`


@dataclass(frozen=True)
class Exact:
    """One version by its semver."""

    model: str
    version: Semver


@dataclass(frozen=True)
class OfLine:
    """The greatest version of a line such as v1 or v1.3."""

    model: str
    line: Line


@dataclass(frozen=True)
class Numbered:
    """One version by its number."""

    model: str
    number: int


@dataclass(frozen=True)
class Staged:
    """What a stage runs."""

    model: str
    stage: str


@dataclass(frozen=True)
class OfRun:
    """A run's model directory, registered or not; an empty `path` means the run's only one."""

    run_id: str
    path: str = ""


Target = Latest | Exact | OfLine | Numbered | Staged | OfRun


@dataclass(frozen=True)
class Reference:
    """A way to name a model, and the family it was spelled in."""

    target: Target
    spelling: Spelling = Spelling.GITREG

    @property
    def moves(self) -> bool:
        """Whether it may name another version tomorrow."""
        return isinstance(self.target, Latest | OfLine | Staged)

    def __str__(self) -> str:
        return format_reference(self)


def parse_reference(text: str) -> Reference:
    """The reference that `text` spells. Refused, with the forms there are, where it is none."""
    if text.startswith("models:/"):
        return Reference(_parse_models(text), Spelling.MODELS)
    if text.startswith("runs:/"):
        return Reference(_parse_run(text, text.removeprefix("runs:/")), Spelling.RUNS)
    if text.startswith("run:"):
        return Reference(_parse_run(text, text.removeprefix("run:")))
    model, at, what = text.partition("@")
    check_model_name(model)
    return Reference(_parse_selector(model, what, text) if at else Latest(model))


def _parse_selector(model: str, what: str, text: str) -> Target:
    if what == "latest":
        return Latest(model, named=True)
    if _NUMBER.fullmatch(what):
        return Numbered(model, int(what))
    if _LINE.fullmatch(what):
        return OfLine(model, parse_line(what))
    if re.match(r"v[0-9]", what):
        return Exact(model, parse_semver(what))
    if not what or what.isdigit():
        raise Refused(f"bad reference {text!r}", f"a model is named as {FORMS}")
    return Staged(model, check_stage_name(what))


def _parse_models(text: str) -> Target:
    rest = text.removeprefix("models:/")
    model, slash, what = rest.partition("/")
    if slash:
        check_model_name(model)
        if what.lower() == "latest":
            return Latest(model, by_number=True, named=True)
        if _NUMBER.fullmatch(what):
            return Numbered(model, int(what))
        if "/" not in what and what:
            hint = f"MLflow's form is models:/{model}/NUMBER; gitreg's are {model}@{what} and models:/{model}@STAGE"
            raise Refused(f"bad reference {text!r}", hint)
    model, at, stage = rest.partition("@")
    if at and "/" not in rest:
        return Staged(check_model_name(model), check_stage_name(stage))
    raise Refused(
        f"bad reference {text!r}", "the forms are models:/MODEL/NUMBER, models:/MODEL/latest and models:/MODEL@STAGE"
    )


def _parse_run(text: str, rest: str) -> OfRun:
    run_id, slash, path = rest.partition("/")
    if slash and not path:
        raise Refused(f"bad reference {text!r}", "the forms are run:ID and run:ID/PATH")
    return OfRun(check_run_id(run_id), check_path(path) if path else "")


def format_reference(reference: Reference) -> str:
    """The text of `reference`, in the family it was spelled in."""
    target = reference.target
    if isinstance(target, OfRun):
        prefix = "runs:/" if reference.spelling is Spelling.RUNS else "run:"
        return f"{prefix}{target.run_id}" + (f"/{target.path}" if target.path else "")
    models = reference.spelling is Spelling.MODELS
    if isinstance(target, Latest):
        if models:
            return f"models:/{target.model}/latest"
        return f"{target.model}@latest" if target.named else target.model
    if isinstance(target, Numbered):
        return f"models:/{target.model}/{target.number}" if models else f"{target.model}@{target.number}"
    if isinstance(target, Staged):
        return f"{'models:/' if models else ''}{target.model}@{target.stage}"
    if isinstance(target, OfLine):
        return f"{target.model}@{format_line(target.line)}"
    return f"{target.model}@{format_semver(target.version)}"
