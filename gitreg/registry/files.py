"""The files of a committed run: what Git has of each, and which payload stands behind a pointer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gitreg.errors import Damaged, NotFound
from gitreg.format.pointer import SUFFIX, parse_pointer
from gitreg.format.sums import Sums, parse_sums
from gitreg.registry.contents import SUMS
from gitreg.registry.place import Registry
from gitreg.stores.cache import Payload
from gitreg.stores.payloads import Item

_OWN = ".gitreg/"
_NOT_SUMMED = frozenset({"dvc.yaml", ".dvc/config", f"{_OWN}{SUMS}"})


@dataclass(frozen=True)
class CommittedFile:
    """A file of a run by its real name: a blob of Git's, or a payload. `size` is in bytes."""

    path: str
    sha256: str
    size: int
    blob: str = ""
    payload: Payload | None = None


def read_model_files(registry: Registry, commit: str, path: str, digest: str, name: str) -> tuple[CommittedFile, ...]:
    """The files of one model directory, by paths inside it; verified against `digest`, which a tag or stage states.

    Damaged, naming the file, where sums, pointers and blobs do not fit together.
    """
    entries = {e.path: (e.oid, e.size) for e in registry.git.tree(commit, path)}
    return _model_files(entries, _sums_and_pointers(registry, entries), digest, name)


def _model_files(
    entries: dict[str, tuple[str, int]], contents: dict[str, bytes], digest: str, name: str
) -> tuple[CommittedFile, ...]:
    if SUMS not in entries:
        raise Damaged(f"{name} has no {SUMS}")
    sums = parse_sums(contents[entries[SUMS][0]], f"{SUMS} of {name}")
    if sums.digest() != digest:
        raise Damaged(f"{name} is not what was registered: its digest is {sums.digest()}, not {digest}", "gitreg fetch")
    return tuple(_join(name, sums, entries, contents, {SUMS}))


def read_run_payloads(registry: Registry, commit: str, models: Iterable[tuple[str, str]], name: str) -> list[Item]:
    """Every payload of a run, in and beside its models (pairs of path and digest), to be published."""
    files = read_run_files(registry, commit, models, name)
    found = [Item(file.payload, file.path) for file in files if file.payload]
    return list({item.payload: item for item in found}.values())


def read_run_files(
    registry: Registry, commit: str, models: Iterable[tuple[str, str]], name: str
) -> tuple[CommittedFile, ...]:
    """The files of a run, in and beside its models (pairs of path and digest), by paths in the run.

    Damaged, naming the file, where sums, pointers and blobs do not fit together.
    """
    found: list[CommittedFile] = []
    beside = {e.path: (e.oid, e.size) for e in registry.git.tree(commit)}
    contents = _sums_and_pointers(registry, beside)
    for path, digest in models:
        inside = {p: beside.pop(p) for p in list(beside) if p.startswith(f"{path}/")}
        entries = {p.removeprefix(f"{path}/"): entry for p, entry in inside.items()}
        for file in _model_files(entries, contents, digest, f"{name}/{path}"):
            found.append(replace(file, path=f"{path}/{file.path}"))
    own = beside.get(_OWN + SUMS)
    if own is None:
        raise Damaged(f"{name} has no {_OWN}{SUMS}")
    sums = parse_sums(contents[own[0]], f"{_OWN}{SUMS} of {name}")
    return (*found, *_join(name, sums, beside, contents, _NOT_SUMMED))


def _sums_and_pointers(registry: Registry, entries: dict[str, tuple[str, int]]) -> dict[str, bytes]:
    asked = [oid for p, (oid, _) in entries.items() if p.endswith(SUFFIX) or p.rsplit("/", 1)[-1] == SUMS]
    return {oid: content for oid, kind, content in registry.git.objects(asked) if kind == "blob"}


def _join(
    name: str, sums: Sums, entries: dict[str, tuple[str, int]], contents: dict[str, bytes], ignored: Iterable[str]
) -> Iterable[CommittedFile]:
    left = set(entries) - set(ignored)
    for path, sha256 in sums.entries:
        pointer_path = path + SUFFIX
        if path in left:
            oid, size = entries[path]
            left.discard(path)
            yield CommittedFile(path, sha256, size, blob=oid)
        elif pointer_path in left:
            left.discard(pointer_path)
            pointer = parse_pointer(contents[entries[pointer_path][0]], f"{pointer_path} of {name}")
            if pointer.path != path.rsplit("/", 1)[-1]:
                raise Damaged(f"{pointer_path} of {name} is a pointer to {pointer.path!r}, another file")
            yield CommittedFile(path, sha256, pointer.size, payload=Payload(pointer.md5, sha256, pointer.size))
        else:
            raise Damaged(f"{path} is missing from {name}: neither the file nor its pointer is there", "gitreg fetch")
    if left:
        raise Damaged(f"{sorted(left)[0]} of {name} is not in its {SUMS}")


def read_text(registry: Registry, commit: str, path: str) -> str | None:
    """A text file of a commit, or None where it is not there."""
    try:
        return registry.git.content(f"{commit}:{path}", path).decode("utf-8", "replace")
    except NotFound:
        return None
