"""gitreg note REF KEY=VALUE...: what was learned of a version later."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb

if TYPE_CHECKING:
    from gitreg.format.notes import Fact


@verb("note", "registry", "json", "offline", "dry_run")
@click.argument("ref", shell_complete=references)
@click.argument("labels", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--metric", "metrics", multiple=True, metavar="KEY=NUMBER", help="A later measurement; may be repeated.")
@click.option("--dataset", default="", metavar="NAME", help="What the metrics were measured on.")
@click.option("--remove", multiple=True, metavar="KEY", help="Take a label back; may be repeated.")
@click.pass_obj
def command(
    session: Session, ref: str, labels: tuple[str, ...], metrics: tuple[str, ...], dataset: str,
    remove: tuple[str, ...],
) -> None:  # fmt: skip
    """Note labels or later metrics on a version."""
    from gitreg.registry.notes import note_version

    place = session.open()
    wanted: dict[str, str | None] = {key: None for key in remove}
    wanted |= dict(_pair(text, "KEY=VALUE") for text in labels)
    measured = {key: _number(key, value) for key, value in (_pair(text, "KEY=NUMBER") for text in metrics)}
    done = note_version(ref, wanted, measured, dataset, registry=place, dry_run=session.dry_run)
    if session.json:
        session.print_json("note", place, dry_run=session.dry_run, ref=ref, facts=[asdict(fact) for fact in done.facts])
        return
    for fact in done.facts:
        session.answer(fact.key, _sentence(fact, str(done.version), dry_run=session.dry_run))
    if not done.sent and not session.dry_run:
        session.say("it waits for gitreg push")


def _sentence(fact: Fact, version: str, *, dry_run: bool) -> str:
    if fact.value is None:
        return f"{'would remove' if dry_run else 'removed'} {fact.key} from {version}"
    return f"{'would note' if dry_run else 'noted'} {fact.key} = {fact.value} on {version}"


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
