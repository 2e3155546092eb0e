"""The environments in the cache: which there are, which are in use, and how they go."""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gitreg.errors import Conflict, NotFound
from gitreg.format.times import format_time
from gitreg.registry.environments.create import FACTS, LINK, USED, environments_home
from gitreg.stores.clock import now
from gitreg.stores.disk import remove_folder
from gitreg.stores.environments import python_of
from gitreg.stores.scratch import locked

UNUSED_DAYS = 90
_DAY = 86400.0


@dataclass(frozen=True)
class KeptEnvironment:
    """An environment in the cache. `name` is the model it was first built for; `used` when it was last asked for.

    `whole` is False for what a program left that was killed, and where the Python it was made from is gone.
    """

    key: str
    path: Path
    name: str
    manager: str
    version: str
    requirements: tuple[str, ...]
    used: float
    in_use: bool
    whole: bool

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "key": self.key,
            "path": str(self.path / LINK),
            "ref": self.name,
            "python": str(python_of(self.path / LINK)),
            "python_version": self.version,
            "manager": self.manager,
            "requirements": list(self.requirements),
            "used": self.used_at,
            "in_use": self.in_use,
            "whole": self.whole,
        }

    @property
    def used_at(self) -> str:
        """When it was last asked for, RFC 3339."""
        return format_time(datetime.fromtimestamp(self.used, UTC))


def list_environments() -> list[KeptEnvironment]:
    """Those in the cache, the one used last first; without those whose building has left nothing."""
    return [row for row in _all() if row.whole or row.in_use or any(row.path.glob(f"{LINK}-*"))]


def _all() -> list[KeptEnvironment]:
    try:
        homes = [path for path in environments_home().iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError:
        return []
    return sorted(map(_read, homes), key=lambda row: (-row.used, row.key))


def _read(home: Path) -> KeptEnvironment:
    link = home / LINK
    try:
        facts = json.loads((link / FACTS).read_bytes())
        whole = python_of(link).exists()
    except (OSError, ValueError):
        facts, whole = {}, False
    return KeptEnvironment(
        home.name, home, str(facts.get("ref", "")), str(facts.get("manager", "")),
        str(facts.get("python_version", "")), tuple(map(str, facts.get("requirements", ()))), _used(home),
        _in_use(home), whole,
    )  # fmt: skip


def _used(home: Path) -> float:
    for path in (home / USED, home):
        with suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def _in_use(home: Path) -> bool:
    """Whether a program predicts in it, or builds it."""
    with suppress(OSError), locked(home, wait=False) as free:
        return not free or _in_use_below(home)
    return False


def remove_environments(keys: Iterable[str], *, dry_run: bool = False) -> list[KeptEnvironment]:
    """Remove environments by their keys, or by unique beginnings of them; those removed.

    NotFound, naming it, where there is none of that key; Conflict where a program uses one. Then none is removed.
    """
    there = _all()
    chosen = {row.key: row for row in (_named(key, there) for key in keys)}
    for row in chosen.values():
        if row.in_use:
            raise Conflict(f"a program uses {row.path}", "end it first")
    if not dry_run:
        for row in chosen.values():
            remove_environment(row.path)
    return list(chosen.values())


def _named(key: str, there: list[KeptEnvironment]) -> KeptEnvironment:
    found = [row for row in there if row.key == key] or [row for row in there if row.key.startswith(key)]
    if len(found) != 1:
        said = f"{len(found)} environments begin with {key!r}" if found else f"no environment {key!r}"
        raise NotFound(said, "gitreg env list")
    return found[0]


def unused_environments(before: float | None = None) -> list[KeptEnvironment]:
    """Those that nobody has asked for since `before` (seconds since 1970; by default 90 days ago), and nobody uses."""
    limit = now().timestamp() - UNUSED_DAYS * _DAY if before is None else before
    return [row for row in _all() if row.used < limit and not row.in_use]


def remove_environment(home: Path) -> bool:
    """Remove what the cache has at `home`, unless a program uses it or builds it; whether it went."""
    try:
        with locked(home, wait=False) as alone:
            if not alone or _in_use_below(home):
                return False
            # The link first, then the name: nobody finds half an environment.
            (home / LINK).unlink(missing_ok=True)
            gone = home.with_name(f".{uuid.uuid4().hex}")
            home.rename(gone)
    except FileNotFoundError:
        return True
    remove_folder(gone)
    return True


def _in_use_below(home: Path) -> bool:
    for folder in home.glob(f"{LINK}-*"):
        with locked(folder, wait=False) as free:
            if not free:
                return True
    return False


def hold(environment: Path) -> int | None:
    """A descriptor that keeps an environment from being removed while it is open; None where there is no lock."""
    try:
        fd = os.open(os.path.realpath(environment), os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd
