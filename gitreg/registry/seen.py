"""The tags that were seen from here, so that one that moved or vanished is told of, whatever git's refs say now.

<state>/seen.sqlite   a row for each tag, and one for each commit that main was at

It is not in the cache, which may be deleted. Where it cannot be read or written, that is warned of once and reading
goes on: a broken memory is no reason to serve no model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gitreg.errors import Damaged, GitregError, warn
from gitreg.format.objects import parse_tag_object
from gitreg.format.trailers import parse_trailers
from gitreg.registry.place import Registry

if TYPE_CHECKING:
    import sqlite3

FILE = "seen.sqlite"
_TAGS = "refs/tags/"
_PATIENCE = 20.0  # seconds that another process may hold the file
_AT_ONCE = 500
_TABLES = (
    "CREATE TABLE IF NOT EXISTS tags (ref TEXT PRIMARY KEY, oid TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS mains (branch TEXT, oid TEXT, PRIMARY KEY (branch, oid)) WITHOUT ROWID",
)
_warned: set[Path] = set()
_T = TypeVar("_T")


@dataclass(frozen=True)
class Changed:
    """A tag that is not what it was: `ref` is its full name, `now` is "" where it is gone."""

    ref: str
    seen: str
    now: str


def check_seen(registry: Registry, refs: Mapping[str, str]) -> None:
    """Damaged where a tag among `refs` (full name -> object id) is another one than was seen before from here.

    A tombstone that replaces the one seen is what it should be. Refs that are no tags are not looked at.
    """
    _unknown(registry, refs)


def remember_seen(registry: Registry, refs: Mapping[str, str]) -> None:
    """Remember the tags among `refs` (full name -> object id). Damaged, and nothing remembered, as `check_seen` says.

    Nothing is written where all of them are known.
    """
    new = _unknown(registry, refs)
    if new:
        change = "INSERT INTO tags VALUES (?, ?) ON CONFLICT (ref) DO UPDATE SET oid = excluded.oid"
        _write(registry, change, new.items())


def seen_among(registry: Registry, refs: Iterable[str]) -> dict[str, str]:
    """Those of the tags `refs` (full names) that were seen before from here, and the object id that each had."""
    asked = list(refs)
    found: dict[str, str] = _read(registry, lambda seen: _known(seen, asked), {})
    return found


def forget_seen(registry: Registry, refs: Iterable[str]) -> None:
    """Forget tags that were taken away on purpose."""
    if (registry.state / FILE).exists():
        _write(registry, "DELETE FROM tags WHERE ref = ?", [(ref,) for ref in refs])


def remember_main(registry: Registry) -> None:
    """Remember the commit that main is at."""
    commit = registry.git.find_ref(registry.main_ref)
    if commit and commit not in mains_seen(registry):
        _write(registry, "INSERT OR IGNORE INTO mains VALUES (?, ?)", [(registry.branch, commit)])


def mains_seen(registry: Registry) -> set[str]:
    """Every commit that main was seen at from here."""
    asked = "SELECT oid FROM mains WHERE branch = ?"
    rows: list[tuple[str]] = _read(registry, lambda seen: seen.execute(asked, (registry.branch,)).fetchall(), [])
    return {oid for (oid,) in rows}


def tags_seen(registry: Registry) -> dict[str, str]:
    """Every tag that was seen from here: full name -> object id."""
    asked = "SELECT ref, oid FROM tags ORDER BY ref"
    found: dict[str, str] = _read(registry, lambda seen: dict(seen.execute(asked).fetchall()), {})
    return found


def missing_or_moved(registry: Registry, now: Mapping[str, str] | None = None) -> tuple[Changed, ...]:
    """The tags that are not what was seen; compared with `now` (full name -> object id), else with those here."""
    seen = tags_seen(registry)
    here = {ref.name: ref.oid for ref in registry.git.refs(_TAGS)} if now is None and seen else now or {}
    found = [Changed(ref, oid, here.get(ref, "")) for ref, oid in seen.items() if here.get(ref) != oid]
    replaced = _replaced(registry, [changed.now for changed in found if changed.now])
    return tuple(changed for changed in found if replaced.get(changed.now) != changed.seen)


def check_file(registry: Registry) -> int:
    """How many tags were seen from here; Damaged where the file cannot be read."""
    path = registry.state / FILE
    if not path.exists():
        return 0
    import sqlite3

    try:
        with contextlib.closing(_open(path, "ro")) as seen:
            answer = str(seen.execute("PRAGMA quick_check(1)").fetchone()[0])
            if answer != "ok":
                raise sqlite3.DatabaseError(answer)
            return int(seen.execute("SELECT count(*) FROM tags").fetchone()[0])
    except sqlite3.Error as error:
        raise Damaged(f"{path} cannot be read: {error}", f"rm {path}; gitreg fetch begins it again") from None


def _unknown(registry: Registry, refs: Mapping[str, str]) -> dict[str, str]:
    """Those of the tags that are to be remembered; Damaged where one is another than was seen."""
    asked = [ref for ref in refs if ref.startswith(_TAGS)]
    known: dict[str, str] = _read(registry, lambda seen: _known(seen, asked), {})
    moved = {ref: oid for ref, oid in known.items() if refs[ref] != oid}
    replaced = _replaced(registry, [refs[ref] for ref in moved])
    for ref, oid in moved.items():
        if replaced.get(refs[ref]) != oid:
            where = f"git ls-remote {registry.remote}" if registry.remote else "git show-ref"
            name = ref.removeprefix(_TAGS)
            raise Damaged(
                f"the tag {name} is {refs[ref][:12]} now, and was {oid[:12]} when last seen from here: tags never move",
                f"ask who changed it; {where} '{ref if registry.remote else name}'",
            )
    return {ref: refs[ref] for ref in asked if known.get(ref) != refs[ref]}


def _replaced(registry: Registry, tags: Iterable[str]) -> dict[str, str]:
    """Of those tag objects that are tombstones: the tag object that each replaces."""
    found: dict[str, str] = {}
    for oid, kind, content in registry.git.objects(sorted(set(tags))):
        with contextlib.suppress(GitregError):
            if kind == "tag":
                found[oid] = (parse_trailers(parse_tag_object(content, oid).message) or {}).get("Gitreg-Replaces", "")
    return found


def _known(seen: sqlite3.Connection, refs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for at in range(0, len(refs), _AT_ONCE):
        part = refs[at : at + _AT_ONCE]
        marks = ",".join("?" * len(part))
        found.update(seen.execute(f"SELECT ref, oid FROM tags WHERE ref IN ({marks})", part).fetchall())
    return found


def _read(registry: Registry, question: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
    """The answer to a question; `otherwise` where nothing was seen yet, or the file cannot be read."""
    path = registry.state / FILE
    if not path.exists():
        return otherwise
    try:
        import sqlite3
    except ImportError as error:
        _lost(path, error)
        return otherwise
    try:
        # Not "ro": what a killed program left half written is taken back by the next one that opens it.
        with contextlib.closing(_open(path, "rw")) as seen:
            begun = seen.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'mains'").fetchone()[0]
            return question(seen) if begun else otherwise
    except sqlite3.Error as error:
        _lost(path, error)
        return otherwise


def _write(registry: Registry, change: str, rows: Iterable[tuple[str, ...]]) -> None:
    path = registry.state / FILE
    try:
        import sqlite3
    except ImportError as error:
        _lost(path, error)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(_open(path, "rwc")) as seen:
            seen.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                seen.execute(table)
            seen.executemany(change, rows)
            seen.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        _lost(path, error)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    import sqlite3

    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_PATIENCE, isolation_level=None)


def _lost(path: Path, error: Exception) -> None:
    if path not in _warned:
        _warned.add(path)
        warn(f"{path}: {error}; a tag that moves is not noticed from here (gitreg doctor)")
