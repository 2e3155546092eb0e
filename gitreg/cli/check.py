"""gitreg check: what a promotion is judged by, asked by hand or by continuous integration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitreg.cli._complete import references, stages
from gitreg.cli._session import Session, verb

if TYPE_CHECKING:
    from gitreg.checks._base import Problem, Report, Result
    from gitreg.registry.promotion.check import Checked

NO = 1
_MARKS = {"passed": ("ok", "green"), "failed": ("fail", "red"), "warned": ("note", "yellow"), "skipped": ("-", "")}
_WIDTH = 4
_CONFIG = "gitreg.yaml"


@verb("check", "registry", "json", "offline")
@click.argument("ref", required=False, metavar="[REF | BASE..HEAD]", shell_complete=references)
@click.option("--pr", metavar="N", help="The pull request of that number.")
@click.option("--stage", default="", metavar="STAGE", shell_complete=stages,
              help="As if REF were promoted to STAGE now; nobody has to approve it.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text",
              help="github: annotations for a workflow's log.")  # fmt: skip
@click.option("--run/--no-run", default=None, help="Run the commands of gitreg.yaml or not. By default: with --pr.")
@click.option("--no-payloads", is_flag=True, help="Do not ask the payload store.")
@click.option("--status", is_flag=True, help="Tell the forge the outcome, of --pr.")
@click.option("--body", is_flag=True, help="Write the report into the promotion's description, of --pr.")
@click.pass_context
def command(
    ctx: click.Context, ref: str | None, pr: str | None, stage: str, form: str, run: bool | None,
    no_payloads: bool, status: bool, body: bool,
) -> None:  # fmt: skip
    """Judge a version, a change or a pull request as a promotion is judged.

    With nothing named: gitreg.yaml, cards and stage files of main. BASE..HEAD are commits. Ends with 1 if a check
    fails; notes block nothing.
    """
    from gitreg.registry.promotion.check import check_all

    session = ctx.ensure_object(Session)
    place = session.open()
    found = check_all(
        ref, pr=pr, stage=stage, run=run, payloads=not no_payloads, status=status, body=body, registry=place
    )
    if session.json or form == "json":
        session.print_json("check", place, **found.to_dict())
    elif form == "github":
        for line in github_lines(found):
            click.echo(line)
    else:
        _print(session, found)
    if not found.ok:
        ctx.exit(NO)


def github_lines(found: Checked) -> list[str]:
    """A line for each problem as GitHub's runner reads it, in the file and on the line where it stands."""
    return [
        _annotation(report, result, problem)
        for report in found.reports
        for result in report.results
        for problem in result.problems
    ]


def _annotation(report: Report, result: Result, problem: Problem) -> str:
    where = {"file": problem.path, "line": str(problem.line or ""), "title": f"{result.check}: {report.subject}"}
    shown = ",".join(f"{key}={_escaped(text, ':,')}" for key, text in where.items() if text)
    text = problem.text + (f"\n{problem.hint}" if problem.hint else "")
    return f"::{'error' if problem.blocks else 'warning'} {shown}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    """`text` with what ends a value, or a command of the runner's, percent-encoded."""
    for letter in "%\r\n" + more:
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text


def _print(session: Session, found: Checked) -> None:
    from gitreg.cli._table import printable

    for report in found.reports:
        shown = [r for r in report.results if not session.quiet or r.state in {"failed", "warned"}]
        if not shown:
            continue
        click.echo(click.style(printable(report.subject), bold=True))
        width = max(len(result.check) for result in shown)
        for result in shown:
            word, colour = _MARKS[result.state]
            mark = click.style(f"{word:<{_WIDTH}}", fg=colour or None)
            click.echo(f"  {mark}  {result.check:<{width}}  {printable(result.about)}".rstrip())
            for problem in result.problems:
                indent = " " * (_WIDTH + 4)
                for line in problem.text.splitlines():
                    click.echo(f"{indent}{printable(line)}")
                if problem.hint:
                    click.echo(f"{indent}{click.style(printable(problem.hint), fg='cyan')}")
    failed = [result.check for report in found.reports for result in report.results if result.state == "failed"]
    if not found.reports:
        session.say(f"{found.what}: no stage file, card or {_CONFIG} changes")
    else:
        session.say(f"{found.what}: {f'{len(failed)} failed' if failed else 'nothing is in the way'}")
