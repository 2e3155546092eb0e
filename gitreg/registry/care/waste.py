"""What lies on this machine and is needed by nothing: payloads, snapshots, leftovers, mirrors nobody asks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gitreg.registry.environments.create import environments_home
from gitreg.registry.environments.kept import UNUSED_DAYS, remove_environment, unused_environments
from gitreg.registry.homes import cache_home
from gitreg.registry.place import Registry
from gitreg.registry.use.snapshot import SNAPSHOTS, remove_snapshot
from gitreg.registry.use.verified import record_of
from gitreg.stores.disk import remove_folder
from gitreg.stores.git import without_credentials
from gitreg.stores.payloads import FolderStore, Stored
from gitreg.stores.scratch import locked

MIRROR_DAYS = 90
_DAY = 86400.0


@dataclass(frozen=True)
class Waste:
    """Something that may go: `kind` is run, payload, snapshot, environment, leftover or mirror; `where` is here, origin
    or store.

    `size` is the bytes that become free. `why` says why it may go. `name` is what a store or git calls it, `paths`
    are files or folders of this machine.
    """

    kind: str
    where: str
    what: str
    size: int
    why: str
    name: str = ""
    paths: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"kind": self.kind, "where": self.where, "what": self.what, "size": self.size, "why": self.why}


@dataclass(frozen=True)
class Kept:
    """What stays: how many payloads, how many bytes, and what needs them."""

    where: str
    what: str
    count: int
    size: int

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return dict(self.__dict__)


Judge = Callable[[Stored], str]
"""What needs a payload, in a word; "" where nothing does."""


def judged(
    where: str, found: Iterable[Stored], judge: Judge, names: Mapping[str, str], root: Path | None = None
) -> tuple[list[Waste], list[Kept]]:
    """The payloads of a cache or store apart: what may go (`names` tell what the last to need it was), what stays."""
    waste: list[Waste] = []
    kept: dict[str, tuple[int, int]] = {}
    for stored in found:
        paths = (root / "files/md5" / stored.name[:2] / stored.name[2:],) if root else ()
        if need := judge(stored):
            count, size = kept.get(need, (0, 0))
            kept[need] = (count + 1, size + stored.size)
        elif stored.partial:
            what = f"a part of {stored.name[:2]}{stored.name[3:33]}"
            waste.append(Waste("leftover", where, what, stored.size, "its upload was cut short", stored.name, paths))
        else:
            last = names.get(stored.name, "")
            why = f"only {last} needed it" if last else "nothing names it"
            waste.append(Waste("payload", where, stored.name, stored.size, why, stored.name, paths))
    return waste, [Kept(where, what, *facts) for what, facts in sorted(kept.items())]


def cached(root: Path) -> Iterator[Stored]:
    """The payloads of a cache."""
    return FolderStore(root).listing() if root.is_dir() else iter(())


def snapshots(root: Path, before: float) -> list[Waste]:
    """Materialised models older than `before`: each can be made again from git and the payloads."""
    return [
        Waste("snapshot", "here", path.name[:16], 0, "it can be made again", paths=(path,))
        for path in _entries(root / SNAPSHOTS)
        if path.is_dir() and not path.name.startswith(".") and max(map(changed_at, (path, *_record(path)))) < before
    ]


def _record(snapshot: Path) -> list[Path]:
    """Where it is noted how a snapshot was when it was last verified: that is when it was last used, at least."""
    return [path for path in [record_of(snapshot)] if path.exists()]


def leftovers(registry: Registry, roots: Sequence[Path], before: float) -> list[Waste]:
    """What programs that were killed have left, older than `before` and held by nobody."""
    state = registry.state
    places = [*(root / "tmp" for root in roots), state / "tmp"]
    found = [path for place in places for path in _entries(place)]
    hidden = [state, *(state / name for name in ("runs", "wishes", "notes")), cache_home() / "mirrors"]
    hidden += [*(root / SNAPSHOTS for root in roots), environments_home()]
    found += [path for place in hidden for path in _entries(place) if _MADE_UP.fullmatch(path.name)]
    why = "its program was killed"
    return [
        Waste("leftover", "here", _shown(registry, path), 0, why, paths=(path,))
        for path in dict.fromkeys(found)
        if changed_at(path) < before and _free(path)
    ]


_MADE_UP = re.compile(r"\.(?:.+\.)?[0-9a-f]{32}")


def _shown(registry: Registry, path: Path) -> str:
    for top in (registry.git.common_dir, registry.state, registry.cache.root):
        if path.is_relative_to(top):
            return str(path.relative_to(top))
    return str(path)


def mirrors(registry: Registry, now: float) -> list[Waste]:
    """Copies of addresses that nobody has asked for a long time; what was logged there and not pushed is elsewhere."""
    found = []
    for home in _entries(cache_home() / "mirrors"):
        if home.is_dir() and home != registry.git.common_dir and _last_used(home) < now - MIRROR_DAYS * _DAY:
            why = f"nobody asked for it in {MIRROR_DAYS} days"
            found.append(Waste("mirror", "here", _address(home), 0, why, paths=(home,)))
    return found


def environments(now: float) -> list[Waste]:
    """Environments of models that nobody has asked for in a long time, and nobody uses."""
    why = f"nobody asked for it in {UNUSED_DAYS} days"
    return [
        Waste("environment", "here", row.key, 0, why, paths=(row.path,))
        for row in unused_environments(now - UNUSED_DAYS * _DAY)
    ]


def _last_used(home: Path) -> float:
    times = [changed_at(home)]
    for parent, _, names in os.walk(home):
        times += [changed_at(Path(parent)), *(changed_at(Path(parent, name)) for name in names)]
    with contextlib.suppress(OSError):
        times.append((home / "HEAD").stat().st_atime)  # git reads it whatever it does
    return max(times)


def _address(home: Path) -> str:
    # Asking git would count as a use.
    with contextlib.suppress(OSError):
        text = (home / "config").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^\s*url = (.*)$", text, re.MULTILINE):
            return without_credentials(found[1])
    return str(home)


def with_sizes(waste: Sequence[Waste]) -> list[Waste]:
    """`waste` with the bytes that become free: a file that has another name which stays frees nothing."""
    names: dict[tuple[int, int], int] = {}
    listed: list[list[os.stat_result]] = []
    for row in waste:
        files = [facts for path in row.paths for facts in _files(path)]
        listed.append(files)
        for facts in files:
            names[facts.st_dev, facts.st_ino] = names.get((facts.st_dev, facts.st_ino), 0) + 1
    sized, counted = [], set[tuple[int, int]]()
    for row, files in zip(waste, listed, strict=True):
        free = 0
        for facts in files:
            inode = (facts.st_dev, facts.st_ino)
            if names[inode] >= facts.st_nlink and inode not in counted:
                counted.add(inode)
                free += facts.st_size
        sized.append(replace(row, size=free) if row.paths else row)
    return sized


def _files(path: Path) -> Iterator[os.stat_result]:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            for parent, _, names in os.walk(path):
                for name in names:
                    with contextlib.suppress(OSError):
                        yield Path(parent, name).lstat()
        else:
            yield path.lstat()


def take_away(row: Waste, before: float) -> None:
    """Remove the files and folders of `row`, unless a program has begun to use them, or made them since `before`."""
    for path in row.paths:
        if row.kind == "leftover" and not _free(path):
            return
        if row.kind == "payload" and changed_at(path) > before:
            return
        with contextlib.suppress(FileNotFoundError):
            if row.kind == "snapshot":
                remove_snapshot(path)
            elif row.kind == "environment":
                remove_environment(path)
            elif path.is_dir() and not path.is_symlink():
                # Renamed first: nobody finds half of it under its name.
                remove_folder(path.rename(path.with_name(f".{uuid.uuid4().hex}")))
            else:
                path.unlink()


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def changed_at(path: Path) -> float:
    """When a file or folder changed last, its name too, in seconds since 1970; infinite where it is gone."""
    try:
        facts = path.lstat()
    except OSError:
        return float("inf")
    return max(facts.st_mtime, facts.st_ctime)


def _free(path: Path) -> bool:
    """Whether no program holds the lock of a scratch folder or of a partial file."""
    try:
        if path.is_dir():
            with locked(path, wait=False) as free:
                return free
        with path.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
