"""What fsck may do by itself: bring again what is lost, and never rewrite a ref that disagrees."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from gitreg.errors import GitregError
from gitreg.format.tags import RunTag, version_ref
from gitreg.registry.care.fsck.fault import REPAIR, Fault
from gitreg.registry.care.fsck.leftovers import leftovers
from gitreg.registry.care.fsck.objects import needed_by
from gitreg.registry.care.fsck.payloads import Kept, caches
from gitreg.registry.care.fsck.scene import TAGS, Scene
from gitreg.registry.catalog import model_tags
from gitreg.registry.notes import NOTES, merge_notes
from gitreg.registry.place import Registry
from gitreg.registry.progress import Progress
from gitreg.registry.publish import complete_numbers
from gitreg.stores.cache import hash_file
from gitreg.stores.disk import remove_folder
from gitreg.stores.git import Repository, create_repository
from gitreg.stores.git.objects import BROKEN, MISSING, read_objects
from gitreg.stores.scratch import scratch

_ASIDE = "damaged"


def repair(scene: Scene, faults: Sequence[Fault], kept: Kept, place: Registry, progress: Progress) -> list[str]:
    """Mend what can be mended; what was done, a sentence each. What fails stays as it is, and is found again."""
    done: list[str] = []
    for path in leftovers(place):
        _remove(path)
        done.append(f"removed {path}")
    if not place.mirror:
        done += _refs(scene, place)
        done += _objects(scene, place)
        done += _tags(scene, faults, place)
    done += _payloads(place, kept, progress)
    return done


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_folder(path)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _refs(scene: Scene, place: Registry) -> list[str]:
    """Put files of refs aside that hold no object id: the origin has what they were."""
    done = []
    for fault in scene.told if place.remote and not place.offline else ():
        file = place.git.common_dir / fault.thing
        if fault.rule == "refs" and file.is_file():
            _put_aside(place, file, fault.thing.replace("/", "-"))
            done.append(f"put {file} aside, in {place.state / _ASIDE}")
    return done


def _put_aside(place: Registry, file: Path, name: str) -> None:
    (place.state / _ASIDE).mkdir(parents=True, exist_ok=True)
    file.replace(place.state / _ASIDE / name)


def _objects(scene: Scene, place: Registry) -> list[str]:
    """Bring objects again that are missing or damaged, from what the origin has of the tags that need them."""
    if not scene.bad or not place.remote or place.offline:
        return []
    refs = sorted(needed_by(scene))
    with contextlib.suppress(GitregError), scratch(place.state / "tmp") as folder:
        fresh = create_repository(folder / "fresh.git", bare=True)
        fresh.fetch(
            place.git.config(f"remote.{place.remote}.url"), [f"+{_at_origin(place, ref)}:{ref}" for ref in refs]
        )
        return _copy(fresh, place, refs)
    return []


def _at_origin(place: Registry, ref: str) -> str:
    return f"refs/heads/{place.branch}" if ref == place.main_ref else ref


def _copy(fresh: Repository, place: Registry, refs: Sequence[str]) -> list[str]:
    listed = fresh.read("rev-list", "--objects", "--no-object-names", "--end-of-options", *refs).out.decode().split()
    bad = [found.oid for found in read_objects(place.git, listed) if found.kind in {MISSING, BROKEN}]
    if not bad:
        return []
    for oid in bad:
        file = place.git.common_dir / "objects" / oid[:2] / oid[2:]
        if file.exists():
            _put_aside(place, file, oid)
    pack = fresh.read("pack-objects", "--stdout", "-q", data="".join(f"{oid}\n" for oid in bad).encode()).out
    place.git.write("index-pack", "--stdin", data=pack, what="cannot keep what was fetched")
    return [f"brought {len(bad)} object{'s' * (len(bad) != 1)} again from {place.git.address(place.remote)}"]


def _tags(scene: Scene, faults: Sequence[Fault], place: Registry) -> list[str]:
    """Bring tags that the origin has, and complete versions whose number alone was made."""
    done: list[str] = []
    wanted = [
        fault
        for fault in faults
        if fault.hint == REPAIR and fault.rule in {"refs", "tags", "numbers", "seen", "stages"}
    ]
    if not wanted:
        return done
    before = {ref.name for ref in place.git.refs(TAGS)}
    models = sorted({tag.model for tag in scene.tags.values() if not isinstance(tag, RunTag)} | scene.models)
    if place.remote and not place.offline:
        with contextlib.suppress(GitregError):
            place.fetch_main()
            place.fetch(*(f"{TAGS}{model}{mark}*" for model in models for mark in "@#"))
            if any(fault.thing.startswith(f"{TAGS}run/") for fault in wanted):
                place.fetch(f"{TAGS}run/*")
            if any(fault.thing == NOTES for fault in wanted):
                merge_notes(place)
    lone = {v.model for oid, v in scene.versions.items() if version_ref(v.model, v.semver) not in scene.refs}
    for model in sorted(lone):
        with contextlib.suppress(GitregError):
            complete_numbers(place, model_tags(place, model))
    done += [
        f"made the tag {ref.name.removeprefix(TAGS)} again" for ref in place.git.refs(TAGS) if ref.name not in before
    ]
    return done


def _payloads(place: Registry, kept: Kept, progress: Progress) -> list[str]:
    done: list[str] = []
    if kept.broken or kept.lost:
        with contextlib.suppress(GitregError):
            done += _bring(place, kept, progress)
            done += _send(place, kept, progress)
    return done


def _bring(place: Registry, kept: Kept, progress: Progress) -> list[str]:
    """Take damaged payloads out of the cache that the store has whole, and bring them again."""
    done = []
    for cache, item in kept.broken:
        if place.store.url == str(cache.root) or place.store.verify([item], lambda _: None):
            continue
        cache.path(item.payload.md5).unlink()
        with progress("bringing again", item.payload.size) as moved:
            place.store.pull([item], place.cache, moved)
        done.append(f"brought the payload of {item.name} again from {place.store.url}")
    return done


def _send(place: Registry, kept: Kept, progress: Progress) -> list[str]:
    """Put payloads on the store again that are whole here."""
    done = []
    for item in kept.lost:
        for cache in caches(place):
            path = cache.path(item.payload.md5)
            if path.is_file() and hash_file(path) == item.payload:
                with progress("uploading again", item.payload.size) as moved:
                    place.store.push([item], cache, moved)
                done.append(f"sent the payload of {item.name} again to {place.store.url}")
                break
    return done
