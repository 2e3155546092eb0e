"""Registries that the command line is used in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import gitreg
from gitreg.format.runs import Source
from testing.clock import Clock
from testing.gitcli import git
from testing.models import WIDER, log_run, put_stage, write_model, write_on_main

CARD = """\
---
title: Customer churn
description: Who will leave within a month.
owners: [risk]
tags: {team: risk}
---

Trained every Monday.
"""


SOURCE = Source("5b1f0c2d" * 5, "https://example.org/churn.git", False, "train.py")


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is started from the same code."""
    monkeypatch.setattr("gitreg.registry.runs.open_run.source_of_process", lambda: SOURCE)


@pytest.fixture(scope="session")
def team(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the registry reg and its origin origin.git, made once."""
    home = tmp_path_factory.mktemp("team")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gitreg.registry.runs.open_run.source_of_process", lambda: SOURCE)
        gitreg.init(home / "reg", origin=home / "origin.git")
        fill(home / "reg", Clock(patch), home)
        gitreg.fetch(registry=home / "reg")
    return home


@pytest.fixture
def registry(home: Path, team: Path, fixed_clock: Clock) -> Path:
    """A registry in ~/reg with the origin ~/origin.git: runs, two models, stages, a retired version, notes."""
    for name in ("reg", "origin.git"):
        shutil.copytree(team / name, home / name)
    git(home / "reg", "remote", "set-url", "origin", home / "origin.git")
    git(home / "reg", "config", "gitreg.payloads", home / "origin.git/payloads")
    git(home / "reg", "update-index", "-q", "--refresh")
    fixed_clock.set("2026-03-03T10:31:00Z")
    return home / "reg"


@pytest.fixture
def lone_registry(home: Path, fixed_clock: Clock) -> Path:
    """The same in ~/reg without an origin."""
    folder = home / "reg"
    gitreg.init(folder)
    fill(folder, fixed_clock, home)
    return folder


def fill(folder: Path, clock: Clock, home: Path) -> None:
    """What a team has after a few days."""
    first = write_model(home / "models/first", weights=b"first")
    second = write_model(home / "models/second", signature=WIDER, weights=b"second, and larger")
    plain = write_model(home / "models/plain", signature=None, weights=b"plain")
    log_run(folder, "monday", first, name="depth 4", params={"depth": 4, "seed": 1}, metrics={"accuracy": 0.91},
            tags={"team": "risk"}, register_as="churn")  # fmt: skip
    clock.advance(86400)
    log_run(folder, "tuesday", second, name="depth 8", params={"depth": 8, "seed": 1},
            metrics={"accuracy": 0.93, "auc": 0.97}, register_as="churn")  # fmt: skip
    log_run(folder, "fraud-1", plain, metrics={"accuracy": 0.5}, register_as="fraud")
    clock.advance(3600)
    log_run(folder, "alone", params={"depth": 2})
    log_run(folder, "wednesday", write_model(home / "models/third", weights=b"third"), register_as="churn")
    gitreg.retire("churn@v1.2.0", "trained on last year's data", registry=folder)
    gitreg.note("churn@v1.1.0", {"approved-by": "ana"}, registry=folder)
    write_on_main(folder, "models/churn.md", CARD)
    put_stage(folder, "production", "churn@v1.0.0")
    put_stage(folder, "staging", "churn@v1.1.0")
    clock.advance(60)
