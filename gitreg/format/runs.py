"""A run: what it is called, how it ended, what it measured, which models it holds (docs/format.md 1.2).

The commit's message tells all of it, so that listing runs reads no blob; `.gitreg/*.json` tell it to other tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitreg.errors import Damaged, Unsupported
from gitreg.format.jsontext import (
    format_file,
    format_line,
    format_metrics,
    number_from_json,
    number_to_json,
    parse_metrics,
    parse_object,
    parse_strings,
)
from gitreg.format.names import check_path, check_run_id
from gitreg.format.trailers import Message, format_message, parse_trailers

FORMAT = 1
STATUSES = ("finished", "failed", "abandoned")
OPEN_STATUSES = ("running", "interrupted")


@dataclass(frozen=True)
class Source:
    """The code a run was started from; `dirty` where the work tree held changes no commit has."""

    commit: str = ""
    remote: str = ""
    dirty: bool = False
    entry: str = ""

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"commit": self.commit, "remote": self.remote, "dirty": self.dirty, "entry": self.entry}


@dataclass(frozen=True)
class LoggedModel:
    """A model directory in a run. `size` is in bytes, payloads included; `digest` is that of its SHA256SUMS."""

    run_id: str
    path: str
    digest: str
    signature: str
    size: int
    flavors: tuple[str, ...]
    version: str = ""  # "churn@v1.3.0" once registered

    def __str__(self) -> str:
        return f"run:{self.run_id}/{self.path}"

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "ref": str(self),
            "path": self.path,
            "digest": self.digest,
            "signature": self.signature,
            "size": self.size,
            "flavors": list(self.flavors),
            "version": self.version or None,
        }


@dataclass(frozen=True)
class Run:
    """One run. `ended` and `commit` are empty while it is open; times are RFC 3339 in UTC."""

    id: str
    name: str = ""
    status: str = "running"
    started: str = ""
    ended: str = ""
    source: Source = Source()
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    models: tuple[LoggedModel, ...] = ()
    commit: str = ""
    author: str = ""

    def __str__(self) -> str:
        return f"run:{self.id}"

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "started": self.started,
            "ended": self.ended or None,
            "source": self.source.to_dict(),
            "params": dict(sorted(self.params.items())),
            "metrics": {key: number_to_json(value) for key, value in sorted(self.metrics.items())},
            "tags": dict(sorted(self.tags.items())),
            "models": [model.to_dict() for model in self.models],
            "commit": self.commit or None,
            "author": self.author,
        }


def run_trailers(run: Run) -> dict[str, str]:
    """The trailers of an ended run's commit, and of the commits of its versions."""
    found = {"Gitreg-Format": str(FORMAT), "Gitreg-Run": run.id}
    if run.name:
        found["Gitreg-Name"] = run.name
    found |= {"Gitreg-Status": run.status, "Gitreg-Started": run.started, "Gitreg-Ended": run.ended}
    found["Gitreg-Source"] = format_line(run.source.to_dict())
    found["Gitreg-Metrics"] = format_metrics(run.metrics)
    found["Gitreg-Params"] = format_line(dict(run.params))
    found["Gitreg-Tags"] = format_line(dict(run.tags))
    found["Gitreg-Models"] = format_line({model.path: _model_facts(model) for model in run.models})
    return found


def _model_facts(model: LoggedModel) -> dict[str, object]:
    return {
        "digest": model.digest,
        "signature": model.signature,
        "size": model.size,
        "flavors": " ".join(model.flavors),
    }


def format_run_message(run: Run) -> str:
    """The message of the run's commit."""
    title = f"run {run.id}" + (f": {run.name}" if run.name else "")
    return format_message(Message(title, "", run_trailers(run)))


def parse_run_message(text: str, *, commit: str = "", author: str = "") -> Run:
    """The run that a commit's message tells. Damaged where it tells none, Unsupported where its format is newer."""
    trailers = parse_trailers(text)
    if trailers is None or "Gitreg-Run" not in trailers:
        raise Damaged(f"commit {commit[:12]} is no run: its message has no Gitreg-Run")
    return run_from_trailers(trailers, commit=commit, author=author)


def run_from_trailers(trailers: Mapping[str, str], *, commit: str = "", author: str = "") -> Run:
    """The run that a commit's trailers tell."""
    what = f"run {trailers.get('Gitreg-Run', '?')}"
    check_format(trailers.get("Gitreg-Format", ""), what)
    try:
        run_id, status = check_run_id(trailers["Gitreg-Run"]), trailers["Gitreg-Status"]
        return Run(
            id=run_id,
            name=trailers.get("Gitreg-Name", ""),
            status=status,
            started=trailers["Gitreg-Started"],
            ended=trailers["Gitreg-Ended"],
            source=source_from(parse_object(trailers.get("Gitreg-Source", "{}"), f"{what}: Gitreg-Source")),
            params=parse_strings(trailers.get("Gitreg-Params", "{}"), f"{what}: Gitreg-Params"),
            metrics=parse_metrics(trailers.get("Gitreg-Metrics", "{}"), f"{what}: Gitreg-Metrics"),
            tags=parse_strings(trailers.get("Gitreg-Tags", "{}"), f"{what}: Gitreg-Tags"),
            models=models_from(run_id, trailers.get("Gitreg-Models", "{}"), what),
            commit=commit,
            author=author,
        )
    except KeyError as error:
        raise Damaged(f"{what} has no trailer {error.args[0]}") from None


def check_format(text: str, what: str, known: int = FORMAT) -> None:
    """Refuse what a newer gitreg wrote, by name."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 6 or int(text) < 1:
        raise Damaged(f"{what} states the format {text!r}")
    if int(text) > known:
        raise Unsupported(
            f"{what} has format {text}; this gitreg reads up to format {known}", "upgrade: pip install --upgrade gitreg"
        )


def source_from(found: Mapping[str, object]) -> Source:
    """The source that `Source.to_dict` gave."""
    texts = {key: str(found.get(key) or "") for key in ("commit", "remote", "entry")}
    return Source(dirty=bool(found.get("dirty")), **texts)


def models_from(run_id: str, text: str, what: str) -> tuple[LoggedModel, ...]:
    """The models that the trailer Gitreg-Models tells."""
    models = []
    for path, facts in parse_object(text, f"{what}: Gitreg-Models").items():
        if not isinstance(facts, dict) or not isinstance(facts.get("size"), int):
            raise Damaged(f"{what}: Gitreg-Models does not describe {path}")
        models.append(
            LoggedModel(
                run_id=run_id,
                path=check_path(path),
                digest=str(facts.get("digest", "")),
                signature=str(facts.get("signature", "none")),
                size=facts["size"],
                flavors=tuple(str(facts.get("flavors", "")).split()),
            )
        )
    return tuple(models)


def format_run_file(run: Run) -> str:
    """`.gitreg/run.json`: what other programs want to know of a run, apart from params and metrics."""
    return format_file(
        {
            "format": FORMAT,
            "run": run.id,
            "name": run.name,
            "status": run.status,
            "started": run.started,
            "ended": run.ended,
            "source": run.source.to_dict(),
            "tags": dict(run.tags),
            "models": {model.path: _model_facts(model) for model in run.models},
        }
    )


@dataclass(frozen=True)
class Point:
    """One measured value; `time` is RFC 3339 in UTC."""

    step: int
    value: float
    time: str


def format_series(points: Sequence[Point]) -> str:
    """`.gitreg/metrics/<key>.tsv`: the points in the order they were logged, as DVC's plots read them."""
    lines = [f"{point.step}\t{number_to_json(point.value)}\t{point.time}\n" for point in points]
    return "step\tvalue\ttime\n" + "".join(lines)


def parse_series(text: str, what: str) -> tuple[Point, ...]:
    """The points that `format_series` wrote; Damaged, naming `what`, otherwise."""
    lines = text.split("\n")
    if lines[0] != "step\tvalue\ttime" or lines[-1] != "":
        raise Damaged(f"{what} is no series of a metric")
    points = []
    for number, line in enumerate(lines[1:-1], 2):
        try:
            step, value, time = line.split("\t")
            known = value if value in {"NaN", "Infinity", "-Infinity"} else float(value)
            points.append(Point(int(step), number_from_json(known), time))
        except ValueError:
            raise Damaged(f"{what}, line {number}: not a step, a value and a time") from None
    return tuple(points)
