"""Files of a model for whoever asks: the whole directory written out, or one file's bytes. Always copies."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

from gitreg.errors import Conflict, NotFound
from gitreg.format.references import OfRun, parse_reference
from gitreg.format.sums import format_sums, make_sums
from gitreg.registry.candidate import ended_run
from gitreg.registry.contents import MODEL_FILE, SUMS
from gitreg.registry.files import CommittedFile, read_run_files
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.use.bring import bring, write_copies
from gitreg.registry.use.locate import Located, Named, locate, model_files
from gitreg.stores.disk import remove_folder, told_of
from gitreg.stores.scratch import scratch

_ATTEMPTS = 3


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

    The directory appears complete or not at all. Its files are copies of the caller's own: writing into them changes
    nothing else. Conflict where there is something in it already, Refused where the disk is full.
    """
    place = open_registry(registry, offline=offline)
    found = locate(place, ref)
    target = Path(dir) if dir is not None else Path(found.version.model if found.version else Path(found.path).name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise _taken(target, found)
    files = model_files(place, found)
    with told_of(target):
        if dry_run:
            bring(place, found, files, progress)
            return target
        with scratch(target.absolute().parent, f".{target.name}.") as partial:
            _write(place, found, files, partial, progress)
            try:
                _move(partial, target)
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:  # another program was quicker
                    raise _taken(target, found) from None
                raise
    return target


def _taken(target: Path, found: Located) -> Conflict:
    return Conflict(f"{target} is there already and not empty", f"gitreg pull {found.name} ANOTHER-DIR")


def _write(
    registry: Registry, found: Located, files: tuple[CommittedFile, ...], folder: Path, progress: Progress
) -> None:
    """Write the files into the empty `folder`, from the start where the cache was emptied meanwhile."""
    for attempt in range(_ATTEMPTS):
        for left in folder.iterdir() if attempt else ():
            remove_folder(left) if left.is_dir() else left.unlink()
        try:
            return write_copies(registry, found, files, folder, progress)
        except FileNotFoundError:
            continue
    raise NotFound(
        f"the payloads of {found.name} in {registry.cache.root} go while they are copied",
        "give the command again when that is over",
    )


def _move(folder: Path, target: Path) -> None:
    """Let `folder` become `target`, which is not there or empty."""
    if not target.exists() or not target.samefile(Path.cwd()):
        folder.replace(target)
        return
    # The folder that the user is in stays the one they are in; what makes it a model comes last.
    for path in sorted(folder.iterdir(), key=lambda path: path.name == MODEL_FILE):
        path.rename(target / path.name)


def read_file(
    ref: str,
    path: str,
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    progress: Progress = silent,
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
        in_model = model_files(place, found)
        if path == SUMS:
            return format_sums(make_sums({file.path: file.sha256 for file in in_model})).encode()
        known = {file.path: file for file in in_model}
        files = known if run is None or path in known else files
    file = files.get(path)
    if file is None:
        raise NotFound(f"{found.name} has no file {path}", f"there is {', '.join(sorted(files)[:12])}")
    alone = replace(file, path=path.rsplit("/", 1)[-1])
    with told_of(place.state), scratch(place.state / "tmp") as folder:
        _write(place, found, (alone,), folder, progress)
        return (folder / alone.path).read_bytes()
