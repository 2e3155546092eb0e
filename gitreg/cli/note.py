"""gitreg note REF KEY=VALUE...: what was learned of a version later."""

from __future__ import annotations

from dataclasses import asdict

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, dry_run, verb


@verb("note", "registry", "json", "offline")
@click.argument("ref", shell_complete=references)
@click.argument("labels", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--metric", "metrics", multiple=True, metavar="KEY=NUMBER", help="A later measurement; may be repeated.")
@click.option("--dataset", default="", metavar="NAME", help="What the metrics were measured on.")
@click.option("--remove", multiple=True, metavar="KEY", help="Take a label back; may be repeated.")
@dry_run
@click.pass_obj
def command(
    session: Session, ref: str, labels: tuple[str, ...], metrics: tuple[str, ...], dataset: str,
    remove: tuple[str, ...], dry_run: bool,
) -> None:  # fmt: skip
    """Note labels or later metrics on a version."""
    from gitreg.registry.notes import note

    place = session.open()
    wanted: dict[str, str | None] = {key: None for key in remove}
    wanted |= dict(_pair(text, "KEY=VALUE") for text in labels)
    added = note(ref, wanted, {key: _number(key, value) for key, value in (_pair(m, "KEY=NUMBER") for m in metrics)},
                 dataset, registry=place, dry_run=dry_run)  # fmt: skip
    if session.json:
        session.print_json("note", place, dry_run=dry_run, ref=ref, facts=[asdict(fact) for fact in added])
        return
    for fact in added:
        session.answer(fact.key, f"{fact.key} removed" if fact.value is None else f"{fact.key} = {fact.value}")


def _pair(text: str, form: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.UsageError(f"{text!r} is no {form}", click.get_current_context())
    return key, value


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"metric {key} is {text!r}, not a number", click.get_current_context()) from None
