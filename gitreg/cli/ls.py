"""gitreg ls [MODEL]: the registered models, or the versions of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import models as model_names
from gitreg.cli._session import Session, limit, order_by, verb, where
from gitreg.cli._table import Column, print_table
from gitreg.cli._words import show_number, show_time

if TYPE_CHECKING:
    from gitreg.format.models import RegisteredModel
    from gitreg.format.versions import ModelVersion
    from gitreg.registry.place import Registry


@verb("ls", "registry", "json", "offline", "max_stale")
@click.argument("model", required=False, shell_complete=model_names)
@where
@order_by
@limit
@click.pass_obj
def command(session: Session, model: str | None, where: str, order_by: tuple[str, ...], limit: int | None) -> None:
    """List the models, or the versions of MODEL.

    --where takes MLflow's filters, and what gitreg adds to them: model, version, number, stage, flavor, labels.NAME.
    """
    from gitreg.registry.queries import search

    place = session.open()
    if model is None:
        models = search.models(where, order_by, limit, registry=place)
        if session.json:
            session.print_json("models", place, models=[found.to_dict() for found in models])
        elif session.quiet:
            _names(models)
        elif models:
            _print_models(models)
        else:
            fetched = ", as far as was fetched: gitreg fetch" if place.remote and not place.mirror else ""
            session.say("no model matches" if where else f"nothing is registered yet{fetched}")
        return
    versions = _versions(place, model, where, order_by, limit)
    if session.json:
        session.print_json("versions", place, model=model, versions=[found.to_dict() for found in versions])
    elif session.quiet:
        _names(versions)
    elif versions:
        _print_versions(versions)
    else:
        session.say(f"no version of {model} matches")


def _versions(
    place: Registry, model: str, where: str, order_by: tuple[str, ...], limit: int | None
) -> Sequence[ModelVersion]:
    from gitreg.format.filters import Comparison, format_filter, parse_filter
    from gitreg.format.names import check_model_name
    from gitreg.registry.queries import search

    of_model = Comparison("attributes", "model", "=", check_model_name(model))
    # Parsed on its own, the filter's mistakes are told by their places in what was typed.
    asked = format_filter([of_model, *parse_filter(where, "versions")])
    versions = search.search_versions(asked, order_by, limit, registry=place)
    if not versions:
        search.model(model, registry=place)  # says what there is, if there is no such model
    return versions


def _names(found: Sequence[object]) -> None:
    for one in found:
        click.echo(str(one))


def _print_models(models: Sequence[RegisteredModel]) -> None:
    columns = [
        Column("MODEL"), Column("LATEST"), Column("VERSIONS", right=True), Column("STAGES"), Column("UPDATED"),
        Column("TITLE"),
    ]  # fmt: skip
    print_table(columns, [
        (
            model.name,
            model.latest.version if model.latest else "",
            str(model.versions),
            ", ".join(f"{stage} {version}" for stage, version in sorted(model.stages.items())),
            show_time(model.updated),
            model.title,
        )
        for model in models
    ])  # fmt: skip


def _print_versions(versions: Sequence[ModelVersion]) -> None:
    metrics = sorted({key for version in versions for key in version.metrics})
    columns = [
        Column("NUMBER", right=True, whole=True), Column("VERSION", whole=True), Column("CREATED", whole=True),
        Column("STAGES"), Column("STATE", colours={"retired": "yellow", "purged": "red"}, whole=True),
        *(Column(key, right=True, whole=True, spare=True) for key in metrics),
        Column("RUN"), Column("DESCRIPTION"),
    ]  # fmt: skip
    print_table(columns, [
        (
            str(version.number or ""),
            version.version,
            show_time(version.created),
            ", ".join(version.stages),
            state(version),
            *(show_number(version.metrics[key]) if key in version.metrics else "" for key in metrics),
            version.run_id,
            version.description.partition("\n")[0],
        )
        for version in versions
    ])  # fmt: skip


def state(version: ModelVersion) -> str:
    """What is to be known before a version is chosen: "" where nothing is."""
    if version.tombstone:
        return "purged"
    if version.retired:
        return "retired"
    return "" if version.number else "tagged without gitreg"
