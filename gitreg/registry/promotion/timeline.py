"""What main's first-parent line tells of the stages: each change of a stage's file, oldest first.

A merge counts as one change, made when it came to main; what happened on its branch before does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gitreg.errors import GitregError, NotFound, Refused, Unreachable
from gitreg.format.objects import parse_commit_object
from gitreg.format.stage_file import StageFile, parse_stage_file, stage_file_path
from gitreg.format.trailers import Message, parse_message
from gitreg.registry.freshness import MAIN, ask_origin
from gitreg.registry.mirror import MAIN_ALONE
from gitreg.registry.place import Registry
from gitreg.stores.git.changes import Change, first_parent_changes
from gitreg.stores.git.partial import PartialRepository


@dataclass(frozen=True)
class Proposed:
    """What a merge brought: a parent besides main, the file's blob there ("" where it has none), what it says."""

    commit: str
    blob: str
    message: str


@dataclass(frozen=True)
class StageChange:
    """The `number`-th change of a stage's file: what the commit made of it.

    `old` and `new` are its texts (None where there is none), `before` and `after` what they say; None too where a
    text says nothing that can be read, and then `damage` tells why.
    """

    model: str
    stage: str
    number: int
    change: Change
    old: bytes | None
    new: bytes | None
    before: StageFile | None
    after: StageFile | None
    damage: str = ""
    proposed: tuple[Proposed, ...] = ()

    @property
    def path(self) -> str:
        """Where the file lies on main."""
        return self.change.path

    @property
    def commit(self) -> str:
        """The commit of main that made the change."""
        return self.change.commit

    @property
    def message(self) -> Message | None:
        """What the commit says, where gitreg wrote it."""
        return written(self.change.message)


def written(text: str) -> Message | None:
    """The message in `text`, where it is one of gitreg's; else None."""
    try:
        found = parse_message(text)
    except GitregError:
        return None
    return found if "Gitreg-Format" in found.trailers else None


def bring_timeline(place: Registry) -> None:
    """Fetch main, in a mirror with what came before; nothing where the registry is offline."""
    ask_origin(place, MAIN, lambda: place.fetch_main(history=True))


def timeline(place: Registry, *, stage: str = "", model: str = "", tip: str = "") -> list[StageChange]:
    """The changes of all stage files (of one stage, of one model) up to `tip` (main), as they are here, oldest first.

    Refused in a clone whose history of main is cut off, Unreachable where a mirror has it not and is offline.
    """
    end = tip or place.main()
    path = stage_file_path(stage, model) if stage and model else f"stages/{stage}" if stage else "stages"
    found = [change for change in _changes(place, end, path) if _named(change.path, model)]
    _see_that_it_is_whole(place, end)
    wanted = {oid for change in found for oid in (change.before, change.after) if oid}
    others = [(parent, f"{parent}:{change.path}") for change in found for parent in change.parents[1:]]
    asked = sorted(wanted.union(*others))
    return list(_numbered(found, dict(zip(asked, place.git.objects(asked), strict=True))))


def _changes(place: Registry, tip: str, path: str) -> list[Change]:
    try:
        return first_parent_changes(place.git, tip, path)
    except NotFound:
        if not isinstance(place.git, PartialRepository):
            raise
    # A mirror has the commits before, and no trees of them yet.
    if place.offline:
        raise Unreachable(f"{place.where}: the history of its main was never brought here", "give the command online")
    place.git.fetch(place.git.remote, [tip], extra=["--filter=blob:none", "--refetch", MAIN_ALONE])
    return first_parent_changes(place.git, tip, path)


def _named(path: str, model: str) -> bool:
    folder, _, name = path.removeprefix("stages/").partition("/")
    try:
        return path == stage_file_path(folder, name.removesuffix(".yaml")) and model in ("", name.removesuffix(".yaml"))
    except GitregError:
        return False


def _see_that_it_is_whole(place: Registry, tip: str) -> None:
    try:
        cut = set((place.git.common_dir / "shallow").read_text(encoding="ascii").split())
    except OSError:
        return
    if cut & set(place.git.text("rev-list", "--first-parent", "--end-of-options", tip).split()):
        hint = "git fetch --unshallow" if place.git.work_tree else "give the command online"
        raise Refused(f"{place.where} is a shallow clone: it does not know how often its stages changed", hint)


_Objects = Mapping[str, tuple[str, str, bytes]]  # (id, kind, content), by the name that was asked for


def _numbered(changes: Iterable[Change], objects: _Objects) -> Iterator[StageChange]:
    counted: Counter[str] = Counter()
    for change in changes:
        counted[change.path] += 1
        _, stage, name = change.path.split("/")
        model = name.removesuffix(".yaml")
        (old, before, _), (new, after, damage) = (
            _said(objects, oid, change.path) for oid in (change.before, change.after)
        )
        if after is not None and (after.stage, after.model) != (stage, model):
            damage, after = f"{change.path} speaks of {after.model} in {after.stage}", None
        proposed = tuple(_proposed(objects, parent, change.path) for parent in change.parents[1:])
        yield StageChange(model, stage, counted[change.path], change, old, new, before, after, damage, proposed)


def _proposed(objects: _Objects, commit: str, path: str) -> Proposed:
    _, kind, content = objects[commit]
    message = parse_commit_object(content, commit).message if kind == "commit" else ""
    blob, kind, _ = objects[f"{commit}:{path}"]
    return Proposed(commit, blob if kind == "blob" else "", message)


def _said(objects: _Objects, oid: str, path: str) -> tuple[bytes | None, StageFile | None, str]:
    if not oid:
        return None, None, ""
    _, kind, text = objects[oid]
    if kind != "blob":
        return None, None, f"git does not have the content of {path}"
    try:
        return text, parse_stage_file(text, path), ""
    except GitregError as error:
        return text, None, error.message
