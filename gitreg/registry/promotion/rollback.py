"""Proposing that a stage runs again what it ran before."""

from __future__ import annotations

import os
from dataclasses import replace

from gitreg.errors import Conflict, GitregError, NotFound, Refused
from gitreg.format.names import check_model_name, check_stage_name
from gitreg.format.pulls import PullRequest
from gitreg.format.stage_file import parse_stage_file
from gitreg.format.trailers import clean_prose
from gitreg.registry.place import CONFIG_FILE, Registry, open_registry, writable
from gitreg.registry.promotion.promote import policy_of, runnable_version
from gitreg.registry.promotion.propose import Promotion, Wish, propose
from gitreg.registry.promotion.timeline import StageChange, bring_timeline, timeline, written


def rollback(
    model: str,
    stage: str,
    to: str | None = None,
    why: str = "",
    *,
    emergency: bool = False,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
) -> PullRequest:
    """Propose, by a pull request, that `stage` runs again what it ran before its last change, or the version `to`.

    The file is put back byte for byte as it was; where there was none, the stage is emptied. With `emergency` it is
    merged at once, which only those may whom the policy names, and for a reason. Refused where that version is
    retired meanwhile; NotFound where the stage never ran the model, or never ran `to`.
    """
    return propose_rollback(model, stage, to, why, emergency=emergency, registry=registry, dry_run=dry_run).pull


def propose_rollback(
    model: str,
    stage: str,
    to: str | None = None,
    why: str = "",
    *,
    emergency: bool = False,
    registry: str | os.PathLike[str] | Registry | None = None,
    run: bool = True,
    dry_run: bool = False,
) -> Promotion:
    """As `rollback`, with all that is known of it; without `run` the team's own commands are left out."""
    place = writable(open_registry(registry))
    check_model_name(model)
    check_stage_name(stage)
    bring_timeline(place)
    if emergency:
        _check_emergency(place, model, stage, why)
    changes = timeline(place, stage=stage, model=model)
    if not changes:
        raise NotFound(f"{stage} never ran {model}", "gitreg stages")
    now = changes[-1].new
    if emergency and to is None:
        _check_not_again(changes[-1])
    before, version = _wanted(place, changes, model, stage, to)
    if before == now:
        raise Conflict(f"{stage} runs {model} {version} already", f"gitreg show {model}@{stage}")
    title = f"Roll back {model} in {stage} to {version}" if version else f"Empty {stage} of {model}"
    wish = Wish(model, stage, now, before, title, why)
    found = propose(place, wish, run=run and not emergency, dry_run=dry_run)
    if emergency and not dry_run:
        from gitreg.registry.promotion.merge import merge

        merged = merge(found.pull.number, emergency=True, why=why, registry=place)
        found = replace(found, pull=merged.pull, record=merged.record)
    return found


def _wanted(
    place: Registry, changes: list[StageChange], model: str, stage: str, to: str | None
) -> tuple[bytes | None, str]:
    """The file that the stage shall have again, and the version it names ("" where it is none)."""
    if to is None:
        text = changes[-1].old
        return (None, "") if text is None else (text, _still_right(place, model, stage, text))
    wanted = runnable_version(place, to if "@" in to or ":" in to else f"{model}@{to}")
    if wanted.model != model:
        raise Refused(f"{wanted} is no version of {model}", f"gitreg ls {model}")
    ran = [change for change in changes if change.after and change.after.version == wanted.version]
    if not ran:
        raise NotFound(f"{stage} never ran {wanted}", f"gitreg promote {wanted} {stage}")
    text = ran[-1].new
    assert text is not None
    return text, _still_right(place, model, stage, text)


def _still_right(place: Registry, model: str, stage: str, text: bytes) -> str:
    """The version that a file of former times names. Refused where it may not be run any more, or does not fit it."""
    other = f"gitreg rollback {model} {stage} --to MODEL@v1.2.3 names another one"
    try:
        said = parse_stage_file(text, f"what {stage} ran before")
    except GitregError as error:
        raise Refused(error.message, other) from None
    try:
        version = runnable_version(place, f"{model}@{said.version}")
    except Refused as error:
        raise Refused(f"{stage} cannot go back: {error.message}", other) from None
    if (version.digest, version.commit) != (said.digest, said.commit):
        raise Refused(
            f"what {stage} ran before says {version}, but with another digest or commit",
            f"promote it anew: gitreg promote {version} {stage}",
        )
    return said.version


def _check_emergency(place: Registry, model: str, stage: str, why: str) -> None:
    if not clean_prose(why):
        raise Refused("an emergency has a reason", f"gitreg rollback {model} {stage} --emergency -m WHY")
    rules = policy_of(place).stages.get(stage)
    if rules is None or not rules.emergency:
        hint = f"gitreg rollback {model} {stage}, and its approval; emergency: in {CONFIG_FILE} names who may"
        raise Refused(f"nobody may roll {stage} back without approval", hint)


def _check_not_again(last: StageChange) -> None:
    """Refuse to roll an emergency's rollback back by typing the same once more, which would merge at once, too."""
    message = written(last.change.message)
    if message and "Gitreg-Emergency" in message.trailers:
        raise Conflict(
            f"{last.stage} was rolled back in an emergency already: {message.subject}",
            f"name what it shall run: gitreg rollback {last.model} {last.stage} --to MODEL@v1.2.3 --emergency -m WHY",
        )
