"""What a version holds, as the checks want to know it: its files and hashes, its run, its metrics, its payloads."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import replace

from gitreg.checks._base import Contents, PayloadFact, PayloadState
from gitreg.errors import GitregError, Refused
from gitreg.format.environment import CONDA, REQUIREMENTS
from gitreg.format.jsontext import number_from_json
from gitreg.format.mlmodel import NAME, parse_mlmodel
from gitreg.format.names import check_metric_key
from gitreg.format.notes import Fact, current_facts, parse_facts
from gitreg.format.pointer import SUFFIX, parse_pointer
from gitreg.format.runs import Run
from gitreg.format.schema import Signature
from gitreg.format.sums import NAME as SUMS
from gitreg.format.sums import parse_sums
from gitreg.format.versions import ModelVersion
from gitreg.registry.candidate import version_run
from gitreg.registry.notes import read_notes
from gitreg.registry.place import Registry
from gitreg.registry.resolve import get_run
from gitreg.stores.cache import Payload
from gitreg.stores.payloads import Item

_READ = frozenset({NAME, REQUIREMENTS, CONDA, SUMS})
_METRICS = "metrics."


def contents_of(place: Registry, version: ModelVersion, *, dataset: str = "", payloads: bool = True) -> Contents:
    """The version with what lies in its model directory.

    Its metrics are the run's, and what was noted later; of a `dataset` those alone that were noted of it. With
    `payloads` the store is asked. Refused for a version that is none of gitreg's, or was purged; Damaged where its
    commit is no run's.
    """
    if version.tombstone:
        raise Refused(f"{version} was purged", f"gitreg ls {version.model}")
    if version.number is None:
        hint = f"gitreg commit its model directory --as {version.model}"
        raise Refused(f"{version} was tagged without gitreg: it states no digest, and no run stands behind it", hint)
    run = _run(place, version)
    entries = {entry.path: entry for entry in place.git.tree(version.commit, version.path)}
    texts: dict[str, bytes] = {}
    hashes: dict[str, str] = {}
    blobs = place.git.objects(entry.oid for entry in entries.values())
    for path, (_, kind, content) in zip(entries, blobs, strict=True):
        if kind != "blob":
            continue
        hashes[path] = hashlib.sha256(content).hexdigest()
        if path in _READ or path.endswith(SUFFIX):
            texts[path] = content
    return Contents(
        version, run, {path: entry.size for path, entry in entries.items()}, texts,
        measured(place, version, run, dataset), _signature(texts),
        payload_facts(place, version, texts) if payloads else None, hashes,
    )  # fmt: skip


def _run(place: Registry, version: ModelVersion) -> Run:
    """The run as the version's commit tells it, by whoever logged it, as far as that can be had."""
    run = version_run(place, version)
    with contextlib.suppress(GitregError):  # it may have been deleted, or was never pushed
        return replace(run, author=get_run(version.run_id, registry=place).author or run.author)
    return run


def measured(place: Registry, version: ModelVersion, run: Run, dataset: str = "") -> Mapping[str, float]:
    """Metric -> the value that gates look at: the newest note, else the run's; of a `dataset` notes of it alone."""
    found = {} if dataset else dict(run.metrics)
    for key, fact in _noted(place, version).items():
        named = key.removeprefix(_METRICS)
        name, of = named.rsplit("@", 1) if "@" in named else (named, "")
        if named == key or of != dataset:
            continue
        with contextlib.suppress(GitregError):  # a text is no measurement
            found[check_metric_key(name)] = number_from_json(fact.value, key)
    return found


def _noted(place: Registry, version: ModelVersion) -> Mapping[str, Fact]:
    return current_facts(parse_facts(read_notes(place, [version.tag]).get(version.tag, "")))


def _signature(texts: Mapping[str, bytes]) -> Signature | None:
    try:
        return parse_mlmodel(texts.get(NAME, b"")).signature
    except GitregError:  # the check of MLmodel tells
        return None


def payload_facts(place: Registry, version: ModelVersion, texts: Mapping[str, bytes]) -> tuple[PayloadFact, ...]:
    """What the payload store says of each payload: asked for all at once, as a push verifies them."""
    items = _items(version, texts)
    if not items:
        return ()
    why, wrong = "", dict[str, str]()
    try:
        if place.offline and "://" in place.store.url:
            why = "this is offline"
        else:
            wrong = {item.name: problem for item, problem in place.store.verify(items, lambda _: None)}
    except GitregError as error:
        why = error.message
    return tuple(_fact(item, why, wrong.get(item.name, "")) for item in items)


def _fact(item: Item, why: str, wrong: str) -> PayloadFact:
    payload = item.payload
    if why:
        return PayloadFact(item.name, payload.size, payload.sha256, payload.md5, "unknown", why)
    state: PayloadState = "there" if not wrong else "missing" if wrong == "missing" else "wrong"
    return PayloadFact(item.name, payload.size, payload.sha256, payload.md5, state, wrong)


def _items(version: ModelVersion, texts: Mapping[str, bytes]) -> list[Item]:
    """The payloads as SHA256SUMS and the pointers tell them together; other pointers are told of by the checks."""
    try:
        sums = parse_sums(texts.get(SUMS, b""), f"{SUMS} of {version}")
    except GitregError:
        return []
    found = []
    for path, sha256 in sums.entries:
        text = texts.get(path + SUFFIX)
        if text is None:
            continue
        with contextlib.suppress(GitregError):
            pointer = parse_pointer(text)
            found.append(Item(Payload(pointer.md5, sha256, pointer.size), path))
    return found
