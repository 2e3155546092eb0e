"""gitreg serve REF: a model behind HTTP, in MLflow's scoring protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitreg.cli._complete import references
from gitreg.cli._session import Age, Session, verb

if TYPE_CHECKING:
    from gitreg.serve._base import Served


class _Size(click.ParamType[int]):
    """Bytes, as in 64MiB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from gitreg.format.config import parse_size

        found = parse_size(int(value) if str(value).isdigit() else value)
        if not found:
            raise click.UsageError(f"--max-body is {value!r}, not a size as 64MiB", ctx)
        return found


@verb(
    "serve", "registry", "offline", "max_stale",
    instead={"json": "/health of the server is JSON", "dry_run": "gitreg pull -n REF only fetches and verifies"},
)  # fmt: skip
@click.argument("ref", required=False, shell_complete=references)
@click.option("--model-dir", metavar="DIR", type=click.Path(path_type=Path), help="A model directory instead of REF.")
@click.option("--digest", metavar="SHA256", help="What DIR must be: sha256:..., as `gitreg show` tells it.")
@click.option(
    "--name", metavar="TEXT", help="What DIR is called in answers, as churn@v1.3.0; by default as the folder."
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="0.0.0.0 for every address.")
@click.option("--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that answer.")
@click.option("--follow", is_flag=True, help="Serve what REF names, also when that changes.")
@click.option("--every", type=Age(), metavar="AGE", help="With --follow, how often to look; by default 30s.")
@click.option(
    "--env",
    type=click.Choice(["local", "uv", "venv", "conda"]),
    default="local",
    show_default=True,
    help="Load it into this Python, or into its own environment, made by that.",
)
@click.option(
    "--trust", multiple=True, metavar="NAME", help="A name that loading may use, as its error tells; may be repeated."
)
@click.option("--max-body", type=_Size(), default="64MiB", show_default=True, metavar="SIZE", help="Of a request.")
@click.option("--timeout", type=Age(), default="60s", show_default=True, metavar="AGE", help="For a request.")
@click.pass_obj
def command(
    session: Session, ref: str | None, model_dir: Path | None, digest: str | None, name: str | None, host: str,
    port: int, workers: int, follow: bool, every: float | None, env: str, trust: tuple[str, ...], max_body: int,
    timeout: float,
) -> None:  # fmt: skip
    """Serve a model over HTTP.

    The protocol is that of MLflow's servers: POST /invocations with JSON, CSV or parquet. /docs tells what the model
    takes. The model is fetched, verified and loaded before anything listens; SIGTERM answers what was asked, and ends.
    """
    _check(ref, model_dir, {"--digest": digest, "--name": name}, follow, every)
    _check_times(every, timeout)
    try:
        from gitreg.serve.run import serve
        from gitreg.serve.settings import Settings, What
    except ModuleNotFoundError as error:
        raise _lacks(error) from error
    from gitreg.serve.settings import How

    what = What(
        ref, model_dir, digest, session.registry, session.offline or None, (every or 30.0) if follow else None,
        session.max_stale, How(env, trust), name,
    )  # fmt: skip

    def ready(served: Served, address: str) -> None:
        if not session.quiet:
            click.echo(f"serving {served.name} on {address}", err=True)

    serve(Settings(what, host, port, workers, max_body, timeout, session.verbose), ready, session.progress)


def _check(
    ref: str | None, model_dir: Path | None, of_folder: Mapping[str, str | None], follow: bool, every: float | None
) -> None:
    context = click.get_current_context()
    if (ref is None) == (model_dir is None):
        raise click.UsageError("serve takes a REF or --model-dir DIR", context)
    for option, value in of_folder.items():
        if value is not None and model_dir is None:
            raise click.UsageError(f"{option} is for --model-dir: a REF tells its own", context)
    if follow and model_dir is not None:
        raise click.UsageError("--follow takes a REF: a directory follows nothing", context)
    if every is not None and not follow:
        raise click.UsageError("--every is for --follow", context)


def _check_times(every: float | None, timeout: float) -> None:
    for option, seconds in (("--every", every), ("--timeout", timeout)):
        if seconds == 0:
            raise click.UsageError(f"{option} is longer than 0s", click.get_current_context())


def _lacks(error: ModuleNotFoundError) -> Exception:
    from gitreg.errors import Unsupported

    missing = (error.name or "").split(".")[0]
    if missing not in ("fastapi", "prometheus_client", "starlette", "uvicorn"):
        return error
    return Unsupported(f"serving needs {missing}, which is not installed", "pip install 'gitreg[serve]'")
