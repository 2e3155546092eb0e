"""Mirrors: gitreg's own bare copies of registries that are only known by their address.

<cache>/mirrors/<short>/               bare, partial, of one branch; made complete or not at all
<cache>/mirrors/<short>/gitreg/mirror  written last: what has it not was left half made
<cache>/mirrors/<short>/gitreg/names/  the tags of a model, as the server told them last
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from gitreg.errors import Conflict, Refused, Unreachable
from gitreg.registry.homes import mirror_home
from gitreg.stores.disk import write_whole
from gitreg.stores.git import RefChange
from gitreg.stores.git.partial import PartialRepository, clone_partially
from gitreg.stores.scratch import scratch

MAIN_ALONE = "--negotiation-tip=refs/heads/*"
"""How a mirror tells the origin what it has: versions and runs have no parents that the others could be."""

_COMPLETE = "gitreg/mirror"
_NAMES = "gitreg/names"
_NEXT = "refs/gitreg/main"
_TRIES = 5
_OF_PAYLOADS = frozenset({"azure", "gs", "s3", "webdav", "webdavs"})  # of others git's own settings may know


def check_address(named: str) -> str:
    """`named` (an address, or URL#BRANCH), if it may be used.

    Refused where it holds a password, may be an option, or is a payload store's.
    """
    if named.startswith("-"):
        raise Refused(f"bad address {named!r}", "an address begins with a letter")
    if found := re.match(r"[a-z][a-z0-9+]*://[^/@]*:[^/]*@(.*)", named):
        raise Refused(
            f"the address of {found[1]} holds a password, which would be kept in files and logs",
            "take it out, and set GITREG_TOKEN or let git's credential helper know: git credential approve",
        )
    scheme, there, _ = named.partition("://")
    if there and scheme in _OF_PAYLOADS:
        raise Refused(
            f"{named} is no address of a Git repository",
            f"name the registry's repository, as in https://host/models.git; payloads lie at {scheme}://",
        )
    return named


def open_mirror(address: str, branch: str, *, offline: bool, files: tuple[str, ...]) -> PartialRepository:
    """The mirror of a branch (of the default one) of an address, whose HEAD names it; nobody is asked if it is there.

    A new one has the `files` of the branch. Unreachable where it is not there and the address does not answer.
    """
    named = check_address(f"{address}#{branch}" if branch else address)
    home = mirror_home(named)
    mirror = PartialRepository(home, home, None, offline=offline)
    if not _whole(home):
        if offline:
            raise Unreachable(f"{named} was never read from here, and this is offline", "give the command online once")
        with scratch(home.parent, ".") as folder:
            _make(folder, address, branch, files)
            _move(folder, home)
    return mirror


def _make(folder: Path, address: str, branch: str, files: tuple[str, ...]) -> None:
    made = clone_partially(folder, address, branch)
    for _ in made.objects(f"HEAD:{file}" for file in files):
        pass  # reading brings them
    write_whole(folder / _COMPLETE, b"1\n")


def _move(folder: Path, home: Path) -> None:
    """Let the new mirror take its place; one that another process made meanwhile stays, one half there goes."""
    for attempt in range(_TRIES):
        if _whole(home):
            return
        try:
            if home.exists():
                with scratch(home.parent, ".") as old:
                    home.rename(old)
            folder.rename(home)
        except OSError:
            if attempt + 1 == _TRIES:
                raise


def _whole(home: Path) -> bool:
    return all((home / name).exists() for name in ("HEAD", "config", "objects", _COMPLETE))


def bring_main(mirror: PartialRepository, branch: str, *, files: tuple[str, ...], history: bool = False) -> None:
    """Bring a branch up to date: its last commit with these `files`, and with `history` the commits before it.

    The branch moves when the files are here: nobody finds it without them, whenever the origin goes away.
    """
    main = f"refs/heads/{branch}"
    mirror.fetch(mirror.remote, [f"+{main}:{_NEXT}"], extra=["--depth=1", "--filter=blob:none", MAIN_ALONE])
    for _ in mirror.objects(f"{_NEXT}:{file}" for file in files):
        pass  # reading brings them
    here = {ref.name: ref.oid for ref in mirror.refs(main, _NEXT)}
    if here.get(main) != here[_NEXT]:
        with contextlib.suppress(Conflict):  # another process brought it, too
            mirror.change_refs([RefChange(main, here[_NEXT], here.get(main, ""))])
    if history:
        mirror.fetch(mirror.remote, [f"+{main}:{main}"], extra=["--depth=2147483647", "--filter=tree:0", MAIN_ALONE])


def keep_names(mirror: PartialRepository, model: str, refs: Mapping[str, str]) -> None:
    """Keep what the server told of a model's tags."""
    text = "".join(f"{oid} {name}\n" for name, oid in sorted(refs.items()))
    write_whole(mirror.git_dir / _NAMES / model, text.encode())


def kept_names(mirror: PartialRepository, model: str) -> dict[str, str]:
    """A model's tags, as the server told them last: full names of refs -> objects, which need not be here."""
    try:
        text = (mirror.git_dir / _NAMES / model).read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(" ") for line in text.splitlines())
    return {name: oid for oid, _, name in pairs}
