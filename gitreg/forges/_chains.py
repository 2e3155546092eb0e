"""The events of pull requests that are kept in Git: chains of commits, read and continued (docs/format.md 1.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.events import Event, format_event, parse_event
from gitreg.format.objects import parse_commit_object
from gitreg.format.pulls import PullRequest, PullState, Review, Verdict
from gitreg.format.times import from_seconds
from gitreg.stores.clock import now
from gitreg.stores.git import Repository
from gitreg.stores.git.signing import signatures_of, write_tree_commit

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_VERDICTS: Mapping[str, Verdict] = {
    "approved": "approve", "changes-requested": "request-changes", "commented": "comment",
}  # fmt: skip
_ENDS: Mapping[str, PullState] = {"merged": "merged", "closed": "closed"}


@dataclass(frozen=True)
class Told:
    """An event, and the commit that tells it: by whom (`Name <email>`), when (RFC 3339)."""

    commit: str
    event: Event
    by: str
    at: str
    when: int


def write_event(git: Repository, event: Event, before: str, *, by: str = "", when: int = 0) -> str:
    """A commit that tells `event` after the one `before` ("" the first); its id. No ref is changed."""
    seconds = when or int(now().timestamp())
    empty = git.write("mktree", what="cannot write an empty tree").decode().strip()
    parents = [before] if before else []
    return write_tree_commit(git, empty, parents, format_event(event), by or git.identity(), seconds)


def read_chains(git: Repository, tips: Mapping[str, str]) -> dict[str, tuple[Told, ...] | GitregError]:
    """The events of each pull request, oldest first, by its number; `tips` are the last commits by number.

    A chain that is no such chain is told as the error it is: one of them does not hide the others.
    """
    if not tips:
        return {}
    asked = "".join(f"{oid}\n" for oid in tips.values())
    listed = git.read("rev-list", "--stdin", data=asked.encode())
    if listed.code:
        raise Damaged(f"git cannot read the pull requests: {listed.err}", "git fsck")
    oids = listed.out.decode().split()
    texts = {oid: content for oid, (_, kind, content) in zip(oids, git.objects(oids), strict=True) if kind == "commit"}
    found: dict[str, tuple[Told, ...] | GitregError] = {}
    for number, tip in tips.items():
        try:
            found[number] = _chain(number, tip, texts)
        except GitregError as error:
            found[number] = error
    return _without_copies(found)


def _chain(number: str, tip: str, texts: Mapping[str, bytes]) -> tuple[Told, ...]:
    what = f"pull request {number}"
    hint = f"somebody changed its events by hand: git log refs/gitreg/pulls/{number}/meta"
    told: list[Told] = []
    at = tip
    while at:
        if at not in texts:
            raise Damaged(f"{what}: its event {at[:12]} is not here", hint)
        commit = parse_commit_object(texts[at], f"{what}: its event {at[:12]}")
        if commit.tree != EMPTY_TREE:
            raise Damaged(f"{what}: its event {at[:12]} holds files", hint)
        if len(commit.parents) > 1:
            raise Damaged(f"{what}: its event {at[:12]} follows two others", hint)
        try:
            event = parse_event(commit.message, f"{what}: its event {at[:12]}")
        except Damaged as error:
            raise Damaged(
                error.message if what in error.message else f"{what}: its event {at[:12]}: {error.message}", hint
            ) from None
        told.append(Told(at, event, commit.author, from_seconds(commit.when), commit.when))
        at = commit.parents[0] if commit.parents else ""
    first = told[-1].event
    if first.kind != "opened" or not (first.head and first.branch and first.base):
        raise Damaged(f"{what} does not begin with what it proposes", hint)
    if any(each.event.kind == "opened" for each in told[:-1]):
        raise Damaged(f"{what} is opened twice", hint)
    return tuple(reversed(told))


def _without_copies(found: Mapping[str, tuple[Told, ...] | GitregError]) -> dict[str, tuple[Told, ...] | GitregError]:
    """Of two that begin with the same event the one with the higher number is a copy: what was said is not its own."""
    first: dict[str, str] = {}
    kept: dict[str, tuple[Told, ...] | GitregError] = {}
    for number in sorted(found, key=by_number):
        chain = found[number]
        if not isinstance(chain, GitregError) and number.isdecimal():
            original = first.setdefault(chain[0].commit, number)
            if original != number:
                chain = Damaged(f"pull request {number} is a copy of pull request {original}", "ask who pushed it")
        kept[number] = chain
    return kept


def by_number(number: str) -> tuple[int, str]:
    """How numbers sort: as numbers, those not sent yet after the others."""
    return (int(number), "") if number.isdecimal() else (1 << 40, number)


def pull_of(number: str, chain: Iterable[Told]) -> PullRequest:
    """The pull request that its events tell."""
    opened, *rest = chain
    title, body, head = opened.event.title, opened.event.text, opened.event.head
    state: PullState = "open"
    merged = ""
    for each in rest:
        event = each.event
        if state == "open" and event.kind == "updated":
            title, body, head = event.title or title, event.text, event.head or head
        elif event.kind in _ENDS and state != "merged":
            state, merged = _ENDS[event.kind], event.merged
    return PullRequest(number, "", title, body, opened.event.branch, head, opened.event.base, opened.by, state,
                       opened.at, merged)  # fmt: skip


def with_proposer(git: Repository, pull: PullRequest, chain: Iterable[Told]) -> PullRequest:
    """`pull` with who put what is at its head there, and with which key; who only changed its text did not."""
    opened, *rest = chain
    last = opened
    for each in rest:
        if each.event.kind == "updated" and each.event.head not in {"", last.event.head}:
            last = each
    return replace(pull, proposer=last.by, signed=signatures_of(git, [last.commit])[last.commit].key)


def reviews_of(git: Repository, chain: Iterable[Told]) -> list[Review]:
    """What was said, oldest first. An approval whose signature is broken is a comment, and any verdict after the end.

    Who asks for changes blocks all the same: that a server does not know their key must not let a merge pass.
    """
    chain = list(chain)
    spoken = [each for each in chain if each.event.kind in _VERDICTS]
    keys = signatures_of(git, [each.commit for each in spoken if each.event.kind != "commented"])
    ended = next((at for at, each in enumerate(chain) if each.event.kind == "merged"), len(chain))
    late = {each.commit for each in chain[ended:]}
    found = []
    for each in spoken:
        event, signed = each.event, keys.get(each.commit)
        broken = signed.broken if signed and event.kind == "approved" else ""
        if each.commit in late and event.kind != "commented":
            broken = broken or "it was given after the merge"
        verdict: Verdict = "comment" if broken else _VERDICTS[event.kind]
        key, why = (signed.key if signed else ""), (f"{event.kind}, but {broken}" if broken else "")
        found.append(Review(each.by, verdict, event.head, each.at, event.text, event.content, key, why))
    return found


def check_text(text: str, longest: int, what: str) -> str:
    """`text`, if it is not longer than `longest` characters. Refused otherwise."""
    if len(text) > longest:
        raise Refused(f"{what} has {len(text)} characters; {longest} is the most", "say it shorter")
    return text
