"""gitreg predict REF -i FILE: predictions of a model for a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Count, Session, verb

if TYPE_CHECKING:
    from gitreg.registry.use.data.predictions import Kind


@verb("predict", "registry", "offline", "max_stale", instead={"json": "--format json writes the predictions as JSON"})
@click.argument("ref", shell_complete=references)
@click.option(
    "-i",
    "--input",
    "source",
    required=True,
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="CSV (also .csv.gz), parquet or JSON; - is stdin.",
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
    type=click.Choice(["csv", "json", "parquet"]),
    help="How to write; by default as FILE ends, or as the input.",
)
@click.option(
    "--chunk-rows",
    type=Count(),
    metavar="N",
    help="Rows to predict at a time; by default 50000, fewer of wide ones; 0 is all at once.",
)
@click.option(
    "--env",
    type=click.Choice(["local", "uv", "venv", "conda"]),
    default="local",
    show_default=True,
    help="Predict in this Python, or in the model's own environment, made by that.",
)
@click.option("--params", metavar="JSON", help="Parameters of the model, as in '{\"threshold\": 0.5}'.")
@click.option(
    "--trust", multiple=True, metavar="NAME", help="A name that loading may use, as its error tells; may be repeated."
)
@click.pass_obj
def command(
    session: Session, ref: str, source: str, target: Path | None, form: Kind | None, params: str | None,
    trust: tuple[str, ...], chunk_rows: int | None, env: str,
) -> None:  # fmt: skip
    """Predict with a model, as its signature says.

    The data is a CSV file with a row of names, a parquet file, or JSON as MLflow's servers take it: dataframe_split,
    dataframe_records, instances or inputs. CSV and parquet may be larger than the memory: they are predicted in
    chunks, in order, and each row is typed as if all were read at once. A model whose predictions depend on the whole
    table needs --chunk-rows 0. JSON is read at once. Loading a model runs code of whoever logged it.
    """
    from gitreg.registry.use.predict import predict_file

    out = target if target is not None else sys.stdout.buffer
    done = predict_file(
        ref, source, out, form=form, params=_params(params), chunk_rows=chunk_rows, trust=trust,
        registry=session.open(), env=env, progress=session.progress, steps=session.steps,
    )  # fmt: skip
    if target is not None:
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
