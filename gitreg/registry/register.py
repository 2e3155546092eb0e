"""Registering: a run's model becomes a version, which exists from the moment that its tags are published."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from gitreg.errors import Conflict, Refused, Unreachable, check_type
from gitreg.format.names import check_model_name
from gitreg.format.numbering import next_version
from gitreg.format.references import FORMS
from gitreg.format.runs import LoggedModel, Run
from gitreg.format.semver import BUMPS, Bump, Semver, parse_line, parse_semver
from gitreg.format.times import from_seconds, parse_time
from gitreg.format.trailers import clean_prose
from gitreg.format.versions import ModelVersion, metrics_for_tag, version_text
from gitreg.registry.candidate import Candidate, find_logged, promises, read_candidate
from gitreg.registry.catalog import ModelTags, model_tags, read_versions
from gitreg.registry.claim import check_spelling
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.progress import Progress, silent
from gitreg.registry.publish import Outrun, another_run, complete_numbers, publish_payloads, publish_version
from gitreg.registry.settle import settle
from gitreg.registry.wishes import Wish, drop_wish, keep_wish
from gitreg.stores.clock import now
from gitreg.stores.git import Locked

_PATIENCE = 60.0
_LONGEST_PAUSE = 2.0


def register(
    ref: str | ModelVersion | LoggedModel | Run,
    model: str,
    *,
    description: str = "",
    bump: Bump | None = None,
    version: str | None = None,
    line: str | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> ModelVersion:
    """Make a run's model (`run:ID`, `run:ID/path`, or a version of another model) a version of `model`.

    The semver is computed from the signatures of the line's versions; `bump` may ask for more, `version` for an
    exact one, `line` for an older line. A model registered already is returned as it is. Refused where the
    signature needs a larger bump than was asked for. Unreachable where the origin cannot be had, or gives no way
    for 60 seconds: then nothing is tagged, and `push` completes what was wished.
    """
    place = writable(open_registry(registry))
    check_type(ref, (str, ModelVersion, LoggedModel, Run), "reference", f"a model is named as {FORMS}")
    found = find_logged(place, str(ref))
    if bump is not None and bump not in BUMPS:
        raise Refused(f"bad bump {bump!r}", "patch, minor or major")
    wish = Wish(
        found.run_id,
        found.path,
        check_model_name(model),
        clean_prose(description),
        bump or "",
        version or "",
        line or "",
    )
    if dry_run:
        return propose(place, wish)
    return register_wished(place, wish, progress)


def register_wished(
    registry: Registry, wish: Wish, progress: Progress = silent, run: Run | None = None
) -> ModelVersion:
    """Register what `wish` says of its `run`, or keep it for `push` where the origin cannot be reached."""
    try:
        version = _register(registry, wish, progress, run)
    except Unreachable as error:
        if not registry.remote:
            raise
        keep_wish(registry.state, wish)
        if isinstance(error, Locked):
            raise Locked(error.message, f"gitreg push completes it; {error.hint}") from error
        raise Unreachable(error.message, "it is kept and not yet a version: gitreg push completes it") from error
    drop_wish(registry.state, wish)
    settle(registry, wish.run_id)
    return version


def propose(registry: Registry, wish: Wish) -> ModelVersion:
    """The version that `wish` would become now; nothing is written."""
    return _propose(registry, wish, read_candidate(registry, wish)).version


def wish_for(run_id: str, path: str, asked: Mapping[str, object]) -> Wish:
    """The wish that a run's journal tells for its model at `path`."""
    return Wish(run_id, path, **{key: str(value) for key, value in asked.items()})


def _register(registry: Registry, wish: Wish, progress: Progress, run: Run | None) -> ModelVersion:
    if registry.remote and registry.offline:
        raise Unreachable(f"registering {wish.model} needs the origin, and this is offline")
    candidate = read_candidate(registry, wish, run)
    until, attempt, published = time.monotonic() + _PATIENCE, 0, False
    while True:
        begun = time.monotonic()
        try:
            proposal = _propose(registry, wish, candidate)
            if proposal.known:
                return proposal.version
            if not published:
                publish_payloads(registry, candidate.run, progress)
                published = True
                if time.monotonic() > begun + _LONGEST_PAUSE:
                    until = time.monotonic() + _PATIENCE  # uploading is no waiting
                    continue
            return publish_version(registry, proposal.version, candidate, proposal.notes)
        except Outrun as error:
            if time.monotonic() > until:
                kind = Locked if isinstance(error.__cause__, Locked) else Unreachable
                busy = f"the registry is too busy to register {wish.model}: {error.message}"
                raise kind(busy, error.hint) from error
        attempt += 1
        # What is slow to fetch and push to is outrun more easily, and must be tried less often.
        took, left = time.monotonic() - begun, until - time.monotonic()
        longest = min(max(_LONGEST_PAUSE, 8 * took), max(0.05, took / 2) * 2**attempt)
        time.sleep(random.uniform(0, max(0.0, min(longest, left))))


@dataclass(frozen=True)
class _Proposal:
    """The version that a wish asks for, and whether it is there already; `notes` as `check_spelling` told of a name
    that is new."""

    version: ModelVersion
    known: bool = False
    notes: str | None = None


def _propose(registry: Registry, wish: Wish, candidate: Candidate) -> _Proposal:
    registry.fetch(f"refs/tags/{wish.model}@*")
    tags = complete_numbers(registry, model_tags(registry, wish.model))
    notes = None if tags.numbers or tags.versions else check_spelling(registry, wish.model)
    found = read_versions(registry, [tags])
    if found.damaged:
        raise found.damaged[0]
    same = [v for v in found.versions if (v.run_id, v.path) == (wish.run_id, wish.path)]
    for known in sorted((v for v in same if wish.version in {"", v.version}), key=lambda v: v.retired):
        if known.digest != candidate.model.digest:
            raise another_run(wish.run_id)
        if known.retired:
            raise Conflict(f"run:{wish.run_id}/{wish.path} is {known}, which is retired", "log it as a new run")
        return _Proposal(known, known=True)
    version, _ = next_version(
        candidate.promise,
        tags.versions,
        promises(registry, found.versions, candidate),
        retired=tags.retired,
        foreign={v.semver for v in found.versions if v.number is None or v.tombstone},
        bump=wish.bump or None,  # type: ignore[arg-type]  # register() saw that it is a bump
        version=parse_semver(wish.version) if wish.version else None,
        line=parse_line(wish.line) if wish.line else None,
    )
    return _Proposal(_new_version(registry, wish, candidate, version, tags, found.versions), notes=notes)


def _new_version(
    registry: Registry,
    wish: Wish,
    candidate: Candidate,
    version: Semver,
    tags: ModelTags,
    known: tuple[ModelVersion, ...],
) -> ModelVersion:
    number = max([tags.highest, *(v.number or 0 for v in known)]) + 1
    last = max((v for v in known if v.number), key=lambda v: v.number or 0, default=None)
    when = int(now().timestamp())
    if last is not None:
        when = max(when, int(parse_time(last.created).timestamp()))
    run, model = candidate.run, candidate.model
    return ModelVersion(
        model=wish.model,
        version=version_text(version),
        number=number,
        run_id=run.id,
        path=model.path,
        digest=model.digest,
        signature=model.signature,
        size=model.size,
        flavors=model.flavors,
        metrics=metrics_for_tag(run.metrics, registry.config.metrics),
        description=wish.description,
        previous=last.tag if last else "",
        author=registry.git.identity(),
        created=from_seconds(when + 1),
    )
