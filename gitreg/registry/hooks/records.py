"""The rules for records of what stages began to run: each is the one that main and its pull requests tell."""

from __future__ import annotations

from collections.abc import Sequence

from gitreg.errors import GitregError
from gitreg.forges.local import LocalForge
from gitreg.format.policy import parse_policy
from gitreg.format.tags import RecordTag
from gitreg.registry.hooks.push import CONFIG, Push, Update
from gitreg.registry.hooks.view import registry_of, view
from gitreg.registry.place import Registry
from gitreg.registry.promotion.records import record_by
from gitreg.registry.promotion.timeline import timeline
from gitreg.stores.git import Repository


def check_records(push: Push, made: Sequence[tuple[Update, RecordTag, bool]]) -> None:
    """Refuse what tells of a change that main does not have, or of other people than approved it.

    Whoever reads records offline has nothing else to go by, and a tag never moves. Those that tell nothing but their
    names (False) pass where no policy says how a stage changes: GTO takes them for what the stage runs.
    """
    with view(push) as git:
        place = registry_of(push, git)
        forge = LocalForge(git, "", push.branch)
        guarded = _is_guarded(git, push.refs[push.main])
        for update, name, told in made:
            if not (told or guarded):
                continue
            try:
                if text := _wrong(place, forge, push.after(push.main), update.new, name):
                    push.wrong(update.ref, text, "gitreg pr merge, or gitreg ci run, writes records")
            except GitregError as error:
                push.wrong(update.ref, error.message, error.hint)


def _is_guarded(git: Repository, main: str) -> bool:
    try:
        return bool(parse_policy(git.content(f"{main}:{CONFIG}", CONFIG)).stages)
    except GitregError:  # a policy that nobody can read guards everything
        return True


def _wrong(place: Registry, forge: LocalForge, main: str, tag: str, name: RecordTag) -> str:
    changes = timeline(place, stage=name.stage, model=name.model, tip=main) if main else []
    if len(changes) < name.number:
        return f"main changed {name.stage} of {name.model} {len(changes)} time{'s' * (len(changes) != 1)} only"
    pulls = [*forge.pulls("merged"), *forge.pulls("open")]
    change = record_by(place, changes[name.number - 1], pulls, forge)
    return "" if change.new == tag else "it is not what main and its pull requests tell of that change"
