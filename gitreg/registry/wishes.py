"""What was asked to be registered while the origin could not be reached; `gitreg push` completes it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from gitreg.errors import Damaged
from gitreg.stores.cache import sync_folder


@dataclass(frozen=True)
class Wish:
    """A registration to be made: of which model directory of a run, as what, and how. Empty means: not asked for."""

    run_id: str
    path: str
    model: str
    description: str = ""
    bump: str = ""
    version: str = ""
    line: str = ""

    def __str__(self) -> str:
        return f"run:{self.run_id}/{self.path} as {self.model}"


def _file(state: Path, wish: Wish) -> Path:
    name = hashlib.sha256(f"{wish.run_id}\n{wish.path}\n{wish.model}".encode()).hexdigest()[:20]
    return state / "wishes" / f"{name}.json"


def keep_wish(state: Path, wish: Wish) -> None:
    """Remember `wish`, durably."""
    target = _file(state, wish)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f".{uuid.uuid4().hex}"
    with partial.open("x", encoding="utf-8") as writing:
        json.dump(asdict(wish), writing)
        writing.flush()
        os.fsync(writing.fileno())
    partial.replace(target)
    sync_folder(target.parent)


def drop_wish(state: Path, wish: Wish) -> None:
    """Forget `wish`: it came true."""
    with contextlib.suppress(FileNotFoundError):
        _file(state, wish).unlink()


def read_wishes(state: Path) -> Iterator[Wish]:
    """All that is wished, in no particular order."""
    for path in sorted((state / "wishes").glob("*.json")):
        try:
            yield Wish(**json.loads(path.read_text(encoding="utf-8")))
        except (TypeError, ValueError):
            raise Damaged(f"{path} is no pending registration", f"rm {path}, then gitreg register it again") from None
