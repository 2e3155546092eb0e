"""An open run on this machine: a folder whose journal holds every value from the moment its log call returned.

<state>/runs/<id>/journal.jsonl   one event a line, each synced before the call returns
<state>/runs/<id>/files/...       what will be committed beside them
<state>/runs/<id>/lock            held by the program that logs
<state>/runs/<id>/again/          the same run logged again, while what it was waits for the origin

A run logged by address keeps its folder until the origin has it: the mirror is a cache, and may be deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitreg.errors import Conflict, Damaged, GitregError
from gitreg.format.jsontext import format_line, number_from_json, number_to_json
from gitreg.format.runs import LoggedModel, Point, Run, source_from
from gitreg.registry.contents import StoredFile
from gitreg.stores.cache import Payload, sync_folder

Event = dict[str, object]


@dataclass
class OpenRun:
    """What a journal has told so far."""

    id: str
    name: str = ""
    started: str = ""
    source: Mapping[str, object] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    series: dict[str, list[Point]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    models: dict[str, LoggedModel] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)  # artifacts; content is read when the run ends
    model_files: dict[str, tuple[StoredFile, ...]] = field(default_factory=dict)
    wishes: dict[str, Event] = field(default_factory=dict)  # artifact path -> how to register it
    push: bool = False
    status: str = ""  # set once the run is ending
    ended: str = ""
    author: str = ""  # with `remote`, all that its commit depends on beside the journal
    remote: str = ""
    done: bool = False  # what was asked for its end was tried; it waits for the origin

    def apply(self, event: Event) -> None:
        """Take one event of the journal."""
        match event:
            case {"event": "start"}:
                self.name, self.started = str(event["name"]), str(event["started"])
                self.source = dict(_mapping(event["source"]))
                self.tags |= _texts(event["tags"])
                self.push = bool(event.get("push"))
            case {"event": "params", "values": values}:
                self.params |= _texts(values)
            case {"event": "tags", "values": values}:
                self.tags |= _texts(values)
            case {"event": "metrics", "step": int(step), "time": str(time), "values": values}:
                for key, value in _mapping(values).items():
                    self.series.setdefault(key, []).append(Point(step, number_from_json(value), time))
            case {"event": "file"}:
                self.files[str(event["path"])] = _file(event)
            case {"event": "model"}:
                self._apply_model(event)
            case {"event": "push"}:
                self.push = True
            case {"event": "end"}:
                self.status, self.ended = str(event["status"]), str(event["ended"])
            case {"event": "commit"}:
                self.author, self.remote = str(event["author"]), str(event["remote"])
            case {"event": "done"}:
                self.done = True
            case _:
                pass  # a later gitreg's event

    def _apply_model(self, event: Event) -> None:
        path, facts = str(event["path"]), _mapping(event["model"])
        self.models[path] = LoggedModel(
            self.id, path, str(facts["digest"]), str(facts["signature"]), int(str(facts["size"])),
            tuple(str(facts["flavors"]).split()),
        )  # fmt: skip
        files = event["files"]
        assert isinstance(files, list)
        self.model_files[path] = tuple(_file(_mapping(row)) for row in files)
        if event.get("register"):
            self.wishes[path] = dict(_mapping(event["register"]))

    @property
    def payloads(self) -> dict[str, Payload]:
        """Every payload of the run, by md5."""
        files = [*self.files.values(), *(file for inside in self.model_files.values() for file in inside)]
        return {file.payload.md5: file.payload for file in files if file.payload}

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric."""
        return {key: points[-1].value for key, points in self.series.items()}

    def to_run(self, status: str, author: str = "") -> Run:
        """The run as a value."""
        return Run(
            id=self.id, name=self.name, status=self.status or status, started=self.started, ended=self.ended,
            source=source_from(self.source), params=dict(self.params), metrics=self.metrics, tags=dict(self.tags),
            models=tuple(self.models[path] for path in sorted(self.models)), author=author,
        )  # fmt: skip


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Damaged("the journal of an open run is not gitreg's")
    return value


def _texts(value: object) -> dict[str, str]:
    return {key: str(text) for key, text in _mapping(value).items()}


def _file(row: Mapping[str, object]) -> StoredFile:
    size, sha256 = int(str(row["size"])), str(row["sha256"])
    payload = Payload(str(row["md5"]), sha256, size) if row.get("md5") else None
    return StoredFile(str(row["path"]), sha256, size, payload=payload)


def file_event(file: StoredFile) -> Event:
    """How a journal tells of a file."""
    return {
        "path": file.path,
        "sha256": file.sha256,
        "size": file.size,
        "md5": file.payload.md5 if file.payload else None,
    }


@dataclass
class Journal:
    """The folder of one open run, locked by this program."""

    folder: Path
    run: OpenRun
    _fd: int
    _lock: int
    closed: bool = False
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def append(self, *events: Event) -> None:
        """Add events; they are on the disk when this returns."""
        line = "".join(format_line(event) + "\n" for event in events).encode()
        with self._writing:
            if self.closed:
                raise Conflict(f"run {self.run.id} has ended; an ended run never changes", "start a new run")
            size = os.fstat(self._fd).st_size
            try:
                while line:
                    line = line[os.write(self._fd, line) :]
                os.fdatasync(self._fd)
            except OSError:
                os.ftruncate(self._fd, size)  # half a line would hide those that follow it
                raise
            for event in events:
                self.run.apply(event)

    def metrics_event(self, values: Mapping[str, float], step: int, time: str) -> Event:
        """The event that measured `values`."""
        return {"event": "metrics", "step": step, "time": time,
                "values": {key: number_to_json(value) for key, value in values.items()}}  # fmt: skip

    def put(self, files: Mapping[str, bytes]) -> None:
        """Keep files (path -> content) until the run ends; each complete or not at all, and all on the disk."""
        folders = set()
        for path, content in files.items():
            target = self.folder / "files" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = self.folder / uuid.uuid4().hex
            with partial.open("xb") as writing:
                writing.write(content)
                writing.flush()
                os.fsync(writing.fileno())
            partial.replace(target)
            folders |= {parent for parent in target.parents if parent.is_relative_to(self.folder)}
        for folder in folders:
            sync_folder(folder)

    def content(self, path: str) -> bytes:
        """What `put` kept."""
        return (self.folder / "files" / path).read_bytes()

    def close(self, *, remove: bool) -> None:
        """Let the run go; with `remove` it is in Git now, and its folder is no longer needed."""
        if remove:
            # Renamed first, so that a kill half way leaves nothing that looks like an open run.
            gone = self.folder.parent / f".{self.folder.name}.{uuid.uuid4().hex}"
            with contextlib.suppress(FileNotFoundError):
                self.folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
        with self._writing:
            self.closed = True
            os.close(self._fd)
            os.close(self._lock)


def open_journal(state: Path, run_id: str, *, afresh: bool, again: bool = False) -> Journal:
    """The journal of an open run, made if there is none; Conflict where another program is logging to it.

    With `afresh` what an interrupted program logged is set aside, in a file beside the journal. `again` is for a run
    that has ended and waits for the origin: its own journal stays untouched.
    """
    folder = state / "runs" / run_id / ("again" if again else "")
    lock = _locked(folder, run_id)
    path = folder / "journal.jsonl"
    if afresh and path.exists():
        path.replace(folder / f"journal.{uuid.uuid4().hex}.jsonl")
    run, good = _read(path, run_id)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.ftruncate(fd, good)  # a line that was being written when the program was killed
    sync_folder(folder)
    return Journal(folder, run, fd, lock)


def _locked(folder: Path, run_id: str) -> int:
    """The descriptor of the folder's lock, held."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A program that just ended the run has taken the folder away: then this is the lock of nothing.
                if os.path.samestat(os.fstat(lock), os.stat(folder / "lock")):
                    return lock
            except FileNotFoundError:
                pass
            except OSError:
                os.close(lock)
                raise Conflict(
                    f"run {run_id} is being logged by another program", "wait for it to end, or use another run id"
                ) from None
            os.close(lock)


def _read(path: Path, run_id: str) -> tuple[OpenRun, int]:
    run, good = OpenRun(run_id), 0
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                event = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            try:
                run.apply(event)
            except (AssertionError, KeyError, TypeError, ValueError):
                raise Damaged(f"{path} is not the journal of a run", f"move {path.parent} away") from None
            good += len(line)
    return run, good


def open_runs(state: Path, damage: list[GitregError] | None = None) -> Iterator[Run]:
    """The open runs of this machine: "running", or "interrupted" where no program holds them any more.

    One that is ending has the status it ends with, and one that has ended and only waits for the origin is none.
    A journal that is none is told of in `damage`, or Damaged where nobody listens.
    """
    for run in read_journals(state, damage):
        if not run.author:
            yield run.to_run("running" if held(state, run.id) else "interrupted")


def read_journals(state: Path, damage: list[GitregError] | None = None) -> Iterator[OpenRun]:
    """What the journals of this machine tell, of runs open and ended; `damage` as for `open_runs`."""
    for folder in sorted((state / "runs").glob("[!.]*/")):
        try:
            run, good = _read(folder / "journal.jsonl", folder.name)
        except Damaged as error:
            if damage is None:
                raise
            damage.append(error)
            continue
        if good:
            yield run


def held(state: Path, run_id: str) -> bool:
    """Whether a program is logging to the run."""
    return _held(state / "runs" / run_id / "lock")


def _held(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(fd)


def read_open_run(state: Path, run_id: str) -> OpenRun | None:
    """What the journal of an open run tells, without touching it; None where there is none."""
    path = state / "runs" / run_id / "journal.jsonl"
    return _read(path, run_id)[0] if path.exists() else None
