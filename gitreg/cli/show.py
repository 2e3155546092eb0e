"""gitreg show REF: all that is known of one model, version or run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import references
from gitreg.cli._facts import print_facts
from gitreg.cli._session import Session, at, verb
from gitreg.cli._words import counted, show_number, show_size, show_time

if TYPE_CHECKING:
    from gitreg.format.models import RegisteredModel
    from gitreg.format.runs import Run
    from gitreg.format.versions import ModelVersion
    from gitreg.registry.queries.describe import Description

Facts = list[tuple[str, str]]


@verb("show", "registry", "json", "offline", "max_stale")
@click.argument("ref", shell_complete=references)
@at
@click.pass_obj
def command(session: Session, ref: str, at: str | None) -> None:
    """Show a model, a version, what a stage runs, or a run.

    MODEL alone shows the model; MODEL@latest, MODEL@v1, MODEL@STAGE a version; run:ID a run, run:ID/PATH one of its
    models.
    """
    from gitreg.registry.queries.describe import describe

    place = session.open()
    found = describe(ref, at=at, registry=place)
    if session.json:
        session.print_json("show", place, **found.to_dict())
        return
    facts: Facts = []
    if found.model:
        facts += _model(found.model)
    if found.version:
        facts += _version(found.version)
    if found.run:
        facts += _run(found.run, of_version=found.version is not None)
    print_facts(*facts, *_inside(found))


def _model(model: RegisteredModel) -> Facts:
    latest = model.latest
    return [
        ("model", model.name),
        ("title", model.title),
        ("latest", f"{latest} (number {latest.number})" if latest else "none"),
        ("stages", _pairs(model.stages)),
        ("versions", f"{model.versions}" + (f", {model.retired} retired" if model.retired else "")),
        ("updated", show_time(model.updated)),
        ("owners", ", ".join(model.owners)),
        ("tags", _pairs(model.tags)),
        ("metrics", _metrics(latest.metrics) if latest else ""),
        ("about", model.description),
    ]


def _version(version: ModelVersion) -> Facts:
    from gitreg.cli.ls import state

    return [
        ("version", str(version) + (f" (number {version.number})" if version.number else "")),
        ("state", state(version)),
        ("stages", ", ".join(version.stages)),
        ("registered", f"{show_time(version.created)} by {version.author}"),
        ("about", version.description),
        ("labels", _pairs(version.labels)),
        ("digest", version.digest),
        ("flavors", ", ".join(version.flavors)),
        ("size", show_size(version.size) if version.digest else ""),
    ]


def _run(run: Run, *, of_version: bool) -> Facts:
    source = " ".join(part for part in (run.source.entry, run.source.remote, run.source.commit) if part)
    models = [
        f"{model.path}: {', '.join(model.flavors)}, {show_size(model.size)}"
        + (f", {model.version}" if model.version else "")
        for model in run.models
    ]
    return [
        ("run", f"{run.id}: {run.name}" if run.name else run.id),
        ("status", run.status),
        ("started", show_time(run.started)),
        ("ended", show_time(run.ended)),
        ("author", "" if of_version else run.author),
        ("source", source + (" (with changes that no commit has)" if run.source.dirty else "")),
        ("tags", _pairs(run.tags)),
        ("params", _pairs(run.params)),
        ("metrics", _metrics(run.metrics)),
        ("models", "" if of_version else "\n".join(models)),
    ]


def _inside(found: Description) -> Facts:
    from gitreg.format.signature_spelling import spell_signature

    spelled = spell_signature(found.signature) if found.signature else {}
    size = sum(file.size for file in found.files)
    files = _columns((file.path, show_size(file.size) + (", payload" if file.payload else "")) for file in found.files)
    return [
        ("inputs", _columns(spelled.get("inputs", {}).items())),
        ("outputs", _columns(spelled.get("outputs", {}).items())),
        ("parameters", _columns(spelled.get("params", {}).items())),
        ("needs", "\n".join(found.requirements)),
        ("files", files + (f"\n{counted(len(found.files), 'file')}, {show_size(size)}" if files else "")),
    ]


def _pairs(pairs: Mapping[str, str]) -> str:
    return _columns(sorted(pairs.items()))


def _metrics(metrics: Mapping[str, float]) -> str:
    return _columns((key, show_number(value)) for key, value in sorted(metrics.items()))


def _columns(pairs: Iterable[tuple[str, str]]) -> str:
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in listed)
