"""Taking a bundle: payloads first, then refs all at once; or a new registry that is made of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from gitreg.errors import Conflict, GitregError, NotFound, Refused, Unreachable, Unsupported
from gitreg.format.tags import RunTag, VersionTag, parse_tag_name
from gitreg.registry.bundles.incoming import Incoming, look_at_bundle
from gitreg.registry.bundles.plan import Plan, plan
from gitreg.registry.bundles.unpack import Unpacked, unpack
from gitreg.registry.notes import NOTES, merge_notes, push_notes
from gitreg.registry.place import Registry, open_registry, registry_in, writable
from gitreg.registry.progress import Progress, silent
from gitreg.registry.seen import remember_seen
from gitreg.stores.cache import place as put_in_place
from gitreg.stores.git import RefChange, create_repository, find_repository
from gitreg.stores.git.bundle import take_objects
from gitreg.stores.scratch import scratch

_TAGS = "refs/tags/"
_THEIRS = "refs/notes/gitreg-bundle"


@dataclass(frozen=True)
class Applied:
    """What a bundle brought, or would bring: versions and runs that are new, payloads that were not in the cache.

    `created`: a new registry was made. `main` where main moved forward; `behind` where it is further here.
    """

    path: str
    registry: str
    created: bool
    versions: tuple[str, ...]
    runs: tuple[str, ...]
    tags: int
    main: bool
    behind: bool
    payloads: int
    payload_size: int

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return self.__dict__ | {"versions": list(self.versions), "runs": list(self.runs)}


def apply_bundle(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Applied:
    """Take what a bundle holds into a registry; into a new one in `folder` where that is given and holds none.

    With an origin it is published there, as everything is. All of the bundle is verified before anything is changed;
    Damaged or Refused where anything is wrong with it. Interrupted, the same call completes it; twice is once.
    """
    source = Path(os.path.abspath(path))
    if folder is not None:
        target = Path(os.path.abspath(Path(folder).expanduser()))
        if not target.exists() or (target.is_dir() and not any(target.iterdir())):
            return _found(source, target, dry_run=dry_run, progress=progress)
        if not target.is_dir():
            raise Refused(f"{target} is a file", "name a folder that is not there yet")
        registry = target
    place = _open(registry, source)
    with scratch(place.cache.root / "tmp") as room:
        unpacked = unpack(source, room / "bundle", progress)
        _fetch(place)
        incoming = look_at_bundle(unpacked, place, room / "git")
        todo = plan(incoming, place)
        if not dry_run:
            _carry_out(place, unpacked, todo, progress)
    return _told(incoming, todo, str(place.where), created=False)


def _open(registry: str | os.PathLike[str] | Registry | None, source: Path) -> Registry:
    try:
        place = writable(open_registry(registry))
    except NotFound as error:
        raise NotFound(error.message, f"gitreg bundle apply {source} NEW-FOLDER makes a registry of it") from None
    if place.mirror:
        raise Unsupported("a bundle is applied to a clone", f"git clone {place.where}, then -R CLONE")
    if place.remote and place.offline:
        raise Unreachable("what a bundle brings goes to the origin, and this is offline", "give it online")
    return place


def _fetch(registry: Registry) -> None:
    if registry.remote:
        registry.fetch("refs/tags/*")
        registry.fetch_main()
        merge_notes(registry)


def _carry_out(registry: Registry, unpacked: Unpacked, todo: Plan, progress: Progress, *, publish: bool = True) -> None:
    for payload in todo.payloads:
        put_in_place(unpacked.cache.path(payload.md5), registry.cache.path(payload.md5))
    if publish and todo.items:
        with progress("uploading", sum(item.payload.size for item in todo.items)) as moved:
            registry.store.push(todo.items, registry.cache, moved)
    take_objects(registry.git, unpacked.objects)
    changes = list(todo.tags)
    try:
        if registry.remote:
            _publish(registry, unpacked, todo)
        elif todo.main:
            changes.append(_forward(registry, todo.main))
        _keep(registry, changes)
    except Conflict as error:
        raise Conflict(f"something changed meanwhile: {error.message}", "give the same command again") from None
    remember_seen(registry, {change.ref: change.new for change in todo.tags})
    if todo.notes:
        _take_notes(registry, todo.notes)
    registry.git.tidy()


def _publish(registry: Registry, unpacked: Unpacked, todo: Plan) -> None:
    """Make the refs at the origin, all or none of them; those too that are here and not there."""
    refs = {ref: oid for ref, oid in unpacked.manifest.refs.items() if ref.startswith(_TAGS)}
    there = registry.git.remote_refs(registry.remote, "refs/tags/*")
    here = {ref.name: ref.oid for ref in registry.git.refs(_TAGS)}
    planned = {change.ref: change for change in todo.tags}
    changes = []
    for ref, oid in refs.items():
        old = there.get(ref, "")
        if old != oid and (ref in planned or (here.get(ref) == oid and not old)):
            if old and old != planned[ref].old:  # never what somebody else published since it was looked at
                raise Conflict(f"the origin has another {ref.removeprefix(_TAGS)} now")
            changes.append(RefChange(ref, oid, old))
    if todo.main:
        changes.append(RefChange(f"refs/heads/{registry.branch}", todo.main, registry.main()))
    if changes:
        registry.git.push(registry.remote, changes)
        registry.fetch_main()


def _forward(registry: Registry, main: str) -> RefChange:
    """Main's change in a registry without an origin; its work tree goes along, before: so it can be given again."""
    git, old = registry.git, registry.main()
    if git.work_tree is not None and git.symbolic_ref("HEAD") == registry.main_ref:
        git.check_out(main, old, dry_run=True)
        git.check_out(main, old)
    return RefChange(registry.main_ref, main, old)


def _keep(registry: Registry, changes: list[RefChange]) -> None:
    # Where the remote is set up to fetch tags, the push has made them here, too.
    here = {ref.name: ref.oid for ref in registry.git.refs()}
    left = [replace(change, old=here.get(change.ref, "")) for change in changes if here.get(change.ref) != change.new]
    if left:
        registry.git.change_refs(left)


def _take_notes(registry: Registry, theirs: str) -> None:
    """Join the bundle's notes with those here, line by line, and send them on."""
    git = registry.git
    ours = git.find_ref(NOTES)
    if not ours or git.is_ancestor(ours, theirs):
        git.change_refs([RefChange(NOTES, theirs, ours)])
    else:
        git.change_refs([RefChange(_THEIRS, theirs, git.find_ref(_THEIRS))])
        if not git.merge_notes(NOTES, ours, _THEIRS, git.identity()):
            raise Conflict("another program keeps writing notes", "give the same command again")
    if registry.remote:
        push_notes(registry)


def _found(source: Path, target: Path, *, dry_run: bool, progress: Progress) -> Applied:
    """Make a new registry of a bundle: it appears complete, or not at all."""
    if not target.parent.is_dir():
        raise NotFound(f"no folder {target.parent}", f"mkdir -p {target.parent}")
    if (around := find_repository(target.parent)) is not None:
        raise Refused(f"{target} would lie in the repository {around.work_tree or around.common_dir}", "name another")
    with scratch(target.parent, f".{target.name[:100]}.") as room:
        unpacked = unpack(source, room / "bundle", progress)
        manifest = unpacked.manifest
        if manifest.since:
            tags = [ref.removeprefix(_TAGS) for ref in manifest.since]
            names = ", ".join(tag for tag in tags if isinstance(parse_tag_name(tag), VersionTag)) or ", ".join(tags)
            raise NotFound(
                f"{source} builds on {names}: no registry can be made of it alone",
                "apply the bundle that holds it first",
            )
        git = create_repository(room / "registry", bare=False, branch=manifest.branch)
        place = registry_in(git, "", manifest.branch, str(target))
        incoming = look_at_bundle(unpacked, place, room / "git")
        todo = Plan(
            tuple(RefChange(ref, oid) for ref, oid in manifest.refs.items() if ref.startswith(_TAGS)),
            "", False, manifest.refs.get(NOTES, ""), unpacked.payloads, (),
        )  # fmt: skip
        main = RefChange(manifest.main_ref, manifest.refs[manifest.main_ref])
        if not dry_run:
            _carry_out(place, unpacked, todo, progress, publish=False)
            git.change_refs([main])
            git.check_out(main.new)
            # The store that main names is out of reach here, or why carry a file.
            git.set_config("gitreg.payloads", str(target / ".git" / "gitreg" / "cache"))
            place.cache.root.mkdir(parents=True, exist_ok=True)
            try:
                (room / "registry").replace(target)
            except OSError as error:
                raise GitregError(f"cannot make {target}: {error.strerror}", "name another folder") from None
    return _told(incoming, replace(todo, main=main.new), str(target), created=True)


def _told(incoming: Incoming, todo: Plan, where: str, *, created: bool) -> Applied:
    named = [(parse_tag_name(change.ref.removeprefix(_TAGS)), change) for change in todo.tags]
    new = {change.new for tag, change in named if isinstance(tag, VersionTag)}
    return Applied(
        path=str(incoming.unpacked.path),
        registry=where,
        created=created,
        versions=tuple(str(version) for version in incoming.versions if version.tag in new),
        runs=tuple(tag.run_id for tag, _ in named if isinstance(tag, RunTag)),
        tags=len(todo.tags),
        main=bool(todo.main),
        behind=todo.behind,
        payloads=len(todo.payloads),
        payload_size=sum(payload.size for payload in todo.payloads),
    )
