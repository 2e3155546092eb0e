"""The rules for the registry's branch: it goes forward, and what its policy guards comes by pull requests alone."""

from __future__ import annotations

from dataclasses import dataclass

from gitreg.registry.hooks.push import CONFIG, Push, Update

_STAGES = "stages"
_GUARDED = frozenset({_STAGES, CONFIG})
_FORWARD = "git fetch, then git merge or git rebase what is yours onto it"


@dataclass(frozen=True)
class Step:
    """A commit of main's first-parent line that changes stage files or gitreg.yaml."""

    commit: str
    parents: tuple[str, ...]


def check(push: Push, update: Update) -> list[Step]:
    """Judge what main shall become; the steps on its way that the policy has something to say of."""
    if not update.new:
        push.wrong(update.ref, "the registry's branch is never deleted", "git push the branch that you mean")
        return []
    if not update.old:
        _begun(push, update)
        return []
    if not push.incoming.is_ancestor(update.old, update.new):
        push.wrong(update.ref, "main only goes forward, and this would take commits from it", _FORWARD)
        return []
    line = _line(push, update)
    if not line or line[0].parents[:1] != (update.old,):
        text = "main would be merged into another branch, and its line of first parents would be lost"
        push.wrong(update.ref, text, "git switch main; git merge --no-ff THE-OTHER-BRANCH; git push")
        return []
    for name in push.incoming.entries(push.incoming.tree_of(update.new)):
        if name.casefold() in _GUARDED and name not in _GUARDED:
            text = f"{name} differs from {name.casefold()} in case only: some machines check out one for the other"
            push.wrong(update.ref, text, "git mv it to another name")
    return [step for step in line if _touches(push, step)]


def _begun(push: Push, update: Update) -> None:
    """The first push of a registry has no policy before it; what it begins with must be valid."""
    incoming = push.incoming
    tree = incoming.tree_of(update.new)
    config = incoming.at(tree, CONFIG)
    if config:
        from gitreg.errors import GitregError
        from gitreg.format.config import parse_config
        from gitreg.format.policy import parse_policy

        for parse in (parse_config, parse_policy):
            try:
                parse(incoming.content(config)[1])
            except GitregError as error:
                push.wrong(update.ref, error.message, error.hint or f"mend {CONFIG}")


def _line(push: Push, update: Update) -> list[Step]:
    """The commits that are pushed to main's first-parent line, oldest first."""
    asked = ["rev-list", "--first-parent", "--reverse", "--parents", f"{update.old}..{update.new}"]
    lines = push.incoming.start(*asked).out().decode().splitlines()
    found = [Step(oids[0], tuple(oids[1:])) for oids in map(str.split, lines)]
    push.incoming.read(oid for step in found for oid in (step.commit, *step.parents[:1]))
    push.incoming.read(push.incoming.tree_of(oid) for step in found for oid in (step.commit, *step.parents[:1]))
    return found


def _touches(push: Push, step: Step) -> bool:
    incoming = push.incoming
    before, after = (incoming.tree_of(oid) for oid in (step.parents[0], step.commit))
    return any(incoming.at(before, name) != incoming.at(after, name) for name in _GUARDED)
