"""The stage file: byte for byte what gitreg writes for the version that it names, at the place of its stage."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from gitreg.checks._base import Problem, Proposal
from gitreg.checks._words import problem_at, promote_again, stage_file_proposed
from gitreg.errors import GitregError
from gitreg.format.stage_file import StageFile, parse_stage_file, stage_file_path

ABOUT = "the stage file is what gitreg writes for that version"

_FACTS = ("number", "run", "commit", "digest")
_PLACE = re.compile(r"stages/[^/]+/[^/]+\.yaml")


def applies(proposal: Proposal) -> bool:
    """Where a file below stages/ is proposed, or deleted."""
    return proposal.path.startswith("stages/")


def problems(proposal: Proposal) -> Iterator[Problem]:
    """Its place, then what it says, then how it is written."""
    if not _PLACE.fullmatch(proposal.path):
        blocks = proposal.path.endswith((".yaml", ".yml"))
        text = f"{proposal.path} is no stages/<stage>/<model>.yaml: nothing reads it"
        yield Problem(text, "git mv it, or take it out", proposal.path, blocks=blocks)
        return
    yield from _named(proposal)
    yield from proposal.faults
    if not proposal.new:
        return
    try:
        proposed = parse_stage_file(proposal.new, proposal.path)
    except GitregError as error:
        found = re.search(r"line (\d+)", error.message)
        line = int(found[1]) if found else 0
        yield Problem(error.message, error.hint or promote_again(proposal), proposal.path, line)
        return
    if (proposed.stage, proposed.model) != (proposal.stage, proposal.model):
        text = f"{proposal.path} speaks of {proposed.model} in {proposed.stage}"
        yield problem_at(proposal, text, "model", hint=promote_again(proposal))
        return
    yield from _against(proposal, proposed)


def found(proposal: Proposal) -> str:
    """What it lets the stage run."""
    proposed = stage_file_proposed(proposal)
    return f"{proposal.stage} runs {proposed.model}@{proposed.version}" if proposed else f"{proposal.path} is deleted"


def _named(proposal: Proposal) -> Iterator[Problem]:
    try:
        stage_file_path(proposal.stage, proposal.model)
    except GitregError as error:
        yield Problem(error.message, error.hint, proposal.path)
        return
    if proposal.new and proposal.policy.stages and proposal.stage not in proposal.policy.stages:
        text = f"gitreg.yaml has no stage {proposal.stage}; there is {', '.join(proposal.policy.stages)}"
        yield Problem(text, "add it below stages: in gitreg.yaml, by a pull request of its own", proposal.path)


def _against(proposal: Proposal, proposed: StageFile) -> Iterator[Problem]:
    again = promote_again(proposal)
    if proposal.candidate is None:
        if not proposal.faults:
            text = f"there is no version {proposed.model}@{proposed.version}"
            yield problem_at(proposal, text, "version", hint=f"gitreg ls {proposed.model}")
        return
    version = proposal.candidate.version
    if version.version != proposed.version:
        yield problem_at(proposal, f"it names {proposed.version}, and {version} was asked for", "version", hint=again)
        return
    own = {"number": version.number, "run": version.run_id, "commit": version.commit, "digest": version.digest}
    wrong = [name for name in _FACTS if getattr(proposed, name) != own[name]]
    for name in wrong:
        text = f"its {name} is {getattr(proposed, name)}, and that of {version} is {own[name]}"
        yield problem_at(proposal, text, name, hint=again)
    text = proposal.new.decode("utf-8", "replace")
    if wrong or text in proposal.written:
        return
    if not proposal.written:
        yield problem_at(proposal, f"the files of {version} do not tell what its stage file is", hint="gitreg fsck")
        return
    line, has, wants = _first_difference(text, proposal.written)
    said = f"it is not what gitreg writes for {version}: {has[:80]!r}, not {wants[:80]!r}"
    yield Problem(said, again, proposal.path, line)


def _first_difference(text: str, written: tuple[str, ...]) -> tuple[int, str, str]:
    """The line of `text` where it first differs from the text nearest to it, and both lines."""
    nearest = max(written, key=lambda other: difflib.SequenceMatcher(None, text, other, autojunk=False).quick_ratio())
    ours, theirs = text.split("\n"), nearest.split("\n")
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False), 1):
        if one != other:
            return number, one, other
    number = min(len(ours), len(theirs))
    return number, "".join(ours[number : number + 1]), "".join(theirs[number : number + 1])
