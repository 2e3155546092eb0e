"""Proposing that a stage runs a version."""

from __future__ import annotations

import os

from gitreg.errors import Conflict, Damaged, NotFound, Refused
from gitreg.format.names import check_stage_name
from gitreg.format.policy import Policy, parse_policy
from gitreg.format.pulls import PullRequest
from gitreg.format.references import OfRun, Reference, parse_reference
from gitreg.format.stage_file import format_stage_file, stage_file_path
from gitreg.format.tags import version_ref
from gitreg.format.versions import ModelVersion
from gitreg.registry.files import read_text
from gitreg.registry.freshness import MAIN, ask_origin
from gitreg.registry.place import CONFIG_FILE, Registry, open_registry, writable
from gitreg.registry.promotion.propose import Promotion, Wish, propose
from gitreg.registry.promotion.stage_of import stage_file_of
from gitreg.registry.resolve import read_stage, resolve


def promote(
    ref: str | ModelVersion,
    stage: str,
    why: str = "",
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
) -> PullRequest:
    """Propose, by a pull request, that `stage` runs the version that `ref` names; the open one is brought up to date.

    A check that fails blocks the merge, not the proposal. Refused for runs, for versions that are retired, purged
    or tagged by GTO alone, and for a stage that the policy does not know; Conflict where the stage runs it already.
    """
    return propose_promotion(ref, stage, why, registry=registry, dry_run=dry_run).pull


def propose_promotion(
    ref: str | ModelVersion,
    stage: str,
    why: str = "",
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    run: bool = True,
    dry_run: bool = False,
) -> Promotion:
    """As `promote`, with all that is known of it; without `run` the team's own commands are left out."""
    place = writable(open_registry(registry))
    check_stage_name(stage)
    reference = parse_reference(str(ref))
    if isinstance(reference.target, OfRun):
        raise Refused(f"{reference} is a run, and a stage runs versions", f"gitreg register {reference} MODEL")
    ask_origin(place, MAIN, place.fetch_main)
    check_stage_known(place, stage)
    version = runnable_version(place, reference)
    path = stage_file_path(stage, version.model)
    if _runs_already(place, stage, version):
        raise Conflict(f"{stage} runs {version} already", f"gitreg show {version.model}@{stage}")
    new = format_stage_file(stage_file_of(place, version, stage)).encode()
    old = read_text(place, place.main_ref, path)
    title = f"Promote {version.model} {version.version} to {stage}"
    wish = Wish(version.model, stage, None if old is None else old.encode(), new, title, why)
    return propose(place, wish, run=run, dry_run=dry_run)


def _runs_already(place: Registry, stage: str, version: ModelVersion) -> bool:
    try:
        runs = read_stage(place, stage, version.model)
    except Damaged:  # a promotion is what mends it
        return False
    return runs is not None and (runs.version, runs.digest) == (version.version, version.digest)


def runnable_version(place: Registry, ref: str | Reference) -> ModelVersion:
    """The version that `ref` names, as the origin knows it now. Refused where no stage may begin to run it."""
    version = resolve(ref, registry=place)
    # A version that is here is not looked up; that it was retired, or purged, may not be known here yet.
    place.fetch(f"{version_ref(version.model, version.semver)}*")
    version = resolve(str(version), registry=place)
    if version.tombstone:
        raise Refused(f"{version} was purged", f"gitreg ls {version.model}")
    if version.retired:
        raise Refused(f"{version} is retired", f"gitreg log {version.model} tells why; gitreg ls {version.model}")
    if version.number is None:
        raise Refused(
            f"{version} was tagged without gitreg: it states no digest, and no run stands behind it",
            f"gitreg commit its model directory --as {version.model}",
        )
    return version


def check_stage_known(place: Registry, stage: str) -> None:
    """NotFound for a stage that is not among those that gitreg.yaml lists, where it lists any."""
    known = policy_of(place).stages
    if known and stage not in known:
        near = next((name for name in known if name.casefold() == stage.casefold()), "")
        hint = f"did you mean {near}?" if near else f"{CONFIG_FILE} on {place.branch} lists {', '.join(known)}"
        raise NotFound(f"there is no stage {stage}", hint)


def policy_of(place: Registry) -> Policy:
    """The promotion policy as main has it. Damaged with all its mistakes."""
    try:
        return parse_policy(read_text(place, place.main_ref, CONFIG_FILE) or "")
    except Damaged as error:
        raise Damaged(error.message, error.hint or f"correct {CONFIG_FILE} on {place.branch}; gitreg check") from None
