"""A model directory, and what lies beside it in a run: files, pointers, sums and MLmodel, each against the others."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gitreg.errors import GitregError
from gitreg.format.jsontext import parse_object
from gitreg.format.mlmodel import NAME as MLMODEL
from gitreg.format.mlmodel import parse_mlmodel
from gitreg.format.pointer import SUFFIX, parse_pointer
from gitreg.format.runs import LoggedModel, Run, format_run_file
from gitreg.format.signature import signature_digest
from gitreg.format.sums import NAME as SUMS
from gitreg.format.sums import Sums, parse_sums
from gitreg.registry.care.fsck.scene import Scene
from gitreg.stores.cache import Payload
from gitreg.stores.git.trees import TreeEntry

_OWN = ".gitreg/"
_VOLATILE = re.compile(rb"^(?:run_id|model_uuid|utc_time_created): '?[0-9a-f:. T-]+'?\n(?! )", re.MULTILINE)
_NOT_SUMMED = frozenset({"dvc.yaml", ".dvc/config", _OWN + SUMS})


@dataclass(frozen=True)
class Found:
    """What is wrong with files, a message each, and the payloads among them by path."""

    problems: tuple[str, ...] = ()
    payloads: tuple[tuple[str, Payload], ...] = ()


@dataclass(frozen=True)
class Directory(Found):
    """A model directory by what it holds."""

    digest: str = ""
    signature: str = ""
    size: int = 0
    flavors: tuple[str, ...] = ()

    def differs(self, told: LoggedModel) -> Iterator[tuple[str, object, object]]:
        """What a run says otherwise: (name, what it says, what the directory holds)."""
        for name in ("digest", "signature", "size", "flavors"):
            if getattr(told, name) != getattr(self, name):
                yield name, getattr(told, name), getattr(self, name)


def read_directory(scene: Scene, tree: str) -> Directory:
    """The model directory that a tree is."""
    entries = scene.files(tree)
    sums, problem = _sums(scene, entries, SUMS)
    if sums is None:
        return Directory((problem,))
    problems, payloads, size = _joined(scene, sums, entries, frozenset({SUMS}))
    signature, flavors = "", tuple[str, ...]()
    if MLMODEL not in entries:
        problems.append(f"{MLMODEL} is missing: this is no model directory")
    else:
        try:
            signature, flavors = _promise(_VOLATILE.sub(b"", scene.texts[entries[MLMODEL].oid]))
        except GitregError as error:
            problems.append(error.message)
    return Directory(tuple(problems), tuple(payloads), sums.digest(), signature, size, flavors)


@functools.lru_cache(1024)
def _promise(text: bytes) -> tuple[str, tuple[str, ...]]:
    """The signature's digest and the flavors of an MLmodel: a model that is trained again has the same, mostly."""
    model = parse_mlmodel(text)
    return signature_digest(model.signature), model.flavor_names


def read_beside(scene: Scene, root: str, models: Collection[str], run: Run) -> Found:
    """The files of a run outside its model directories (their paths, each with a /)."""
    entries = {path: e for path, e in scene.files(root).items() if not path.startswith(tuple(models))}
    sums, problem = _sums(scene, entries, _OWN + SUMS)
    if sums is None:
        return Found((problem,))
    problems, payloads, _ = _joined(scene, sums, entries, _NOT_SUMMED)
    if entry := entries.get(f"{_OWN}run.json"):
        problems += _run_file(scene.texts[entry.oid].decode("utf-8", "replace"), run)
    return Found(tuple(problems), tuple(payloads))


def _run_file(text: str, run: Run) -> Iterator[str]:
    own = format_run_file(run)
    if text == own:
        return
    try:
        found = parse_object(text, f"{_OWN}run.json")
    except GitregError as error:
        yield error.message
        return
    for key, value in json.loads(own).items():
        if key != "format" and found.get(key) != value:
            yield f"{_OWN}run.json tells another {key} than the commit's message"


def _sums(scene: Scene, entries: dict[str, TreeEntry], path: str) -> tuple[Sums | None, str]:
    if path not in entries:
        return None, f"{path} is missing"
    try:
        return parse_sums(scene.texts[entries[path].oid], path), ""
    except GitregError as error:
        return None, error.message


def _joined(
    scene: Scene, sums: Sums, entries: dict[str, TreeEntry], ignored: frozenset[str]
) -> tuple[list[str], list[tuple[str, Payload]], int]:
    """What does not fit together, the payloads, and the size of all that is listed."""
    problems: list[str] = []
    payloads: list[tuple[str, Payload]] = []
    left, total = set(entries) - ignored, 0
    for path, sha256 in sums.entries:
        pointer_path = path + SUFFIX
        if path in left:
            left.discard(path)
            blob = scene.blobs[entries[path].oid]
            total += blob.size
            if blob.sha256 != sha256:
                problems.append(
                    f"{path} is not what {SUMS} lists: its sha256 is {blob.sha256[:12]}..., not {sha256[:12]}..."
                )
        elif pointer_path in left:
            left.discard(pointer_path)
            try:
                pointer = parse_pointer(scene.texts[entries[pointer_path].oid], pointer_path)
            except GitregError as error:
                problems.append(error.message)
                continue
            total += pointer.size
            if pointer.path != path.rsplit("/", 1)[-1]:
                problems.append(f"{pointer_path} is a pointer to {pointer.path!r}, another file")
            payloads.append((path, Payload(pointer.md5, sha256, pointer.size)))
        else:
            problems.append(f"{path} is missing: neither the file nor its pointer is there")
    problems += [f"{path} is not in {SUMS}" for path in sorted(left)]
    return problems, payloads, total
