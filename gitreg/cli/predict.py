"""gitreg predict REF -i FILE: predictions of a model for a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Session, verb

if TYPE_CHECKING:
    from gitreg.registry.use.predictions import Kind


@verb("predict", "registry", "offline", "max_stale", instead={"json": "--format json writes the predictions as JSON"})
@click.argument("ref", shell_complete=references)
@click.option(
    "-i",
    "--input",
    "source",
    required=True,
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="CSV or JSON; - is stdin.",
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to write; by default to stdout.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json"]),
    help="How to write; by default as FILE ends, or as the input.",
)
@click.option("--params", metavar="JSON", help="Parameters of the model, as in '{\"threshold\": 0.5}'.")
@click.option("--trust", multiple=True, metavar="TYPE", help="A type that a skops model may build; may be repeated.")
@click.pass_obj
def command(
    session: Session, ref: str, source: str, target: Path | None, form: Kind | None, params: str | None,
    trust: tuple[str, ...],
) -> None:  # fmt: skip
    """Predict with a model, as its signature says.

    The data is a CSV file with a row of names, or JSON as MLflow's servers take it: dataframe_split,
    dataframe_records, instances or inputs. Loading a model runs code of whoever logged it.
    """
    from gitreg.registry.use.predict import predict_file

    done = predict_file(
        ref, source, target, form=form, params=_params(params), trust=trust, registry=session.open(),
        progress=session.progress,
    )  # fmt: skip
    if target is None:
        click.echo(done.text, nl=False)
    else:
        session.answer(str(target), f"predictions of {done.version or ref} are in {target}")


def _params(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--params is no JSON: {error}", click.get_current_context()) from None
    if not isinstance(found, dict):
        raise click.UsageError("--params is no JSON object", click.get_current_context())
    return found
