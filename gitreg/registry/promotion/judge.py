"""Judging a change of main, a version, and main itself: the facts are gathered, then the checks say what they say."""

from __future__ import annotations

from dataclasses import replace

from gitreg import checks
from gitreg.checks._base import Contents, Proposal, Report
from gitreg.forges._base import Forge
from gitreg.format.policy import parse_policy
from gitreg.format.pulls import PullRequest
from gitreg.format.stage_file import format_stage_file
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import CONFIG_FILE, Registry
from gitreg.registry.promotion.commands import with_commands
from gitreg.registry.promotion.gather import proposal_for, proposals_from, read_change
from gitreg.registry.promotion.held import contents_of
from gitreg.registry.promotion.others import judge_others
from gitreg.registry.promotion.said import bring_notes
from gitreg.registry.promotion.stage_of import stage_file_of, written_for


def judge(
    place: Registry,
    base: str,
    head: str,
    *,
    pull: PullRequest | None = None,
    forge: Forge | None = None,
    payloads: bool = True,
    run: bool = False,
    quick: bool = False,
) -> list[Report]:
    """What the checks say of the change from main at `base` to `head` (commits): a report for each stage file.

    One more tells of gitreg.yaml and of cards, where they change. With `payloads` the payload store is asked, with
    `run` the team's own commands are run; `quick` leaves both out, as a hook has to, whatever the policy requires.
    Damaged where gitreg.yaml of base cannot be read; NotFound where one of
    the commits cannot be had.
    """
    return judge_proposals(place, base, head, pull=pull, forge=forge, payloads=payloads, run=run, quick=quick)[1]


def judge_proposals(
    place: Registry,
    base: str,
    head: str,
    *,
    pull: PullRequest | None = None,
    forge: Forge | None = None,
    payloads: bool = True,
    run: bool = False,
    quick: bool = False,
) -> tuple[list[Proposal], list[Report]]:
    """As `judge`, with what was judged: the proposals in the order of their reports, which come first."""
    change = read_change(place, base, head, pull=pull, forge=forge)
    found = proposals_from(place, change, payloads=payloads and not quick)
    if quick:
        found = [replace(proposal, quick=True) for proposal in found]
    elif run:
        found = [with_commands(place, proposal, base) for proposal in found]
    return found, [*map(checks.run, found), *judge_others(change)]


def judge_version(
    place: Registry, version: ModelVersion, stage: str = "", *, payloads: bool = True, run: bool = False
) -> Report:
    """What the checks say of a version; with `stage`, as if it were promoted to that now (nobody approves it)."""
    base = place.main()
    if not stage:
        contents = contents_of(place, version, payloads=payloads)
        config = place.config
        proposal = Proposal(
            version.model, candidate=contents, git_limit=config.git_limit, model_limit=config.model_limit
        )
        return checks.run(proposal)
    bring_notes(place)
    contents = _contents_for(place, version, stage, payloads)
    new = format_stage_file(stage_file_of(place, version, stage)).encode()
    proposal = proposal_for(place, base, contents, stage, new, written_for(place, version, stage))
    return checks.run(with_commands(place, proposal, base) if run else proposal)


def _contents_for(place: Registry, version: ModelVersion, stage: str, payloads: bool) -> Contents:
    policy = parse_policy(place.git.content(f"{place.main()}:{CONFIG_FILE}", CONFIG_FILE))
    evaluated = stage in policy.stages and policy.stages[stage].evaluate
    return contents_of(place, version, dataset=stage if evaluated else "", payloads=payloads)
