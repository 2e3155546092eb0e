"""A model directory without a registry: verified against its own SHA256SUMS, and that against a digest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from gitreg.errors import Damaged, NotFound
from gitreg.format.sums import Sums, check_digest, parse_sums
from gitreg.registry.contents import MODEL_FILE, SUMS
from gitreg.registry.progress import Progress, silent
from gitreg.stores.cache import sha256_file

_BESIDE = frozenset({SUMS, "registered_model_meta"})
_COMPILED = "__pycache__"


def verify_directory(folder: Path, digest: str | None = None, progress: Progress = silent) -> str:
    """The digest of the model directory `folder`, every file of which is as its SHA256SUMS says.

    Damaged, naming the file, where one is not, is missing or is not listed, and where the directory is not the one of
    `digest`. NotFound where it is no model directory.
    """
    if not (folder / MODEL_FILE).is_file():
        raise NotFound(f"{folder} is no model directory: it has no {MODEL_FILE}", "gitreg pull REF DIR makes one")
    try:
        text = (folder / SUMS).read_bytes()
    except FileNotFoundError:
        raise NotFound(
            f"{folder} has no {SUMS}, so nothing tells what its files should be", "gitreg pull REF DIR makes one"
        ) from None
    found = f"sha256:{hashlib.sha256(text).hexdigest()}"
    if digest is not None and check_digest(digest, "--digest") != found:
        raise Damaged(f"{folder} is another model: its digest is {found}, not {digest}", f"gitreg pull REF {folder}")
    _verify(folder, parse_sums(text, f"{SUMS} of {folder}"), progress)
    return found


def _verify(folder: Path, sums: Sums, progress: Progress) -> None:
    again = "gitreg pull REF DIR makes it again"
    there = set(_files(folder))
    for path in sorted(there - set(sums.by_path)):
        raise Damaged(f"{folder / path} is not listed in {SUMS}", "remove it")
    for path in sums.by_path:
        if path not in there:
            raise Damaged(f"{folder / path} is missing", again)
    with progress("verifying", sum((folder / path).stat().st_size for path in there)) as moved:
        for path, wanted in sums.entries:
            sha256 = sha256_file(folder / path, moved)
            if sha256 != wanted:
                raise Damaged(f"{folder / path} is damaged: its sha256 is {sha256}, not {wanted}", again)


def _files(folder: Path) -> list[str]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != _COMPILED]
        found += [Path(parent, name).relative_to(folder).as_posix() for name in names]
    return [path for path in found if path not in _BESIDE]
