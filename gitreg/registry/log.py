"""What a training script logs to the open run: params, metrics, tags, files."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

from gitreg.errors import Conflict, NotFound, Refused
from gitreg.format.jsontext import as_number
from gitreg.format.names import check_metric_key, check_text
from gitreg.format.times import format_time
from gitreg.registry.open_run import check_texts, current_run
from gitreg.stores.clock import now


def log_param(key: str, value: object) -> None:
    """Log one parameter; its value is kept as text."""
    log_params({key: value})


def log_params(params: Mapping[str, object]) -> None:
    """Log parameters. Conflict where one is logged already with another value."""
    run = current_run()
    values = check_texts(params)
    for key, value in values.items():
        known = run.journal.run.params.get(key, value)
        if known != value:
            raise Conflict(
                f"param {key} is {known!r} in run {run.id}, and cannot become {value!r}", "log it under another name"
            )
    run.journal.append({"event": "params", "values": values})


def log_metric(key: str, value: float, step: int | None = None) -> None:
    """Log one measured value; `step` is where in the training it was measured (0 where none is given)."""
    log_metrics({key: value}, step)


def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Log measured values of one step. Each metric keeps its whole series; its last value is the run's."""
    run = current_run()
    values = {check_metric_key(key): as_number(value, f"metric {key}") for key, value in metrics.items()}
    run.journal.append(run.journal.metrics_event(values, int(step or 0), format_time(now())))


def set_tags(tags: Mapping[str, object]) -> None:
    """Set tags of the open run; a tag set again has the new value."""
    current_run().journal.append({"event": "tags", "values": check_texts(tags)})


def log_artifact(path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Log a file, below the folder `artifact_path` of the run or at its root."""
    source = Path(path)
    if source.is_dir():
        return log_artifacts(source, artifact_path)
    if not source.is_file():
        raise NotFound(f"no file {source}")
    current_run().put_file(_below(artifact_path, source.name), source)


def log_artifacts(folder: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Log all the files of a folder, with the paths they have in it."""
    top = Path(folder)
    if not top.is_dir():
        raise NotFound(f"no folder {top}")
    found = {_below(artifact_path, p.relative_to(top).as_posix()): p for p in sorted(top.rglob("*")) if p.is_file()}
    run = current_run()
    run.check_files(found)
    for path, source in found.items():
        run.put_file(path, source)


def log_text(text: str, path: str) -> None:
    """Log `text` as the file `path`."""
    current_run().put_file(path, check_text(text, path).encode())


def log_dict(obj: object, path: str) -> None:
    """Log a mapping or list as the file `path`: YAML where it ends in .yaml or .yml, else JSON."""
    if path.endswith((".yaml", ".yml")):
        import yaml

        text = yaml.safe_dump(obj, default_flow_style=False, allow_unicode=True)
    else:
        text = json.dumps(obj, indent=2, ensure_ascii=False) + "\n"
    log_text(text, path)


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
