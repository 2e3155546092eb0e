"""How the tests of this folder save a model: as `log_model` would, into a plain folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gitreg.flavors import save
from gitreg.flavors._base import PlainDirectory
from gitreg.format.mlmodel import MLModel

CREATED = "2026-11-22 13:37:00.123000"


def save_to(path: Path, model: object, **options: Any) -> MLModel:
    """Save `model` into the new folder `path`."""
    path.mkdir()
    fixed = {"artifact_path": "model", "run_id": "r1", "created": CREATED, "model_uuid": "0" * 32}
    return save(model, PlainDirectory(path), **fixed, **options)


def files_of(path: Path) -> dict[str, bytes]:
    """All files below `path`."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}
