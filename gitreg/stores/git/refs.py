"""One ref, read as git keeps it: a file of its own, else a line of packed-refs (gitrepository-layout, git-pack-refs).

Only for repositories whose refs are files, as all are that gitreg opens.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

_OID = re.compile(rb"[0-9a-f]{40}")


def read_ref(common_dir: Path, name: str) -> str | None:
    """The object that the ref `name` (full) names, "" where there is no such ref; None where git has to be asked."""
    try:
        # Whoever packs a ref writes the line before it removes the file.
        text = (common_dir / name).read_bytes().strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return _packed(common_dir / "packed-refs", name.encode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return None
    return text.decode() if _OID.fullmatch(text) else None


def _packed(path: Path, name: bytes) -> str | None:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
            return _search(lines, name)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):  # an empty one is not mapped
        return None


def _search(lines: mmap.mmap, name: bytes) -> str | None:
    head = lines[: lines.find(b"\n") + 1]
    if not (head.startswith(b"# pack-refs with:") and b" sorted " in head and lines[-1:] == b"\n"):
        return None
    low, high = len(head), len(lines)
    while low < high:
        start = lines.rfind(b"\n", 0, (low + high) // 2) + 1
        if lines[start : start + 1] == b"^":  # what an annotated tag is of: it belongs to the line above
            start = lines.rfind(b"\n", 0, start - 1) + 1
        end = lines.find(b"\n", start)
        oid, found = lines[start : start + 40], lines[start + 41 : end]
        if not _OID.fullmatch(oid):
            return None
        if found == name:
            return oid.decode()
        if found < name:
            low = end + 1
            if lines[low : low + 1] == b"^":
                low = lines.find(b"\n", low) + 1
        else:
            high = start
    return ""
