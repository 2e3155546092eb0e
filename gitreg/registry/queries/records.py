"""Runs and versions as a filter sees them: of each, only what is asked for is decoded.

A search looks at ten thousand tag or commit objects and returns a few. What a comparison asks for is taken from the
object's bytes alone; the rules of the format are applied to those that become values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from gitreg.errors import Damaged
from gitreg.format.filter_match import Value
from gitreg.format.jsontext import number_from_json
from gitreg.format.objects import parse_commit_object
from gitreg.format.runs import Run, parse_run_message
from gitreg.format.tags import VersionTag, parse_tag_name
from gitreg.format.trailers import parse_trailers
from gitreg.format.versions import ModelVersion
from gitreg.registry.catalog import version_from_object

# The trailers of runs and versions, as they begin a line.
DIGEST = b"\nGitreg-Digest:"
ENDED = b"\nGitreg-Ended:"
FLAVORS = b"\nGitreg-Flavors:"
METRICS = b"\nGitreg-Metrics:"
MODELS = b"\nGitreg-Models:"
NAME = b"\nGitreg-Name:"
NUMBER = b"\nGitreg-Number:"
PARAMS = b"\nGitreg-Params:"
PATH = b"\nGitreg-Path:"
RUN = b"\nGitreg-Run:"
STARTED = b"\nGitreg-Started:"
STATUS = b"\nGitreg-Status:"
TAGS = b"\nGitreg-Tags:"
_BLOCK = b"\n\nGitreg-Format:"
_WHO = re.compile(rb".* [0-9]{1,12} [+-][0-9]{4}")


class Told:
    """The trailers at the end of a commit or tag object, each decoded when it is asked for."""

    __slots__ = ("_all", "_at", "_mappings", "content")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._mappings: dict[bytes, Mapping[str, object]] | None = None
        self._all: Mapping[str, str] | None = None
        self._at: int | None = None

    def text(self, key: bytes) -> str | None:
        """The value of a trailer (RUN, PATH ...), None without one."""
        content, at = self.content, self._at
        if at is None:
            at = content.rfind(b"\n\n")
            # Behind a signature, or where the block is not of gitreg's own form, the parser of trailers decides.
            self._at = at = at if content.startswith(_BLOCK, at) and b"-----BEGIN " not in content else -1
        if at < 0:
            return self._slowly().get(key[1:-1].decode())
        at = content.find(key, at)
        if at < 0:
            return None
        at += len(key)
        end = content.find(b"\n", at)
        return content[at : end if end >= 0 else None].decode("utf-8", "replace").removeprefix(" ")

    def mapping(self, key: bytes) -> Mapping[str, object]:
        """The JSON object that a trailer holds, empty without one. Damaged where it holds something else."""
        if self._mappings is None:
            self._mappings = {}
        found = self._mappings.get(key)
        if found is None:
            text = self.text(key)
            try:
                parsed = json.loads(text) if text is not None else {}
            except (ValueError, RecursionError):
                parsed = None
            if not isinstance(parsed, dict):
                raise Damaged(f"{key[1:-1].decode()} of run {self.text(RUN)} is no JSON object")
            found = self._mappings[key] = parsed
        return found

    def _slowly(self) -> Mapping[str, str]:
        if self._all is None:
            trailers = parse_trailers(self.content.decode("utf-8", "replace").partition("\n\n")[2]) or {}
            self._all = trailers if "Gitreg-Format" in trailers else {}
        return self._all

    def param(self, key: str) -> str | None:
        """A run's parameter."""
        return _text(self.mapping(PARAMS).get(key))

    def metric(self, key: str) -> float | None:
        """A metric that is told here."""
        found = self.mapping(METRICS).get(key)
        return found if type(found) is float else None if found is None else number_from_json(found, key)

    def tag(self, key: str) -> str | None:
        """A run's tag."""
        return _text(self.mapping(TAGS).get(key))

    def author(self) -> str:
        """Who made the object: `Name <email>`."""
        return self._made().rsplit(b" ", 2)[0].decode("utf-8", "replace")

    def created(self) -> int:
        """When the object was made, in milliseconds since 1970."""
        seconds = self._made().rsplit(b" ", 2)[1]
        return int(seconds) * 1000

    def _made(self) -> bytes:
        head = self.content[: self.content.find(b"\n\n")]
        start = b"\ntagger " if head.startswith(b"object ") else b"\nauthor "
        line = head.partition(start)[2].partition(b"\n")[0]
        if not _WHO.fullmatch(line):
            raise Damaged("a tag or commit does not say who made it, and when", "git fsck")
        return line


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None


class VersionRecord(Told):
    """A version: its tag object and, where `run` is set, the commit that tells of its run."""

    __slots__ = ("kind", "labels", "model", "oid", "retired", "run", "stages", "version")

    def __init__(self, model: str, version: str, oid: str, kind: str, content: bytes, retired: bool) -> None:
        super().__init__(content)
        self.model, self.version, self.oid, self.kind, self.retired = model, version, oid, kind, retired
        self.stages: tuple[str, ...] = ()
        self.labels: Mapping[str, str] = {}
        self.run: Told | None = None

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"

    @property
    def commit(self) -> str:
        """The commit that tells of the run, "" for a version that gitreg did not make."""
        if self.kind != "tag" or not self.text(RUN):
            return ""
        return self.content[len(b"object ") : self.content.find(b"\n")].decode()

    @property
    def number(self) -> int | None:
        """The version's number, None for a version that gitreg did not make."""
        text = self.text(NUMBER) if self.kind == "tag" else None
        return int(text) if text and text.isdecimal() and len(text) < 18 else None

    def param(self, key: str) -> str | None:
        return self.run.param(key) if self.run else None

    def metric(self, key: str) -> float | None:
        # The tag tells those that fit; the run's commit tells all.
        found = super().metric(key)
        return self.run.metric(key) if found is None and self.run else found

    def tag(self, key: str) -> str | None:
        return self.run.tag(key) if self.run else None

    def label(self, key: str) -> str | None:
        return self.labels.get(key)

    def attribute(self, key: str) -> Value:
        match key:
            case "model":
                return self.model
            case "version":
                return self.version
            case "number":
                return self.number
            case "stage":
                return self.stages
            case "flavor":
                return tuple((self.text(FLAVORS) or "").split())
            case "run_id":
                return self.text(RUN)
            case "author":
                return self.author()
            case "digest":
                return self.text(DIGEST)
            case "created" | "updated":
                return self.created()
            case "source_path":
                run_id = self.text(RUN)
                return f"runs:/{run_id}/{self.text(PATH)}" if run_id else None
            case _:
                return run_attribute(self.run, key) if self.run else None

    def value(self) -> ModelVersion | None:
        """The version itself; None where the tag's name is none of gitreg's. Damaged where the record is."""
        named = parse_tag_name(str(self))
        if not isinstance(named, VersionTag):
            return None
        found = version_from_object(self.model, named.version, self.oid, self.kind, self.content)
        if not (self.stages or self.labels or self.retired):
            return found
        return replace(found, stages=self.stages, labels=dict(self.labels), retired=self.retired)


class RunRecord(Told):
    """A run: its commit object, or one that is still open; with the versions that were made of it."""

    __slots__ = ("_open", "id", "kind", "oid", "versions")

    def __init__(self, run_id: str, oid: str, kind: str, content: bytes, open_run: Run | None = None) -> None:
        super().__init__(content)
        self.id, self.oid, self.kind, self._open = run_id, oid, kind, open_run
        self.versions: Sequence[VersionRecord] = ()

    @property
    def started(self) -> str:
        """When it was started, RFC 3339."""
        return self.text(STARTED) or ""

    def label(self, key: str) -> str | None:
        return next((version.labels[key] for version in self.versions if key in version.labels), None)

    def attribute(self, key: str) -> Value:
        match key:
            case "run_id":
                return self.id
            case "artifact_uri":
                return f"runs:/{self.id}"
            case "model":
                return tuple(dict.fromkeys(version.model for version in self.versions))
            case "version":
                return tuple(version.version for version in self.versions)
            case "number":
                numbers = tuple(number for version in self.versions if (number := version.number))
                return cast(Value, numbers or None)  # several numbers are compared as several texts are
            case "stage":
                return tuple(dict.fromkeys(stage for version in self.versions for stage in version.stages))
            case "flavor":
                words = [word for facts in self._models() for word in facts.get("flavors", "").split()]
                return tuple(dict.fromkeys(words))
            case "digest":
                return tuple(facts["digest"] for facts in self._models() if "digest" in facts)
            case "author":
                return self._open.author if self._open else self.author()
            case _:
                return run_attribute(self, key)

    def _models(self) -> list[dict[str, str]]:
        models = self.mapping(MODELS).values()
        return [{key: str(value) for key, value in facts.items()} for facts in models if isinstance(facts, dict)]

    def value(self) -> Run | None:
        """The run itself; None where the tag's name is none of gitreg's. Damaged where the record is."""
        if self._open:
            return self._open
        if parse_tag_name(f"run/{self.id}") is None:
            return None
        if self.kind != "commit":
            hint = f"git cat-file -p {self.oid}"
            raise Damaged(f"the tag run/{self.id} names a {self.kind}, not a run's commit", hint)
        commit = parse_commit_object(self.content, f"run/{self.id}")
        run = parse_run_message(commit.message, commit=self.oid, author=commit.author)
        if run.id != self.id:
            raise Damaged(f"the tag run/{self.id} holds the run {run.id}", f"git cat-file -p {self.oid}")
        if not self.versions:
            return run
        made = {version.text(PATH): str(version) for version in self.versions}
        return replace(run, models=tuple(replace(model, version=made.get(model.path, "")) for model in run.models))


def run_attribute(run: Told, key: str) -> str | None:
    """What the commit of a run tells under a filter's name for it."""
    match key:
        case "run_name":
            return run.text(NAME)
        case "status":
            return run.text(STATUS)
        case "started":
            return run.text(STARTED) or None
        case "ended":
            return run.text(ENDED) or None
        case _:
            return None
