"""Whole sessions: see testing/transcripts.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from testing.clock import Clock
from testing.models import write_model
from testing.transcripts import check_transcript

FOLDER = Path(__file__).parent / "transcripts"


def check(name: str, home: Path) -> None:
    check_transcript(FOLDER / f"{name}.txt", home)


def test_a_model_from_its_directory_to_another_folder(home: Path, fixed_clock: Clock) -> None:
    write_model(home / "trained/monday", run_id="monday", weights=b"monday")
    write_model(home / "trained/tuesday", run_id="tuesday", weights=b"tuesday")
    check("first-day", home)


def test_reading(home: Path, registry: Path) -> None:
    check("reading", home)


def test_a_registry_without_an_origin(home: Path, lone_registry: Path) -> None:
    check("without-origin", home)


@pytest.mark.parametrize("name", ["help"])
def test_help(home: Path, name: str) -> None:
    check(name, home)
