"""gitreg pr list, show, diff, open, comment, review, merge, close: pull requests, wherever they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from gitreg.cli._session import Session, verb
from gitreg.cli._table import Column, print_table, printable
from gitreg.cli._words import show_time

if TYPE_CHECKING:
    from gitreg.format.pulls import PullRequest, PullState, Verdict
    from gitreg.registry.place import Registry
    from gitreg.registry.promotion.pulls import Said

_STATES = ("open", "merged", "closed", "all")
_VERDICTS = {"approve": "approves", "request-changes": "asks for changes", "comment": "says"}
_SHORT = 12

number = click.argument("number", metavar="N")


@click.group("pr")
def command() -> None:
    """List, read, review, merge and close pull requests."""


@verb("list", "registry", "json", "offline", "max_stale")
@click.option("--state", type=click.Choice(_STATES), default="open", show_default=True, help="Those of this state.")
@click.pass_obj
def list_(session: Session, state: str) -> None:
    """List pull requests, the newest first."""
    from gitreg.registry.promotion.pulls import list_pulls

    place = session.open()
    wanted = None if state == "all" else cast("PullState", state)
    found = list_pulls(wanted, registry=place)
    if session.json:
        _print_json(session, place, "list", pulls=[pull.to_dict() for pull in found])
        return
    if session.quiet:
        for pull in found:
            click.echo(pull.number)
        return
    if not found:
        session.say("no pull request" if state == "all" else f"no pull request is {state}")
        return
    colours = {"open": "green", "merged": "magenta", "closed": "red"}
    print_table(
        [Column("NUMBER", whole=True), Column("STATE", colours=colours), Column("TITLE"), Column("BY"), Column("WHEN")],
        [(pull.number, pull.state, pull.title, _name(pull.author), show_time(pull.at)) for pull in found],
    )


@verb("show", "registry", "json", "offline", "max_stale")
@number
@click.pass_obj
def show(session: Session, number: str) -> None:
    """Show a pull request and what was said of it.

    Of each verdict: whether it is signed, and by which key; and why it does not count, where it does not.
    """
    from gitreg.registry.promotion.pulls import show_pull

    place = session.open()
    found = show_pull(number, registry=place)
    pull = found.pull
    if session.json:
        said = [each.to_dict() for each in found.said]
        _print_json(session, place, "show", pull=pull.to_dict(), said=said)
        return
    from gitreg.cli._facts import print_facts
    from gitreg.format.body import without_json

    print_facts(
        ("number", pull.number),
        ("title", pull.title),
        ("state", f"{pull.state} as {pull.merged_commit[:_SHORT]}" if pull.merged_commit else pull.state),
        ("branch", f"{pull.head} at {pull.head_commit[:_SHORT]}"),
        ("base", pull.base),
        ("by", pull.author),
        ("opened", show_time(pull.at)),
        ("address", pull.url),
    )
    if pull.body and not session.quiet:
        click.echo(f"\n{printable(without_json(pull.body))}".rstrip("\n"))
    for each in found.said:
        _print_said(each)


def _print_said(each: Said) -> None:
    review = each.review
    remark = f" ({each.remark})" if each.remark else ""
    line = f"{review.by} {_VERDICTS[review.verdict]}{remark}, {show_time(review.at)}"
    colour = {"approve": "green", "request-changes": "red", "comment": ""}[review.verdict]
    if each.counts is False:
        colour = "yellow"
    click.echo("\n" + click.style(printable(line), fg=colour or None))
    for text in printable(review.text).split("\n") if review.text else ():
        click.echo(f"    {text}".rstrip())


@verb("diff", "registry", "json", "offline")
@number
@click.pass_obj
def diff(session: Session, number: str) -> None:
    """Show what a pull request changes."""
    from gitreg.registry.promotion.pulls import diff_pull

    place = session.open()
    pull, text = diff_pull(number, registry=place)
    if session.json:
        _print_json(session, place, "diff", pull=pull.to_dict(), diff=text)
    elif text:
        click.echo(printable(text.rstrip("\n")))


@verb("open", "registry", "json", "offline", "dry_run")
@click.argument("branch", metavar="BRANCH")
@click.option("-m", "--title", default="", metavar="TITLE", help="Without it, the first line of the last commit.")
@click.option("--body", default="", metavar="TEXT", help="What more there is to say.")
@click.pass_obj
def open_(session: Session, branch: str, title: str, body: str) -> None:
    """Propose to merge BRANCH into main, whatever it changes.

    Given again, it brings the open pull request up to date with the branch. `gitreg promote` proposes what a stage
    shall run, and writes the branch for it.
    """
    from gitreg.registry.promotion.pulls import open_pull

    place = session.open()
    pull = open_pull(branch, title, body, registry=place, dry_run=session.dry_run)
    if session.json:
        _print_json(session, place, "open", pull=pull.to_dict())
        return
    if session.dry_run:
        session.answer(pull.head, f"{printable(pull.title)}: {pull.head} would be proposed for {pull.base}")
    else:
        where = pull.url or f"pull request {pull.number}"
        session.answer(pull.url or pull.number, f"{where} is open: {printable(pull.title)}")


@verb("comment", "registry", "json", "offline", "dry_run")
@number
@click.option("-m", "--message", "text", required=True, metavar="TEXT", help="What there is to say.")
@click.pass_obj
def comment(session: Session, number: str, text: str) -> None:
    """Say something on a pull request."""
    from gitreg.registry.promotion.pulls import comment_pull

    place = session.open()
    pull = comment_pull(number, text, registry=place, dry_run=session.dry_run)
    _done(session, place, "comment", pull, "commented on")


@verb("review", "registry", "json", "offline", "dry_run")
@number
@click.option("--approve", "verdict", flag_value="approve", help="It may be merged as it is.")
@click.option("--request-changes", "verdict", flag_value="request-changes", help="It may not, for the reason given.")
@click.option("--comment", "verdict", flag_value="comment", help="Only say something.")
@click.option("-m", "--message", "text", default="", metavar="TEXT", help="The reason; an approval needs none.")
@click.pass_obj
def review(session: Session, number: str, verdict: str | None, text: str) -> None:
    """Approve a pull request as it is now, or ask for changes.

    In bare Git a verdict is signed where git's user.signingkey is set; one that is not could be anybody's.
    """
    from gitreg.registry.promotion.pulls import review_pull

    if verdict is None:
        raise click.UsageError("say what you think: --approve, --request-changes or --comment")
    place = session.open()
    pull, said = review_pull(number, cast("Verdict", verdict), text, registry=place, dry_run=session.dry_run)
    if session.json:
        own = None if said is None else [said.to_dict()]
        _print_json(session, place, "review", pull=pull.to_dict(), said=own)
        return
    done = {"approve": "approved", "request-changes": "sent back for changes", "comment": "commented on"}[verdict]
    _done(session, place, "review", pull, done, f", but {said.why}" if said and said.why else "")


@verb("merge", "registry", "json", "dry_run")
@number
@click.option("--emergency", is_flag=True, help="Without approvals; for those whom gitreg.yaml names, with a reason.")
@click.option("-m", "--why", default="", metavar="WHY", help="The reason, for those who find it later.")
@click.pass_obj
def merge(session: Session, number: str, emergency: bool, why: str) -> None:
    """Merge a pull request, if everything is there that main's policy asks for.

    It is checked once more against main as it is now. Main and the public record change together, or nothing does.
    """
    from gitreg.registry.promotion.merge import merge

    place = session.open()
    merged = merge(number, emergency=emergency, why=why, registry=place, dry_run=session.dry_run)
    if session.json:
        _print_json(session, place, "merge", pull=merged.pull.to_dict(), commit=merged.commit or None,
                    record=list(merged.record))  # fmt: skip
        return
    _done(session, place, "merge", merged.pull, "merged")
    for name in merged.record:
        session.say(f"recorded as {name}")


@verb("close", "registry", "json", "offline", "dry_run")
@number
@click.pass_obj
def close(session: Session, number: str) -> None:
    """Close a pull request without merging it."""
    from gitreg.registry.promotion.pulls import close_pull

    place = session.open()
    pull = close_pull(number, registry=place, dry_run=session.dry_run)
    _done(session, place, "close", pull, "closed")


def _done(session: Session, place: Registry, action: str, pull: PullRequest, done: str, but: str = "") -> None:
    if session.json:
        _print_json(session, place, action, pull=pull.to_dict())
        return
    verb = "would be" if session.dry_run else "is"
    rest = but or f": {pull.title}"
    session.answer(pull.number, f"pull request {pull.number} {verb} {done}{printable(rest)}")


def _print_json(session: Session, place: Registry, action: str, **facts: object) -> None:
    empty: dict[str, object] = dict.fromkeys(("pulls", "pull", "said", "diff", "commit", "record"))
    session.print_json("pr", place, action=action, dry_run=session.dry_run, **empty | facts)


def _name(author: str) -> str:
    return author.partition(" <")[0]


for each in (list_, show, diff, open_, comment, review, merge, close):
    command.add_command(each)
