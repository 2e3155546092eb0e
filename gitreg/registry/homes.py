"""Where gitreg keeps what is not in a repository: copies that can be made again, and state that cannot."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path


def cache_home() -> Path:
    """Where copies lie that can be made again: GITREG_CACHE, else gitreg/ in the user's cache folder."""
    if given := os.environ.get("GITREG_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gitreg"


def state_home() -> Path:
    """Where open runs lie when the registry has no work tree: gitreg/ in the user's state folder."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "gitreg"


def mirror_home(address: str) -> Path:
    """The folder of the mirror of an address; it may be deleted at any time."""
    return cache_home() / "mirrors" / _short(address)


def state_of(named: str) -> str:
    """The name, in a home, of the folder of a registry at a path or address: one that people can tell apart."""
    last = re.split(r"[/:]", named.rstrip("/"))[-1].removesuffix(".git")
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', last).lstrip('.')[:60] or 'registry'}-{_short(named)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
