"""An open run: opened, filled, ended. Every value is durable when the call that logged it returns."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType

from gitreg.errors import Conflict, NotFound, Refused, Unreachable, check_type, shown
from gitreg.format.names import Paths, check_key, check_path, check_run_id, check_text, is_payload_name
from gitreg.format.runs import Run
from gitreg.format.tags import run_ref
from gitreg.format.times import format_time
from gitreg.registry.catalog import read_run
from gitreg.registry.contents import SUMS, StoredFile, in_git_file
from gitreg.registry.journal import Journal, OpenRun, file_event, open_journal, read_open_run
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.progress import Progress, silent
from gitreg.registry.runs.finish import finish
from gitreg.registry.runs.source import source_of_process
from gitreg.registry.settle import release_payloads
from gitreg.stores.clock import now

_LONGEST_VALUE = 16 << 10
_active: list[ActiveRun] = []


class ActiveRun:
    """An open run: everything logged goes to it until it ends.

    As a context manager it ends with its block: finished, or failed where an exception leaves it.
    """

    def __init__(self, registry: Registry, journal: Journal, ended: Run | None) -> None:
        self.registry = registry
        self.journal = journal
        self.ended = ended  # the run of this id that ended before: what is logged now must be its

    def __repr__(self) -> str:
        return f"<gitreg.ActiveRun {self.id}>"

    @property
    def id(self) -> str:
        """The run's id."""
        return self.journal.run.id

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self in _active:
            self.end("finished" if kind is None else "failed")

    def end(self, status: str = "finished", progress: Progress = silent) -> Run:
        """End the run: one commit, one tag; then what was asked to be registered or pushed is."""
        if self in _active:
            _active.remove(self)
        self.journal.append({"event": "end", "status": status, "ended": format_time(now())})
        return finish(self.registry, self.journal, self.ended, progress)

    def discard(self) -> None:
        """Close the run as if it had not been opened."""
        if self in _active:
            _active.remove(self)
        release_payloads(self.registry, self.journal)
        self.journal.close(remove=True)

    def put_file(self, path: str, source: Path | bytes) -> None:
        """Keep a file until the run ends; large ones and payloads go to the cache at once."""
        self.check_files([path])
        config, cache = self.registry.config, self.registry.written
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if is_payload_name(path) or size > config.git_limit:
            if isinstance(source, bytes):
                with cache.writer() as stream:
                    stream.write(source)
                payload = stream.payload
            else:
                payload = cache.add(source)
            stored = StoredFile(path, payload.sha256, payload.size, payload=payload)
        else:
            content = source if isinstance(source, bytes) else source.read_bytes()
            stored = in_git_file(path, content)
            self.journal.put({path: content})
        self.journal.append({"event": "file", **file_event(stored)})

    def check_files(self, paths: Iterable[str]) -> None:
        """Refuse names that cannot be in this run, now rather than at its end."""
        for path in paths:
            check_path(path)
            if path == SUMS:
                raise Refused(f"{SUMS} is the name of gitreg's own list", "give the file another name")
            for model in self.journal.run.models:
                if path == model or path.startswith(model + "/"):
                    raise Refused(f"{path} lies in the model directory {model}", "give it another path")
            self._paths.add(path)

    @cached_property
    def _paths(self) -> Paths:
        names, state = Paths(), self.journal.run
        inside = (f"{model}/{file.path}" for model, files in state.model_files.items() for file in files)
        for path in (*state.files, *inside):
            names.add(path)
        return names

    def add_model(self, path: str, event: Mapping[str, object], files: tuple[StoredFile, ...]) -> None:
        """Keep a model directory until the run ends. Conflict where the run has another model there."""
        check_path(path)
        for other, known in self.journal.run.models.items():
            if other == path and known.digest != event["digest"]:
                raise Conflict(
                    f"run {self.id} has another model at {path}", "give this one another artifact_path, or another run"
                )
            if other != path and (other.startswith(path + "/") or path.startswith(other + "/")):
                raise Refused(
                    f"the model directories {other} and {path} lie in one another", "give another artifact_path"
                )
        for name in self.journal.run.files:
            if name == path or name.startswith(path + "/"):
                raise Refused(f"the file {name} lies where the model {path} goes", "give another artifact_path")
        if self.ended is not None:
            self._check_same(path, str(event["digest"]))
        for file in files:
            self._paths.add(f"{path}/{file.path}")
        self.journal.put({f"{path}/{file.path}": file.content for file in files if file.content is not None})
        rows = [file_event(file) for file in files]
        wish = event.get("register")
        model = {key: value for key, value in event.items() if key != "register"}
        self.journal.append({"event": "model", "path": path, "model": model, "files": rows, "register": wish})

    def _check_same(self, path: str, digest: str) -> None:
        assert self.ended is not None
        for model in self.ended.models:
            if model.path == path and model.digest == digest:
                return
        there = "another model" if path in {model.path for model in self.ended.models} else "no model"
        raise Conflict(
            f"run {self.id} is logged already ({self.ended.status}), with {there} at {path}",
            f"gitreg show run:{self.id}; an ended run never changes: log this as a new run",
        )


def start_run(
    name: str | None = None,
    *,
    run_id: str | None = None,
    tags: Mapping[str, object] | None = None,
    resume: bool = False,
    push: bool | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
) -> ActiveRun:
    """Open a run, for `with start_run(...) as run:`.

    `run_id` names it; without, it gets an id of 32 hex digits. With `resume` an interrupted run goes on where it
    was; without, the same id starts again, and an ended run of that id accepts only what it already holds (so that
    an interrupted job can simply be run again). `push` sends the run to the origin when it ends.
    Conflict where a run is open here, or another program holds this one.
    """
    if _active:
        raise Conflict(f"run {_active[-1].id} is open", "gitreg.end_run() first; runs do not nest")
    place = writable(open_registry(registry))
    ended: Run | None = None
    before: OpenRun | None = None
    if run_id is None:
        run_id = uuid.uuid4().hex
    else:
        ended, before = _ended_run(place, check_run_id(run_id)), read_open_run(place.state, run_id)
    if resume and ended is not None:
        raise Conflict(f"run {run_id} has ended ({ended.status}); an ended run never changes", "start a new run")
    if resume and before is None:
        raise NotFound(f"no open run {run_id} on this machine", "gitreg runs; without resume=True it is started")
    title = "" if name is None else _check_line(name, "run name")
    texts = {} if tags is None else check_texts(tags, "tags")
    # By address, what ended and waits for the origin is in its journal alone; that one is not written to again.
    waits = place.mirror and before is not None and bool(before.ended)
    journal = open_journal(place.state, run_id, afresh=not resume, again=waits)
    if not journal.run.started:
        first = ended or before
        started = first.started if first and first.started else format_time(now())
        journal.append({"event": "start", "name": title, "started": started, "source": source_of_process().to_dict(),
                        "tags": texts, "push": bool(push)})  # fmt: skip
    elif texts:
        journal.append({"event": "tags", "values": texts})
    run = ActiveRun(place, journal, ended)
    _active.append(run)
    return run


def _ended_run(place: Registry, run_id: str) -> Run | None:
    ref = run_ref(run_id)
    if not place.git.find_ref(ref):
        try:
            place.fetch(ref + "*")
        except Unreachable:
            return None  # logging needs no origin; registering will find out
        if not place.git.find_ref(ref):
            return None
    return read_run(place, run_id)


def active_run() -> ActiveRun | None:
    """The open run of this process, or None."""
    return _active[-1] if _active else None


def current_run() -> ActiveRun:
    """The open run; Refused where there is none."""
    if not _active:
        raise Refused("no run is open", "with gitreg.start_run(): ...")
    return _active[-1]


def end_run(status: str = "finished") -> Run:
    """End the open run as finished, failed or abandoned."""
    if status not in ("finished", "failed", "abandoned"):
        raise Refused(f"bad status {shown(status)}", "a run ends finished, failed or abandoned")
    return current_run().end(status)


def check_texts(values: Mapping[str, object], what: str) -> dict[str, str]:
    """Params or tags (`what`) as they are kept: text by key. Refused where a key or a value may not be."""
    check_type(values, Mapping, what, "a dict of names and values")
    texts = {check_key(str(key)): check_text(str(value), f"the value of {key}") for key, value in values.items()}
    for key, text in texts.items():
        if len(text) > _LONGEST_VALUE:
            raise Refused(f"the value of {key} has {len(text)} characters, more than {_LONGEST_VALUE}",
                          f"log_text(value, {key + '.txt'!r})")  # fmt: skip
    return texts


def _check_line(text: str, what: str) -> str:
    rule = "one line of at most 500 characters, no space at either end"
    check_type(text, str, what, rule)
    if (
        any(ord(c) < 32 or ord(c) in {127, 0x85, 0x2028, 0x2029} or 0xD800 <= ord(c) < 0xE000 for c in text)
        or len(text) > 500
        or text != text.strip()
    ):
        raise Refused(f"bad {what} {shown(text)}", rule)
    return text
