"""What was verified once: a record of how each file stood then, trusted while every file stands so still.

A record is worth its bytes only if no write can hide behind it. A file system stamps changes with a clock that ticks
every few milliseconds, or every two seconds, and two changes within a tick look the same. So a file is read for the
record only after the file system's own clock has gone past the file's last change: every later write has a later
stamp. The time of the last change (ctime) is looked at too, as no program can set it back; giving a file another name
changes it as well, and then the file is hashed once more.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from gitreg.errors import GitregError
from gitreg.registry.progress import Moved
from gitreg.stores.cache import sha256_file
from gitreg.stores.disk import remove_folder
from gitreg.stores.scratch import scratch

Seen = Mapping[str, list[int]]
"""Path -> size, inode, and when its bytes and when anything of it last changed (ns)."""

_PATIENCE = 0.25  # seconds to wait for the clock of a file system to tick
_COMPILED = "__pycache__"


class Spoilt(GitregError):
    """A file that does not hold what it should; `path` is inside the folder."""

    def __init__(self, path: str, found: str) -> None:
        super().__init__(path)
        self.path = path
        self.found = found


def look(folder: Path, wanted: Collection[str]) -> Seen | None:
    """How the files below `folder` stand; None where they are not exactly those `wanted`, each a plain file."""
    seen: dict[str, list[int]] = {}
    keep = {part for path in wanted for part in path.split("/")[:-1]}
    waiting = [(folder, "")]
    while waiting:
        parent, prefix = waiting.pop()
        with os.scandir(parent) as entries:
            for entry in list(entries):
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if entry.name == _COMPILED and _COMPILED not in keep:
                        # Python's own, from the last time the model's code was imported; nobody can verify it.
                        _remove_compiled(Path(entry))
                    else:
                        waiting.append((Path(entry), f"{path}/"))
                elif path in wanted and entry.is_file(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False)
                    seen[path] = [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]
                else:
                    return None
    return seen if len(seen) == len(wanted) else None


def _remove_compiled(folder: Path) -> None:
    remove_folder(folder)
    if folder.exists():
        mode = folder.parent.stat().st_mode
        folder.parent.chmod(mode | 0o200)
        remove_folder(folder)
        folder.parent.chmod(mode)


def is_as_recorded(folder: Path, wanted: Collection[str]) -> bool:
    """Whether the folder was verified and nothing in it has changed since; reads no file of it."""
    try:
        recorded = json.loads(record_of(folder).read_bytes())
        return bool(recorded == look(folder, wanted))
    except (OSError, ValueError):
        return False


def verify(folder: Path, wanted: Mapping[str, str], unread: Collection[str], moved: Moved) -> Seen | None:
    """Hash the files `unread` (those others may write to) of `wanted`, paths to sha256.

    Returns what a record of the folder may hold, None where a write could hide behind it. Raises Spoilt.
    """
    before = look(folder, wanted)
    if before is None:
        raise Spoilt("", "")
    past = _tick(folder.parent, max(stamp for _, _, *stamps in before.values() for stamp in stamps))
    for path in unread:
        found = sha256_file(folder / path, moved)
        if found != wanted[path]:
            raise Spoilt(path, found)
    if look(folder, wanted) != before:
        raise Spoilt("", "")
    return before if past else None


def _tick(folder: Path, last: int) -> bool:
    """Wait until the file system stamps changes with a later time than `last` (ns); False where that takes long."""
    until = time.monotonic() + _PATIENCE
    # A folder that cannot be written to: nothing will be recorded.
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as probe:
        while time.monotonic() < until:
            os.fchmod(probe.fileno(), 0o600)
            if os.fstat(probe.fileno()).st_ctime_ns > last:
                return True
            time.sleep(0.001)
    return False


def record_of(folder: Path) -> Path:
    """Where the record of a folder lies: beside it."""
    return folder.with_name(f"{folder.name}.json")


def write_record(folder: Path, seen: Seen | None) -> None:
    """Record that `folder` was verified when it stood as `seen`; with None, that it was not."""
    record = record_of(folder)
    if seen is None:
        record.unlink(missing_ok=True)
        return
    with scratch(folder.parent, ".") as own:
        partial = own / "record"
        partial.write_text(json.dumps(seen), encoding="utf-8")
        partial.replace(record)
