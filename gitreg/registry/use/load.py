"""Loading: resolve, fetch one commit, fetch payloads, verify every byte, and only then ask a framework."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gitreg.errors import Conflict, Damaged, GitregError, NotFound, Refused, check_type, shown
from gitreg.flavors import load as load_native
from gitreg.flavors import load_pyfunc as load_generic
from gitreg.flavors.pyfunc import PyFunc
from gitreg.format.mlmodel import MLModel, parse_mlmodel
from gitreg.format.names import check_path, check_paths
from gitreg.format.references import FORMS, OfRun, parse_reference
from gitreg.format.runs import LoggedModel, Run
from gitreg.format.sums import format_sums, make_sums
from gitreg.format.versions import ModelVersion
from gitreg.registry.candidate import ended_run, logged_model
from gitreg.registry.contents import MODEL_FILE, SUMS
from gitreg.registry.files import CommittedFile, read_model_files, read_run_files
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.resolve import resolve
from gitreg.stores.cache import copy_verified, sha256_file
from gitreg.stores.dvc import Item
from gitreg.stores.scratch import scratch

Named = str | ModelVersion | LoggedModel


@dataclass(frozen=True)
class Located:
    """A model directory that a name led to: in which commit it lies, under which digest it was registered or logged."""

    name: str
    commit: str
    path: str
    digest: str
    version: ModelVersion | None


def locate(registry: Registry, ref: Named) -> Located:
    """The model directory that `ref` names; its commit is fetched if it is not here."""
    check_type(ref, (str, ModelVersion, LoggedModel, Run), "reference", f"a model is named as {FORMS}")
    reference = parse_reference(str(ref))
    target = reference.target
    if isinstance(target, OfRun):
        run = ended_run(registry, target.run_id)
        model = logged_model(run, target.path)
        return Located(str(model), run.commit, model.path, model.digest, None)
    version = resolve(reference, registry=registry)
    if version.tombstone:
        raise NotFound(f"{version} was purged", f"gitreg ls {version.model}")
    if version.number is None:
        raise NotFound(
            f"{version} was tagged without gitreg: there is no model directory to verify", f"git show {version}"
        )
    return Located(str(version), version.commit, version.path, version.digest, version)


def load_model(
    ref: Named,
    *,
    trust: Sequence[str] | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> object:
    """The native object of the framework: a fitted scikit-learn estimator, or what was logged as python_function.

    `trust` names types that a format which checks types (skops) may build; pickles run code when they are loaded,
    so load only what you would run. Damaged, naming the file, where a byte is not what was registered.
    """
    trusted = _names(trust)
    place = open_registry(registry, offline=offline)
    found = locate(place, ref)
    folder = snapshot(place, found)
    return load_native(folder, _mlmodel(folder, found), trust=trusted, name=found.name)


def load_pyfunc(
    ref: Named,
    *,
    trust: Sequence[str] | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> PyFunc:
    """The model behind `.predict(data, params=None)`, which enforces the signature whatever the framework."""
    trusted = _names(trust)
    place = open_registry(registry, offline=offline)
    found = locate(place, ref)
    folder = snapshot(place, found)
    mlmodel = _mlmodel(folder, found)
    return load_generic(folder, mlmodel, trust=trusted, name=found.name, version=found.version)


def _names(trust: Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(trust, str) or not isinstance(trust or (), Iterable):
        raise Refused(f"bad trust {shown(trust)}", "a list of the types' names: trust=['module.Class']")
    return tuple(trust or ())


def pull(
    ref: Named,
    dir: str | os.PathLike[str] | None = None,
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write the model as a plain MLflow Models directory into `dir` (by default one named after the model, here).

    The directory appears complete or not at all. Conflict where there is something in it already.
    """
    place = open_registry(registry, offline=offline)
    found = locate(place, ref)
    target = Path(dir) if dir is not None else Path(found.version.model if found.version else Path(found.path).name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is there already and not empty", f"gitreg pull {found.name} ANOTHER-DIR")
    files = _files(place, found)
    _bring(place, found, files, progress)
    if not dry_run:
        with scratch(target.absolute().parent, f".{target.name}.") as partial:
            _write(place, found, files, partial)
            _move(partial, target)
    return target


def _move(folder: Path, target: Path) -> None:
    """Let `folder` become `target`, which is not there or empty."""
    if not target.exists() or not target.samefile(Path.cwd()):
        folder.replace(target)
        return
    # The folder that the user is in stays the one they are in; what makes it a model comes last.
    for path in sorted(folder.iterdir(), key=lambda path: path.name == MODEL_FILE):
        path.rename(target / path.name)


def snapshot(registry: Registry, found: Located) -> Path:
    """A verified copy of the model directory in gitreg's own folder; every byte is verified again at each call."""
    files = _files(registry, found)
    home = registry.cache.root / "snapshots" / found.digest.removeprefix("sha256:")
    if home.is_dir():
        if _intact(home, files):
            return home
        shutil.rmtree(home, ignore_errors=True)
    _bring(registry, found, files, silent)
    with scratch(home.parent, ".") as partial:
        _write(registry, found, files, partial)
        try:
            partial.rename(home)
        except OSError:  # another process was quicker
            if not _intact(home, files):
                raise Damaged(f"{home} is not what was registered", f"rm -r {home}") from None
    return home


def _files(registry: Registry, found: Located) -> tuple[CommittedFile, ...]:
    """The model's files, verified against its digest."""
    files = read_model_files(registry, found.commit, found.path, found.digest, found.name)
    check_paths(file.path for file in files)
    return files


def _bring(registry: Registry, found: Located, files: Sequence[CommittedFile], progress: Progress) -> None:
    """Have payloads at hand."""
    missing = [file for file in files if file.payload and not registry.cache.has(file.payload.md5, file.size)]
    if missing:
        items = [Item(file.payload, f"{found.path}/{file.path}") for file in missing if file.payload]
        with progress("downloading", sum(item.payload.size for item in items)) as moved:
            registry.store.pull(items, registry.cache, moved)


def _write(registry: Registry, found: Located, files: Sequence[CommittedFile], target: Path) -> None:
    blobs = {oid: content for oid, _, content in registry.git.objects({file.blob for file in files if file.blob})}
    for file in files:
        path = target / check_path(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.payload is None:
            path.write_bytes(blobs[file.blob])
            if sha256_file(path) != file.sha256:
                raise Damaged(
                    f"{file.path} of {found.name} is damaged in git: its sha256 is not {file.sha256}", "git fsck"
                )
            continue
        _write_payload(registry, found, file, path)
    (target / SUMS).write_text(format_sums(make_sums({file.path: file.sha256 for file in files})), encoding="utf-8")


def _write_payload(registry: Registry, found: Located, file: CommittedFile, path: Path) -> None:
    assert file.payload is not None
    name = f"{file.path} of {found.name}"
    cached = registry.cache.path(file.payload.md5)
    if registry.cache.has(file.payload.md5, file.size):
        try:
            return copy_verified(cached, path, file.sha256, name)
        except Damaged as damaged:
            # What is damaged here is brought again, if the store has it whole; otherwise the error stands.
            try:
                stored = registry.store.path(file.payload)
                if stored == cached:
                    raise damaged
                registry.store.pull([Item(file.payload, name)], registry.cache, lambda _: None)
                copy_verified(stored or cached, path, file.sha256, name)
            except GitregError:
                raise damaged from None
            if stored:
                cached.unlink(missing_ok=True)
            return
    source = registry.store.path(file.payload) or cached
    copy_verified(source, path, file.sha256, name)


def _intact(home: Path, files: Sequence[CommittedFile]) -> bool:
    """Whether the snapshot holds these files, with these bytes, and nothing else that could be loaded."""
    for compiled in list(home.rglob("__pycache__")):
        # Python's own, from the last time the model's code was imported; nobody can verify what is in it.
        shutil.rmtree(compiled, ignore_errors=True)
    there = {path.relative_to(home).as_posix() for path in home.rglob("*") if not path.is_dir() or path.is_symlink()}
    if there != {SUMS, *(file.path for file in files)}:
        return False
    try:
        return all(sha256_file(home / file.path) == file.sha256 for file in files)
    except OSError:
        return False


def _mlmodel(folder: Path, found: Located) -> MLModel:
    try:
        text = (folder / MODEL_FILE).read_bytes()
    except FileNotFoundError:
        raise Damaged(f"{found.name} has no {MODEL_FILE}") from None
    return parse_mlmodel(text, f"{MODEL_FILE} of {found.name}")


def read_file(
    ref: str, path: str, *, registry: str | os.PathLike[str] | Registry | None = None, offline: bool | None = None
) -> bytes:
    """One file of a model directory, verified; of `run:ID` without a path, one of the run's, or of its only model's.

    NotFound, with what there is, where there is none of that name.
    """
    place = open_registry(registry, offline=offline)
    target = parse_reference(ref).target
    run = ended_run(place, target.run_id) if isinstance(target, OfRun) and not target.path else None
    if run is not None:
        found = Located(f"run:{run.id}", run.commit, "", "", None)
        models = [(model.path, model.digest) for model in run.models]
        files = {file.path: file for file in read_run_files(place, run.commit, models, found.name)}
    if run is None or (path not in files and len(run.models) == 1):
        found = locate(place, ref)
        in_model = read_model_files(place, found.commit, found.path, found.digest, found.name)
        if path == SUMS:
            return format_sums(make_sums({file.path: file.sha256 for file in in_model})).encode()
        known = {file.path: file for file in in_model}
        files = known if run is None or path in known else files
    file = files.get(path)
    if file is None:
        raise NotFound(f"{found.name} has no file {path}", f"there is {', '.join(sorted(files)[:12])}")
    _bring(place, found, [file], silent)
    with scratch(place.state / "tmp") as folder:
        alone = replace(file, path=path.rsplit("/", 1)[-1])
        _write(place, found, [alone], folder)
        return (folder / alone.path).read_bytes()
