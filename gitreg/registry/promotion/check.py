"""Checking by hand what a pull request is judged by: main, a version, a change, a pull request."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from gitreg import checks
from gitreg.checks._base import Report
from gitreg.errors import Conflict, GitregError, NotFound, Refused
from gitreg.format.pulls import PullRequest
from gitreg.format.versions import ModelVersion
from gitreg.registry.freshness import MAIN, ask_origin
from gitreg.registry.place import CONFIG_FILE, Registry, open_registry
from gitreg.registry.promotion.gather import STAGES, proposals_from, read_change
from gitreg.registry.promotion.judge import judge, judge_proposals, judge_version
from gitreg.registry.promotion.others import cards_result, config_result
from gitreg.registry.promotion.posted import post_body, status_of
from gitreg.registry.resolve import resolve

_OF_MAIN = ("mlmodel", "digest", "payloads", "large-files", "metrics", "requirements", "stage-file", "retired")
"""What can be said of a stage file that was merged: its order and its approvals were of that moment."""


@dataclass(frozen=True)
class Checked:
    """What was checked, as people call it, and what the checks said; of a pull request, that too."""

    what: str
    reports: tuple[Report, ...]
    pull: PullRequest | None = None

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(report.ok for report in self.reports)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        reports = [report.to_dict() for report in self.reports]
        return {"what": self.what, "ok": self.ok, "pull": self.pull.number if self.pull else None, "reports": reports}


def check(
    ref: str | ModelVersion | None = None,
    *,
    pr: str | int | None = None,
    stage: str = "",
    run: bool | None = None,
    payloads: bool = True,
    registry: str | os.PathLike[str] | Registry | None = None,
) -> Report:
    """What the checks say of a version, a change `BASE..HEAD`, or a pull request; of main where nothing is named.

    With `stage`, as if the version were promoted to it now, without approvals. The team's own commands are run of a
    pull request, or where `run` says so; without `payloads` the payload store is not asked. Damaged where gitreg.yaml
    of main cannot be read, NotFound for a name that leads nowhere.
    """
    return joined(check_all(ref, pr=pr, stage=stage, run=run, payloads=payloads, registry=registry))


def joined(found: Checked) -> Report:
    """One report of all: what is said of several things is told with their names."""
    if len(found.reports) == 1:
        return found.reports[0]
    results = [
        replace(result, about=f"{report.subject}: {result.about}")
        for report in found.reports
        for result in report.results
    ]
    return Report(found.what, tuple(results))


def check_all(
    ref: str | ModelVersion | None = None,
    *,
    pr: str | int | None = None,
    stage: str = "",
    run: bool | None = None,
    payloads: bool = True,
    status: bool = False,
    body: bool = False,
    registry: str | os.PathLike[str] | Registry | None = None,
) -> Checked:
    """As `check`, with a report for each thing.

    Of a pull request, with `status` the forge is told the outcome, with `body` the report is written into it.
    """
    place = open_registry(registry)
    named = "" if ref is None else str(ref)
    if named and pr is not None:
        raise Refused(f"{named} and pull request {pr}: one of them can be checked", "gitreg check --pr NUMBER")
    if (status or body) and pr is None:
        raise Refused("only a pull request has a status and a body", "gitreg check --pr NUMBER --status")
    if stage and (pr is not None or not named or ".." in named):
        raise Refused("a stage goes with a version: as if it were promoted to it", f"gitreg check REF --stage {stage}")
    ask_origin(place, MAIN, lambda: place.fetch_main(history=pr is not None or ".." in named))
    if pr is not None:
        return _pull(place, str(pr), run is not False, payloads, status, body)
    if ".." in named:
        return _change(place, named, bool(run), payloads)
    if named:
        version = resolve(named, registry=place)
        report = judge_version(place, version, stage, payloads=payloads, run=bool(run))
        return Checked(report.subject, (report,))
    return _main(place, payloads)


def _pull(place: Registry, number: str, run: bool, payloads: bool, status: bool, body: bool) -> Checked:
    from gitreg.registry.promotion.forge import open_forge

    forge = open_forge(place)
    pull = forge.get(number)
    if pull.state != "open":
        raise Conflict(f"pull request {pull.number} is {pull.state} already", "gitreg check: what main is now")
    proposals, reports = judge_proposals(
        place, place.main(), pull.head_commit, pull=pull, forge=forge, payloads=payloads, run=run
    )
    found = Checked(f"pull request {pull.number}", tuple(reports), pull)
    if status:
        forge.set_status(pull.head_commit, status_of(reports))
    if body:
        post_body(place, forge, pull, proposals, reports)
    return found


def _change(place: Registry, named: str, run: bool, payloads: bool) -> Checked:
    base, _, head = named.partition("..")
    old, new = _commit(place, base or place.main_ref), _commit(place, head.lstrip(".") or "HEAD")
    return Checked(named, tuple(judge(place, old, new, payloads=payloads, run=run)))


def _commit(place: Registry, name: str) -> str:
    """The commit that a name means here: of the user's branches, or of the origin's."""
    names = [name, f"refs/remotes/{place.remote}/{name}"] if place.remote else [name]
    found = next(filter(None, (place.git.find_ref(f"{each}^{{commit}}") for each in names)), "")
    if not found:
        raise NotFound(f"{name} is no commit in {place.where}", "BASE..HEAD are branches, tags or commits of it")
    return found


def _main(place: Registry, payloads: bool) -> Checked:
    """What main is now: gitreg.yaml, cards, and every stage file."""
    main = place.main()
    try:
        paths = place.git.paths(main)
    except GitregError as error:
        raise NotFound(f"main of {place.where} cannot be read: {error.message}", "gitreg fetch") from None
    own = {path: blob for path, blob in paths.items() if path.startswith((STAGES, "models/")) or path == CONFIG_FILE}
    contents = {path: content for path, (_, _, content) in zip(own, place.git.objects(own.values()), strict=True)}
    config = Report(CONFIG_FILE, (config_result(contents.get(CONFIG_FILE)),))
    reports = [config]
    if config.ok:
        files = {path: content for path, content in contents.items() if path.startswith(STAGES)}
        change = replace(read_change(place, main, main), files=files)
        reports += [checks.run(each, only=_OF_MAIN) for each in proposals_from(place, change, payloads=payloads)]
    cards: dict[str, bytes | None] = {path: text for path, text in contents.items() if path.startswith("models/")}
    if cards:
        reports.append(Report("cards", (cards_result(cards),)))
    return Checked(place.branch, tuple(reports))
