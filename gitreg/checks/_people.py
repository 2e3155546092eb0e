"""Who is who: the people behind logins and e-mail addresses, and their signing keys."""

from __future__ import annotations

import re

from gitreg.checks._base import Proposal
from gitreg.format.keys import key_fingerprint
from gitreg.format.policy import Policy

LOCAL = "local"
"""The forge whose people are told by e-mail addresses: pull requests kept in Git."""


def email_of(by: str) -> str:
    """The address in `Name <email>`, "" where there is none."""
    found = re.fullmatch(r".*<([^<>]*)>\s*", by, re.DOTALL)
    return found[1].strip() if found else ""


def person_behind(policy: Policy, forge: str, by: str) -> str:
    """The name in the policy of whoever `by` (a login, or `Name <email>`) is; "" where it is nobody's.

    Without a map of people an address is a person, and so is a login at a forge.
    """
    email = email_of(by)
    if email:
        return policy.who(email)
    if not policy.people:
        return by.casefold()
    return policy.who_logs_in(forge, by) if forge != LOCAL else policy.who(by)


def left_out(proposal: Proposal) -> dict[str, str]:
    """Name (of the policy) -> why their approval does not count: they requested it, or logged the run."""
    found: dict[str, str] = {}
    if proposal.pull:
        for by in proposal.pull.requesters:
            found.setdefault(person_behind(proposal.policy, proposal.pull.forge, by), f"requested it (as {by})")
    if proposal.candidate:
        for by in (proposal.candidate.run.author, proposal.candidate.version.author):
            found.setdefault(person_behind(proposal.policy, LOCAL, by), f"logged the run (as {by})")
    found.pop("", None)
    return found


def nobodies(proposal: Proposal) -> list[str]:
    """Who asks for it, in Git alone, under an address that is nobody's: they may be one of those who approve."""
    pull = proposal.pull
    if pull is None or pull.forge != LOCAL or not proposal.policy.people:
        return []
    return [by for by in pull.requesters if not person_behind(proposal.policy, LOCAL, by)]


def has_key(policy: Policy, who: str, key: str) -> bool:
    """Whether the policy tells that the signing key of that fingerprint is theirs."""
    person = policy.people.get(who)
    return bool(key) and person is not None and any(key == key_fingerprint(own) for own in person.keys)
