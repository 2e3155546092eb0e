"""Bundles of git's: objects and refs in a file, made from one repository and looked at beside another."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from gitreg.errors import Damaged, GitregError
from gitreg.stores.git.repository import Repository, create_repository
from gitreg.stores.git.writing import RefChange

_REF = re.compile(rb"([0-9a-f]{40}) (refs/[^\n]+)\n")


def write_bundle(git: Repository, path: Path, refs: Mapping[str, str], without: Iterable[str], scratch: Path) -> None:
    """Write `refs` (full name -> object id) with their objects, but for those of `without`, into a new file.

    The names need not be those that the repository has. `scratch` is an empty folder.
    """
    # git's own bundle leaves out only what lies in one history, and runs have none in common.
    had = set(_objects(git, without))
    left = [oid for oid in _objects(git, refs.values()) if oid not in had]
    asked = "".join(f"{oid}\n" for oid in left).encode()
    argv = ["pack-objects", "-q", "--delta-base-offset", str(scratch / "made")]
    name = git.write(*argv, data=asked, what="cannot pack the objects of the bundle").decode().strip()
    lines = [f"{oid} {ref}\n" for ref, oid in sorted(refs.items())]
    with path.open("xb") as writing, (scratch / f"made-{name}.pack").open("rb") as pack:
        writing.write("".join(["# v2 git bundle\n", *lines, "\n"]).encode())
        shutil.copyfileobj(pack, writing, 1 << 20)


def _objects(git: Repository, tips: Iterable[str]) -> list[str]:
    """Every object that the tips lead to."""
    asked = "".join(f"{tip}\n" for tip in tips)
    answer = git.read("rev-list", "--objects", "--no-object-names", "--stdin", data=asked.encode()) if asked else None
    if answer and answer.code:
        raise Damaged(f"{git.common_dir} lacks objects that its refs lead to: {answer.err}", "git fsck")
    return answer.out.decode().split() if answer else []


def open_bundle(path: Path, refs: Mapping[str, str], folder: Path, beside: Repository, what: str) -> Repository:
    """A repository in `folder` with the objects of a bundle whose refs are `refs`.

    It sees the objects of `beside`, which it leaves alone. Damaged, naming `what`, where git finds anything wrong with
    an object, where one is missing, or where the refs are others.
    """
    git = create_repository(folder, bare=True)
    alternates = git.common_dir / "objects" / "info" / "alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_text(f"{_quoted(beside.common_dir / 'objects')}\n", encoding="utf-8")
    pack = git.common_dir / "objects" / "pack" / "pack-bundle.pack"
    with path.open("rb") as reading, pack.open("xb") as writing:
        if _refs(reading) != dict(refs):
            raise Damaged(f"{what}: its refs are not those that its manifest tells", "have it made anew")
        shutil.copyfileobj(reading, writing, 1 << 20)
    try:
        # git's own fetch from a bundle would not look at what is in the objects.
        git.write("index-pack", "--strict", str(pack), what="git does not take it")
        git.write("bundle", "verify", "-q", str(path), what="git does not take it")
        git.change_refs([RefChange(ref, oid) for ref, oid in refs.items()])
    except GitregError as error:
        raise Damaged(f"{what}: {error.message}", "have it made anew") from None
    _objects(git, refs.values())
    return git


def _refs(reading: BinaryIO) -> dict[str, str] | None:
    """The refs in the head of a bundle; None where it has another kind of head."""
    refs: dict[str, str] = {}
    if reading.readline(100) != b"# v2 git bundle\n":
        return None
    while (line := reading.readline(1000)) != b"\n":
        found = _REF.fullmatch(line)
        if not found:
            return None
        refs[found[2].decode("utf-8", "surrogateescape")] = found[1].decode()
    return refs


def _quoted(path: Path) -> str:
    text = str(path)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if text[0] in '"#' else text


def take_objects(git: Repository, path: Path) -> None:
    """Have the objects of a bundle that was looked at; no ref changes."""
    git.write("bundle", "unbundle", str(path), what="cannot take the objects of the bundle")
