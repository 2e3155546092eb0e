"""Making a bundle: the versions and runs that are named, with everything that reading them needs."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gitreg.errors import Conflict, Damaged, NotFound, Refused, Unsupported
from gitreg.format.bundle import END, BundledFile, Manifest, format_header, format_manifest, padding
from gitreg.format.references import OfRun, parse_reference
from gitreg.format.runs import Run
from gitreg.format.tags import number_ref, retire_ref, run_ref, version_ref
from gitreg.format.times import format_time
from gitreg.format.versions import ModelVersion
from gitreg.registry.candidate import ended_run, version_run
from gitreg.registry.care.keep import check_whole
from gitreg.registry.files import read_run_payloads
from gitreg.registry.notes import NOTES, merge_notes
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Moved, Progress, silent
from gitreg.registry.resolve import resolve
from gitreg.stores.cache import Payload, sha256_file, sync_folder
from gitreg.stores.clock import now
from gitreg.stores.git.bundle import write_bundle
from gitreg.stores.payloads import Item
from gitreg.stores.scratch import scratch

_PIECE = 4 << 20


@dataclass(frozen=True)
class Bundled:
    """A bundle that was, or would be, made: what it holds by name, and its `size` in bytes (0 where none was made)."""

    path: str
    names: tuple[str, ...]
    since: tuple[str, ...]
    refs: int
    payloads: int
    payload_size: int
    size: int

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return self.__dict__ | {"names": list(self.names), "since": list(self.since)}


@dataclass
class _Chosen:
    """What references led to: refs to carry, and the payloads behind them."""

    names: list[str] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)
    items: dict[Payload, Item] = field(default_factory=dict)


def create_bundle(
    refs: Sequence[str],
    output: str | os.PathLike[str],
    *,
    since: Sequence[str] = (),
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Bundled:
    """Put versions and runs into one file, with main, notes and payloads; what `since` names is left out.

    The file appears complete or not at all: Conflict where there is one already.
    """
    place, target = open_registry(registry, offline=offline), Path(output)
    if not refs:
        raise Refused("a bundle of nothing", "name versions or runs: gitreg bundle create MODEL@v1.2.0 -o FILE")
    if place.mirror:
        raise Unsupported("a bundle is made from a clone", f"git clone {place.where}, then -R CLONE")
    check_whole(place)
    if target.exists():
        raise Conflict(f"{target} is there already", "name another file, or remove it")
    if not target.absolute().parent.is_dir():
        raise NotFound(f"no folder {target.absolute().parent}", f"mkdir -p {target.absolute().parent}")
    if place.remote and not place.offline:
        place.fetch_main()
        merge_notes(place)
    wanted, had = _choose(place, refs), _choose(place, since)
    wanted.refs[f"refs/heads/{place.branch}"] = place.main()
    if notes := place.git.find_ref(NOTES):
        wanted.refs[NOTES] = notes
    known = {ref: oid for ref, oid in had.refs.items() if not ref.endswith("!")}
    carried = {ref: oid for ref, oid in {**had.refs, **wanted.refs}.items() if ref not in known}
    items = [item for payload, item in wanted.items.items() if payload not in had.items]
    items.sort(key=lambda item: item.payload.sha256)
    total = sum(item.payload.size for item in items)
    size = 0
    if not dry_run:
        size = _write(place, target, carried, known, items, progress)
    return Bundled(str(target), tuple(wanted.names), tuple(had.names), len(carried), len(items), total, size)


def _choose(registry: Registry, refs: Iterable[str]) -> _Chosen:
    chosen = _Chosen()
    for ref in refs:
        target = parse_reference(ref).target
        if isinstance(target, OfRun):
            run = ended_run(registry, target.run_id)
            _add_run(registry, chosen, run)
            chosen.names.append(str(run))
            continue
        registry.fetch(f"refs/tags/{target.model}@*")
        version = resolve(ref, registry=registry)
        _add_version(registry, chosen, version)
        chosen.names.append(str(version))
    chosen.names = list(dict.fromkeys(chosen.names))
    return chosen


def _add_run(registry: Registry, chosen: _Chosen, run: Run) -> None:
    chosen.refs[run_ref(run.id)] = run.commit
    _add_payloads(registry, chosen, run, run.commit, str(run))


def _add_version(registry: Registry, chosen: _Chosen, version: ModelVersion) -> None:
    if version.number is None:
        raise Refused(f"{version} was tagged without gitreg: it holds no model", "git bundle carries it")
    chosen.refs[version_ref(version.model, version.semver)] = version.tag
    chosen.refs[number_ref(version.model, version.number)] = version.tag
    if version.tombstone:
        return
    retired, run = retire_ref(version.model, version.semver), run_ref(version.run_id)
    if oid := registry.git.find_ref(retired):
        chosen.refs[retired] = oid
    registry.fetch(run)
    if oid := registry.git.find_ref(run):
        chosen.refs[run] = oid
    _add_payloads(registry, chosen, version_run(registry, version), version.commit, str(version))


def _add_payloads(registry: Registry, chosen: _Chosen, run: Run, commit: str, name: str) -> None:
    for item in read_run_payloads(registry, commit, [(m.path, m.digest) for m in run.models], name):
        chosen.items.setdefault(item.payload, Item(item.payload, f"{item.name} of {name}"))


def _write(
    registry: Registry,
    target: Path,
    refs: dict[str, str],
    since: dict[str, str],
    items: Sequence[Item],
    progress: Progress,
) -> int:
    """Write the bundle; its size in bytes."""
    sources = _at_hand(registry, items, progress)
    with scratch(registry.state / "tmp") as folder:
        objects = folder / "objects"
        (folder / "draft").mkdir()
        write_bundle(registry.git, objects, refs, set(since.values()), folder / "draft")
        where = registry.git.address(registry.remote) if registry.remote else Path(registry.where).name
        manifest = Manifest(
            registry=where,
            branch=registry.branch,
            created=format_time(now()),
            refs=refs,
            since=since,
            objects=BundledFile(sha256_file(objects), objects.stat().st_size),
            payloads=tuple(BundledFile(i.payload.sha256, i.payload.size, i.payload.md5) for i in items),
        )
        partial = target.absolute().parent / f".{target.name[:100]}.{uuid.uuid4().hex}"
        try:
            with partial.open("xb") as writing, progress("bundling", sum(i.payload.size for i in items)) as moved:
                _stream(writing, manifest, [(objects, "git's objects"), *sources], moved)
                writing.flush()
                os.fsync(writing.fileno())
                size = writing.tell()
            _put(partial, target)
        except FileExistsError:
            raise Conflict(f"{target} is there already", "name another file, or remove it") from None
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(target.absolute().parent)
    return size


def _put(partial: Path, target: Path) -> None:
    """Let a whole file appear. FileExistsError where another program was quicker."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:  # a stick that is carried across a gap may know no second names
        if target.exists():
            raise FileExistsError(target) from None
        partial.rename(target)


def _at_hand(registry: Registry, items: Sequence[Item], progress: Progress) -> list[tuple[Path, str]]:
    """A file of this machine for each payload, and its name; what is not here is brought."""
    missing = [item for item in items if not _file(registry, item.payload)]
    if missing:
        with progress("downloading", sum(item.payload.size for item in missing)) as moved:
            registry.store.pull(missing, registry.cache, moved)
    return [(_file(registry, i.payload) or registry.cache.path(i.payload.md5), i.name) for i in items]


def _file(registry: Registry, payload: Payload) -> Path | None:
    for cache in (registry.cache, registry.written):
        if cache.has(payload.md5, payload.size):
            return cache.path(payload.md5)
    return registry.store.path(payload)


def _stream(writing: BinaryIO, manifest: Manifest, files: Iterable[tuple[Path, str]], moved: Moved) -> None:
    text = format_manifest(manifest)
    writing.write(format_header("manifest.json", len(text)) + text + padding(len(text)))
    for (name, file), (source, what) in zip(manifest.members(), files, strict=True):
        writing.write(format_header(name, file.size))
        _copy(source, writing, file, what, moved if file.md5 else lambda _: None)
        writing.write(padding(file.size))
    writing.write(END)


def _copy(source: Path, writing: BinaryIO, file: BundledFile, what: str, moved: Callable[[int], None]) -> None:
    seen, size = hashlib.sha256(), 0
    with source.open("rb", buffering=0) as reading:
        while piece := reading.read(_PIECE):
            size += len(piece)
            if size > file.size:
                break
            seen.update(piece)
            writing.write(piece)
            moved(len(piece))
    if size != file.size or seen.hexdigest() != file.sha256:
        raise Damaged(f"{what} is damaged: its sha256 is not {file.sha256}", f"look at {source}; gitreg fsck --repair")
