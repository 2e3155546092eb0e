"""What a training script logs to the open run: params, metrics, tags, files."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

from gitreg.errors import Conflict, NotFound, Refused, check_type, shown
from gitreg.format.jsontext import as_number, as_whole_number, number_to_json
from gitreg.format.names import check_metric_key, check_path, check_text
from gitreg.format.times import format_time
from gitreg.registry.runs.open_run import check_texts, current_run
from gitreg.stores.clock import now


def log_param(key: str, value: object) -> None:
    """Log one parameter; its value is kept as text."""
    log_params({key: value})


def log_params(params: Mapping[str, object]) -> None:
    """Log parameters. Conflict where one is logged already with another value."""
    run = current_run()
    values = check_texts(params, "params")
    for key, value in values.items():
        known = run.journal.run.params.get(key, value)
        if known != value:
            raise Conflict(
                f"param {key} is {shown(known)} in run {run.id}, and cannot become {shown(value)}",
                "log it under another name",
            )
    run.journal.append({"event": "params", "values": values})


def log_metric(key: str, value: float, step: int | None = None) -> None:
    """Log one measured value; `step` is where in the training it was measured (0 where none is given)."""
    log_metrics({key: value}, step)


def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Log measured values of one step. Each metric keeps its whole series; its last value is the run's."""
    run = current_run()
    check_type(metrics, Mapping, "metrics", "a dict of names and numbers")
    values = {check_metric_key(key): as_number(value, f"metric {key}") for key, value in metrics.items()}
    at = 0 if step is None else as_whole_number(step, "step")
    run.journal.append(run.journal.metrics_event(values, at, format_time(now())))


def set_tags(tags: Mapping[str, object]) -> None:
    """Set tags of the open run; a tag set again has the new value."""
    current_run().journal.append({"event": "tags", "values": check_texts(tags, "tags")})


def log_artifact(path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Log a file, below the folder `artifact_path` of the run or at its root."""
    source = Path(path)
    if source.is_dir():
        return log_artifacts(source, artifact_path)
    if not source.is_file():
        raise NotFound(f"no file {source}", f"relative paths begin at {Path.cwd()}")
    current_run().put_file(_below(artifact_path, source.name), source)


def log_artifacts(folder: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Log all the files of a folder, with the paths they have in it."""
    top = Path(folder)
    if not top.is_dir():
        raise NotFound(f"no folder {top}", f"relative paths begin at {Path.cwd()}")
    found = {_below(artifact_path, p.relative_to(top).as_posix()): p for p in sorted(top.rglob("*")) if p.is_file()}
    run = current_run()
    run.check_files(found)
    for path, source in found.items():
        run.put_file(path, source)


def log_text(text: str, path: str) -> None:
    """Log `text` as the file `path`."""
    check_type(text, str, "text", "log_text takes a str; log_artifact takes a file of any bytes")
    current_run().put_file(path, check_text(text, path).encode())


def log_dict(obj: object, path: str) -> None:
    """Log a mapping or list as the file `path`: YAML where it ends in .yaml or .yml, else JSON.

    JSON has no NaN and no infinity: they are the strings "NaN", "Infinity" and "-Infinity" (docs/format.md 1.2).
    Refused for values that the file cannot hold.
    """
    is_yaml = check_path(path).endswith((".yaml", ".yml"))
    try:
        text = _yaml_text(obj) if is_yaml else json.dumps(_jsonable(obj), indent=2, ensure_ascii=False) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"{path} cannot hold this: {error}", "dicts and lists of text, numbers, bools and None") from None
    log_text(text, path)


def _yaml_text(obj: object) -> str:
    import yaml

    try:
        return yaml.safe_dump(obj, default_flow_style=False, allow_unicode=True)
    except yaml.representer.RepresenterError as error:
        raise TypeError(f"YAML has no {type(error.args[-1]).__qualname__}") from None


def _jsonable(value: object) -> object:
    if isinstance(value, float):
        return number_to_json(value)
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, list | tuple) else value


def log_figure(fig: object, path: str) -> None:
    """Log a figure of matplotlib (any format it saves) or plotly (.html) as the file `path`."""
    drawn = io.BytesIO()
    if callable(save := getattr(fig, "savefig", None)):
        save(drawn, format=path.rsplit(".", 1)[-1])
    elif callable(write := getattr(fig, "to_html", None)) and path.endswith(".html"):
        drawn.write(str(write()).encode())
    else:
        raise Refused(f"cannot draw a {type(fig).__name__} as {path}", "a figure of matplotlib, or of plotly as .html")
    current_run().put_file(path, drawn.getvalue())


def _below(folder: str | None, name: str) -> str:
    return f"{folder.strip('/')}/{name}" if folder else name
