"""gitreg doctor: what could keep the registry from working here."""

from __future__ import annotations

import click

from gitreg.cli._session import Session, verb

NO = 1


@verb("doctor", "registry", "json", "offline")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Look for what is wrong on this machine, and say what mends it.

    Ends with 1 if something is wrong.
    """
    from gitreg.registry.care.doctor import doctor

    session = ctx.ensure_object(Session)
    findings = doctor(session.registry, offline=session.offline or None)
    if session.json:
        session.print_json("doctor", None, ok=all(f.ok for f in findings), findings=[f.to_dict() for f in findings])
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = click.style("ok   ", fg="green") if finding.ok else click.style("wrong", fg="red")
            if finding.ok and session.quiet:
                continue
            click.echo(f"{mark}  {finding.name:<{width}}  {finding.message}")
            if finding.hint:
                click.echo(f"{'':7}{'':{width}}  {click.style(finding.hint, fg='cyan')}")
    if not all(finding.ok for finding in findings):
        ctx.exit(NO)
