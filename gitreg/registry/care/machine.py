"""What is looked at on this machine whatever the registry: git, DVC, who writes, locks, folders, room, the clock."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from gitreg.format.times import from_seconds
from gitreg.stores import git
from gitreg.stores.clock import now

_OLDEST_GIT = (2, 36)
_STALE = 600  # seconds: no git command that gitreg starts holds a lock that long
_CLOCK_TOLERANCE = 300  # seconds
_LEAST_ROOM = 512 << 20  # bytes
_PLUG_INS = {"s3": "dvc-s3", "ssh": "dvc-ssh", "azure": "dvc-azure", "gs": "dvc-gs", "webdav": "dvc-webdav",
             "webdavs": "dvc-webdav", "http": "dvc-http", "https": "dvc-http"}  # fmt: skip
_EXTRAS = frozenset({"s3", "ssh", "azure", "gs", "webdav"})


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is well, what was found, and what to do (empty: nothing)."""

    name: str
    ok: bool
    message: str
    hint: str = ""

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return dict(self.__dict__)


def look_at_git() -> Iterator[Finding]:
    """Git's version."""
    version = git.version()
    shown = ".".join(map(str, version))
    if version[:2] >= _OLDEST_GIT:
        yield Finding("git", True, f"git {shown}")
    else:
        yield Finding("git", False, f"git {shown} is older than 2.36", "install a newer git")


def look_at_identity(repository: git.Repository | None) -> Iterator[Finding]:
    """Who writes."""
    yield Finding("identity", True, repository.identity() if repository else git.identity())


def look_at_dvc(url: str) -> Iterator[Finding]:
    """DVC, and its plug-in for the payload store at `url`; a folder needs neither."""
    scheme = urlsplit(url).scheme if "://" in url else "file"
    if scheme == "file":
        yield Finding("dvc", True, "not needed for payloads in a folder")
        return
    names = ["dvc", *([_PLUG_INS[scheme]] if scheme in _PLUG_INS else [])]
    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    for name in names:
        if name not in found:
            extra = name.removeprefix("dvc-")
            hint = f"pip install 'gitreg[{extra}]'" if extra in _EXTRAS else f"pip install {name}"
            yield Finding("dvc", False, f"{name} is not installed, which payloads at {scheme}:// need", hint)
            return
    yield Finding("dvc", True, ", ".join(f"{name} {version}" for name, version in found.items()))


def look_at_locks(repository: git.Repository) -> Iterator[Finding]:
    """Locks that a killed git left, here and in an origin that is a folder of this machine."""
    folders = {repository.git_dir, repository.common_dir}
    for url in repository.remotes().values():
        path = Path(url.removeprefix("file://"))
        if path.is_absolute() and (path / "HEAD").is_file():
            folders.add(path)
    until, found = now().timestamp() - _STALE, dict[Path, float]()
    for folder in sorted(folders):
        below = (folder / "refs").rglob("*.lock")
        for lock in [*folder.glob("*.lock"), *below, *(folder / "objects").glob("*/*.lock")]:
            with contextlib.suppress(FileNotFoundError):  # it was not left, only held
                found[lock] = lock.stat().st_mtime
    for lock, since in found.items():
        when, hint = from_seconds(since), f"if no git is at work there: rm {shlex.quote(str(lock))}"
        if since < until:
            yield Finding("locks", False, f"{lock} is left since {when}: git refuses to write", hint)
        else:
            yield Finding("locks", True, f"{lock} is held since {when}, by a git at work or killed", hint)
    if not found:
        yield Finding("locks", True, "none left behind")


def look_at_folders(folders: Iterable[Path]) -> Iterator[Finding]:
    """Whether gitreg's own folders can be written, and have room."""
    ok, room = True, dict[int, tuple[int, Path]]()
    for folder in folders:
        there = _nearest(folder)
        if not there.is_dir():
            ok = False
            hint = f"mv {shlex.quote(str(there))} ELSEWHERE"
            yield Finding("folders", False, f"{there} is a file, where a folder should be", hint)
            continue
        if not os.access(there, os.W_OK | os.X_OK):
            ok = False
            hint = f"ls -ld {shlex.quote(str(there))}; or name another folder with GITREG_CACHE or XDG_STATE_HOME"
            yield Finding("folders", False, f"{there} cannot be written by you", hint)
        room.setdefault(there.stat().st_dev, (shutil.disk_usage(there).free, there))
    if ok:
        yield Finding("folders", True, "can be written")
    for free, folder in room.values():
        shown = f"{free / (1 << 30):.1f} GiB are free on the disk of {folder}"
        yield Finding("room", free >= _LEAST_ROOM, shown, "" if free >= _LEAST_ROOM else "free some: gitreg gc")


def _nearest(folder: Path) -> Path:
    """The folder, or the closest one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def look_at_clock(repository: git.Repository) -> Iterator[Finding]:
    """The clock against the newest tag."""
    asked = ["--sort=-creatordate", "--count=1", "--format=%(creatordate:unix) %(refname:lstrip=2)", "refs/tags/"]
    when, _, tag = repository.text("for-each-ref", *asked).partition(" ")
    behind = int(when or 0) - now().timestamp()
    if behind > _CLOCK_TOLERANCE:
        message = f"the newest tag, {tag}, is of {from_seconds(int(when))}: this clock is {int(behind)} s behind"
        yield Finding("clock", False, message, "timedatectl set-ntp true")
    else:
        yield Finding("clock", True, "not behind the newest tag")
