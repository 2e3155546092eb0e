"""Payloads: every pointer is one, and the store has the bytes it stands for."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.checks._base import Problem, Proposal
from gitreg.checks._words import problem_at
from gitreg.errors import GitregError
from gitreg.format.pointer import SUFFIX, parse_pointer

ABOUT = "every payload is in the payload store, of the right size and hash"

_NAME = "payloads"


def applies(proposal: Proposal) -> bool:
    """Where there is a version."""
    return proposal.candidate is not None


def problems(proposal: Proposal) -> Iterator[Problem]:
    """Pointers first, then what the store says."""
    assert proposal.candidate
    contents = proposal.candidate
    for path, text in sorted(contents.texts.items()):
        if path.endswith(SUFFIX):
            yield from _pointer(proposal, path, text)
    push = f"gitreg push {contents.version}, from a machine that has it"
    for fact in contents.payloads or ():
        if fact.state == "unknown":
            said = f"nobody could tell whether {fact.path} is in the payload store: {fact.why or 'no answer'}"
            yield problem_at(proposal, said, "digest", hint="give the command again when it answers", blocks=False)
        elif fact.state == "missing":
            size = f"{fact.size:,} byte{'s' * (fact.size != 1)}"
            said = f"the payload {fact.path} ({size}, md5 {fact.md5}) is not in the payload store"
            yield problem_at(proposal, said, "digest", hint=push)
        elif fact.state == "wrong":
            said = f"the payload {fact.path} in the payload store is {fact.why or 'another one'}"
            yield problem_at(proposal, said, "digest", hint=push)
    if contents.payloads is None and _NAME in proposal.rules.require and not proposal.quick:
        yield problem_at(proposal, "the payload store was not asked", hint="gitreg check without --no-payloads")


def found(proposal: Proposal) -> str:
    """How many, and how large."""
    assert proposal.candidate
    facts = proposal.candidate.payloads
    if facts is None:
        return "the pointers are right; the payload store was not asked"
    size = sum(fact.size for fact in facts)
    return f"{len(facts)} payload{'s' * (len(facts) != 1)}, {size:,} byte{'s' * (size != 1)}"


def _pointer(proposal: Proposal, path: str, text: bytes) -> Iterator[Problem]:
    assert proposal.candidate
    name = path.removesuffix(SUFFIX).rsplit("/", 1)[-1]
    try:
        pointer = parse_pointer(text, f"{path} of {proposal.candidate.version}")
    except GitregError as error:
        yield problem_at(proposal, error.message, "digest", hint=error.hint)
        return
    if pointer.path != name:
        said = f"{path} of {proposal.candidate.version} is a pointer to {pointer.path!r}, another file"
        yield problem_at(proposal, said, "digest", hint="gitreg fsck")
