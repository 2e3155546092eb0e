"""Retiring a version: it stays, and is never chosen again."""

from __future__ import annotations

import contextlib
import os

from gitreg.errors import Conflict, Refused, Unreachable
from gitreg.format.references import Exact, Numbered, parse_reference
from gitreg.format.tags import RetireTag, format_tag_name, retire_ref
from gitreg.format.times import from_seconds, parse_time
from gitreg.format.trailers import Message, clean_prose, format_message
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.publish import push_patiently
from gitreg.registry.resolve import read_stages, resolve
from gitreg.registry.seen import remember_seen
from gitreg.stores.clock import now
from gitreg.stores.git import RefChange


def retire(
    ref: str | ModelVersion,
    why: str,
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
) -> ModelVersion:
    """Retire a version, for good. Refused where a stage runs it, and for a name that may move.

    The origin must answer: Unreachable otherwise, with nothing done.
    """
    place = writable(open_registry(registry))
    reference = parse_reference(str(ref))
    if not isinstance(reference.target, Exact | Numbered):
        raise Refused(f"{reference} may name another version tomorrow", "name the version to retire: MODEL@v1.2.3")
    prose = clean_prose(why)
    if not prose:
        raise Refused("a version is retired for a reason", f"gitreg retire {reference} -m WHY")
    if place.remote and place.offline:
        raise Unreachable("retiring needs the origin, and this is offline")
    place.fetch(f"refs/tags/{reference.target.model}@*")
    place.fetch_main()
    version = resolve(reference, registry=place)
    if version.retired:
        raise Conflict(f"{version} is retired already", f"gitreg log {version.model}")
    for stage, models in read_stages(place).items():
        if models.get(version.model) == version.version:
            raise Refused(f"{stage} runs {version}", f"let {stage} run another version first, by a pull request")
    if not dry_run:
        _publish(place, version, prose)
    return resolve(reference, registry=place)


def _publish(registry: Registry, version: ModelVersion, why: str) -> None:
    author = registry.git.identity()
    when = max(int(now().timestamp()), int(parse_time(version.created).timestamp())) + 1
    trailers = {"Gitreg-Format": "1", "Gitreg-Retired": from_seconds(when)}
    message = format_message(Message(f"{version.model} {version.version} retired", why, trailers))
    name = format_tag_name(RetireTag(version.model, version.semver))
    tag = registry.git.write_tag(name, version.commit, message, author, when)
    change = RefChange(retire_ref(version.model, version.semver), tag)
    if registry.remote:
        push_patiently(registry, [change])
    # git itself brings back what it pushed where the remote is set up to fetch tags.
    if registry.git.find_ref(change.ref) != tag:
        with contextlib.suppress(Conflict):  # a fetch may have been quicker to bring it
            registry.git.change_refs([change])
    remember_seen(registry, {change.ref: tag})
