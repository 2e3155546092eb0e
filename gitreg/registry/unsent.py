"""Notes made by address that the origin has not: kept in the state folder, for the mirror may be deleted.

<state>/notes/<32 hex>.json   one note: the tag object it is on, and its lines
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import Damaged
from gitreg.stores.cache import sync_folder


@dataclass(frozen=True)
class Unsent:
    """Lines to be joined with the note on a tag object; `path` is where they are kept."""

    path: Path
    tag: str
    lines: tuple[str, ...]


def keep_lines(state: Path, tag: str, lines: Sequence[str]) -> None:
    """Remember lines of a note, durably."""
    folder = state / "notes"
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    partial = folder / f".{name}"
    with partial.open("x", encoding="utf-8") as writing:
        json.dump({"tag": tag, "lines": list(lines)}, writing)
        writing.flush()
        os.fsync(writing.fileno())
    partial.replace(folder / f"{name}.json")
    sync_folder(folder)


def read_unsent(state: Path) -> Iterator[Unsent]:
    """All that waits, in no particular order."""
    for path in sorted((state / "notes").glob("*.json")):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            yield Unsent(path, str(found["tag"]), tuple(map(str, found["lines"])))
        except FileNotFoundError:
            continue  # another program has just sent it
        except (KeyError, TypeError, ValueError):
            raise Damaged(f"{path} is no note", f"rm {path}, then gitreg note it again") from None
