"""The rules for pull requests that are kept in Git, and for notes: what was said is only added to."""

from __future__ import annotations

import re

from gitreg.errors import GitregError
from gitreg.forges._chains import pull_of, read_chains
from gitreg.format.events import pull_refs
from gitreg.registry.hooks.push import NOTES, PULLS, Push, Update
from gitreg.registry.hooks.view import view
from gitreg.stores.git import Repository

_PULL = re.compile(r"refs/gitreg/pulls/([1-9][0-9]{0,8})/(head|meta)")


def check(push: Push) -> None:
    """Judge the refs of pull requests and of notes that are pushed."""
    numbers: dict[str, dict[str, Update]] = {}
    for update in push.updates:
        if update.ref == NOTES:
            _forward(push, update, "notes are only added to", "gitreg push joins them")
        elif update.ref.startswith(("refs/gitreg/", "refs/replace/")) and not update.ref.startswith(PULLS):
            if update.new:
                push.wrong(update.ref, "a registry takes no such ref", "push branches, tags and pull requests alone")
        elif update.ref.startswith(PULLS):
            found = _PULL.fullmatch(update.ref)
            if not found:
                push.wrong(update.ref, "it is no ref of a pull request", "gitreg pr makes them")
            elif not update.new:
                push.wrong(update.ref, "a pull request is closed, and not deleted", f"gitreg pr close {found[1]}")
            else:
                numbers.setdefault(found[1], {})[found[2]] = update
    if numbers:
        _numbered(push, numbers)
        with view(push) as git:
            for number, parts in sorted(numbers.items(), key=lambda item: int(item[0])):
                _pull(push, git, number, parts)


def _numbered(push: Push, numbers: dict[str, dict[str, Update]]) -> None:
    """A new one has the next number: in a gap a copy would come before what it was copied from."""
    listed = push.incoming.start("for-each-ref", "--format=%(refname)", "--", PULLS).out().decode("utf-8", "replace")
    highest = max((int(found[1]) for ref in listed.splitlines() if (found := _PULL.fullmatch(ref))), default=0)
    for number, parts in sorted(numbers.items(), key=lambda item: int(item[0])):
        if (meta := parts.get("meta")) and not meta.old:
            if int(number) != highest + 1:
                text = f"the next number is {highest + 1}"
                push.wrong(meta.ref, text, "gitreg pr gives it", late=int(number) <= highest)
            highest = max(highest, int(number))


def _forward(push: Push, update: Update, rule: str, hint: str) -> bool:
    if update.new and (not update.old or push.incoming.is_ancestor(update.old, update.new)):
        return True
    push.wrong(update.ref, f"{rule}, and this would take some away", hint)
    return False


def _pull(push: Push, git: Repository, number: str, parts: dict[str, Update]) -> None:
    head_ref, meta_ref = pull_refs(number)
    meta, head = parts.get("meta"), parts.get("head")
    if meta and not _forward(push, meta, "what was said of a pull request is only added to", "gitreg pr show"):
        return
    tip = git.find_ref(meta_ref)
    if not tip:
        push.wrong(head_ref, "it comes without what is proposed: its other ref is missing", "gitreg pr makes both")
        return
    before = meta.old if meta else tip
    chains = read_chains(git, {number: tip})
    chain = chains[number]
    if isinstance(chain, GitregError):
        push.wrong(meta_ref, chain.message, chain.hint)
        return
    pull = pull_of(number, chain)
    at = next((place for place, told in enumerate(chain, 1) if told.commit == before), 0)
    was = pull_of(number, chain[:at]) if at else None
    if head and was and was.state == "merged":
        push.wrong(head_ref, "its pull request is merged, and stays what was merged", "propose a new one")
    elif git.find_ref(head_ref) != pull.head_commit:
        text = f"it is at {git.find_ref(head_ref)[:12] or 'nothing'}, and its events say {pull.head_commit[:12]}"
        push.wrong(head_ref, text, "gitreg pr and gitreg promote move both")
    if pull.state == "merged" and (was is None or was.state != "merged"):
        main = push.after(push.main)
        if not (main and pull.merged_commit and push.incoming.is_ancestor(pull.merged_commit, main)):
            push.wrong(meta_ref, "it says that it is merged, and main does not have that", f"gitreg pr merge {number}")
