"""What lies in a store that a plug-in speaks to, and taking it away: the same few calls for every kind of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

from gitreg.stores.payloads.store import Stored, object_name

# Where the plug-ins of S3, Azure, GCS, WebDAV and SFTP tell when an object was made.
_TIMES = ("LastModified", "last_modified", "modified", "updated", "mtime", "creation_time", "created")


class Files(Protocol):
    """The part of a plug-in's file system that is used here."""

    def find(self, path: str, *, detail: bool) -> Mapping[str, Mapping[str, object]]:
        """Every file below `path`."""

    def rm_file(self, path: str) -> None:
        """Delete a file; FileNotFoundError where there is none."""

    def invalidate_cache(self) -> None:
        """Forget what was listed before."""


def list_objects(files: Files, root: str) -> Iterator[Stored]:
    """The objects below `root`, the folder files/md5 of a store."""
    files.invalidate_cache()
    try:
        found = files.find(root, detail=True)
    except FileNotFoundError:
        return
    for path, facts in sorted(found.items()):
        name = object_name(*path.rstrip("/").split("/")[-2:]) if path.count("/") else ""
        if name and facts.get("type", "file") == "file":
            yield Stored(name, int(str(facts.get("size") or 0)), _since(facts))


def _since(facts: Mapping[str, object]) -> float | None:
    for key in _TIMES:
        match facts.get(key):
            case datetime() as moment:
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            case int() | float() as seconds:
                return float(seconds)
            case str() as text:
                with contextlib.suppress(ValueError):
                    moment = datetime.fromisoformat(text)
                    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


def remove_object(files: Files, path: str) -> None:
    """Delete one object; nothing happens where it is gone."""
    with contextlib.suppress(FileNotFoundError):
        files.rm_file(path)
