"""The grid of models and stages: what runs where, since when, and what is proposed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gitreg.errors import Damaged, GitregError, Refused, warn
from gitreg.format.pulls import PullRequest, promotion_branch
from gitreg.format.stage_file import stage_file_path
from gitreg.format.times import from_seconds
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.promotion.forge import open_forge
from gitreg.registry.promotion.promote import policy_of
from gitreg.registry.promotion.timeline import bring_timeline, timeline
from gitreg.registry.queries.scan import Damage, staged_versions, warn_of

_BRANCHES = "promote/"


@dataclass(frozen=True)
class Cell:
    """What `stage` runs of `model` ("" nothing), since when (RFC 3339, "" not known), and the open pull requests."""

    model: str
    stage: str
    version: str = ""
    number: int | None = None
    since: str = ""
    pulls: tuple[PullRequest, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "model": self.model,
            "stage": self.stage,
            "version": self.version or None,
            "number": self.number,
            "since": self.since or None,
            "pulls": [
                {"number": pull.number, "url": pull.url or None, "title": pull.title, "author": pull.author}
                for pull in self.pulls
            ],
        }


@dataclass(frozen=True)
class Grid:
    """The stages, those of the policy first and in its order; the models that one runs or that is proposed for one."""

    stages: tuple[str, ...]
    models: tuple[str, ...]
    cells: tuple[Cell, ...]

    def cell(self, model: str, stage: str) -> Cell:
        """The cell of a model and a stage; an empty one where nothing is there."""
        found = (cell for cell in self.cells if (cell.model, cell.stage) == (model, stage))
        return next(found, Cell(model, stage))

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        cells = [cell.to_dict() for cell in self.cells]
        return {"stages": list(self.stages), "models": list(self.models), "cells": cells}


def grid(*, registry: str | os.PathLike[str] | Registry | None = None, offline: bool | None = None) -> Grid:
    """What every stage runs, since when, and what is proposed for it.

    Pull requests are left out, with a warning, where the forge does not tell them.
    """
    place = open_registry(registry, offline=offline)
    bring_timeline(place)
    damage: Damage = []
    staged = {(one.model, one.stage): one for one in staged_versions(place, damage)}
    warn_of(damage)
    since, pulls = _since(place), _open_pulls(place)
    cells = []
    for model, stage in sorted(staged.keys() | pulls.keys()):
        runs = staged.get((model, stage))
        found = Cell(model, stage, pulls=tuple(pulls.get((model, stage), ())))
        if runs:
            found = Cell(model, stage, runs.version, runs.number, since.get((model, stage), ""), found.pulls)
        cells.append(found)
    known = dict.fromkeys((*_stages_of_policy(place), *sorted({cell.stage for cell in cells})))
    return Grid(tuple(known), tuple(sorted({cell.model for cell in cells})), tuple(cells))


def _stages_of_policy(place: Registry) -> tuple[str, ...]:
    try:
        return tuple(policy_of(place).stages)
    except Damaged as error:  # what runs is told all the same
        warn(f"the stages of the policy are not known: {error.message}")
        return ()


def _since(place: Registry) -> dict[tuple[str, str], str]:
    try:
        return {(each.model, each.stage): from_seconds(each.change.when) for each in timeline(place)}
    except Refused as error:  # a shallow clone knows what runs, and not since when
        warn(f"since when is not known: {error.message}")
        return {}


def _open_pulls(place: Registry) -> dict[tuple[str, str], list[PullRequest]]:
    found: dict[tuple[str, str], list[PullRequest]] = {}
    try:
        for pull in open_forge(place).pulls():
            stage, _, model = pull.head.removeprefix(_BRANCHES).partition("/")
            if pull.base == place.branch and pull.head == promotion_branch(stage, model) and _are_names(stage, model):
                found.setdefault((model, stage), []).append(pull)
    except GitregError as error:
        warn(f"open promotions are not known: {error.message}")
    return found


def _are_names(stage: str, model: str) -> bool:
    try:
        return bool(stage_file_path(stage, model))
    except Refused:
        return False
