"""Payload stores: a DVC remote that is a folder, or any other through DVC.

Objects lie as DVC lays them, `<url>/files/md5/<2 hex>/<30 hex>`, so plain DVC reads what is pushed here. A folder
needs no import of DVC, which takes longer than copying most models.
"""

from __future__ import annotations

import contextlib
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from gitreg.errors import Damaged, GitregError, NotFound, Refused, Unreachable, Unsupported
from gitreg.stores.cache import Cache, Payload, copy_verified, hash_file, object_path, sync_folder
from gitreg.stores.scratch import scratch

if TYPE_CHECKING:
    from dvc_objects.fs.base import FileSystem

Progress = Callable[[int], None]
"""Called with the number of bytes just moved."""

_EXTRAS = {"ssh": "ssh", "s3": "s3", "azure": "azure", "gs": "gs", "webdav": "webdav", "webdavs": "webdav"}


@dataclass(frozen=True)
class Item:
    """A payload and the name it goes by in a run, for messages."""

    payload: Payload
    name: str


class PayloadStore(Protocol):
    """Where payloads are published."""

    @property
    def url(self) -> str:
        """The store's address, as people know it."""

    def path(self, payload: Payload) -> Path | None:
        """The payload's file, where the store is a folder of this machine and has it."""

    def check(self) -> None:
        """Unreachable where it does not answer, Unsupported where DVC's plug-in for it is missing; writes nothing."""

    def push(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        """Put payloads there and verify that they are; Unreachable or Damaged where they are not."""

    def pull(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        """Bring payloads into the cache; NotFound, naming one, where the store has it not."""


def open_store(url: str, settings: Mapping[str, str], private: Path) -> PayloadStore:
    """The store at `url`; `settings` are DVC's for a remote, `private` a `.dvc` folder with secrets."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme in {"", "file"}:
        return FolderStore(Path(url.removeprefix("file://")).expanduser())
    return DvcStore(url, dict(settings), private)


@dataclass(frozen=True)
class FolderStore:
    """A DVC remote that is a folder of this machine (or mounted on it)."""

    root: Path

    @property
    def url(self) -> str:
        return str(self.root)

    def path(self, payload: Payload) -> Path | None:
        found = object_path(self.root, payload.md5)
        try:
            return found if found.stat().st_size == payload.size else None
        except OSError:
            return None

    def check(self) -> None:
        if not self.root.is_dir() and not (self.root.parent.is_dir() and os.access(self.root.parent, os.W_OK)):
            raise Unreachable(f"the payload store {self.root} is not there", "mount it, then give the command again")

    def push(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        if self.root == cache.root:
            _all_there(items, cache)
            return
        self._reachable()
        for item in items:
            payload, final = item.payload, object_path(self.root, item.payload.md5)
            there = hash_file(final) if self.path(payload) else None
            if there != payload:
                if there and there.md5 == payload.md5:
                    raise Refused(f"{item.name} has the md5 of another payload, {payload.md5}, and other bytes",
                                  "one of the two was made to collide; save the model again")  # fmt: skip
                source = cache.path(payload.md5)
                if not source.exists():
                    raise NotFound(f"the payload {item.name} is neither in {self.root} nor in {cache.root}",
                                   "log the run again on the machine that trained it")  # fmt: skip
                partial = final.parent / f".{payload.md5[2:]}.{uuid.uuid4().hex}"
                final.parent.mkdir(parents=True, exist_ok=True)
                copy_verified(source, partial, payload.sha256, item.name, mode=0o444)
                partial.replace(final)
                sync_folder(final.parent)
            progress(payload.size)

    def pull(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        self._reachable()
        for item in items:
            if self.path(item.payload) is None:
                raise _missing(item, object_path(self.root, item.payload.md5), self.url)
            progress(item.payload.size)

    def _reachable(self) -> None:
        self.check()
        self.root.mkdir(exist_ok=True)


def _missing(item: Item, found: Path, url: str) -> GitregError:
    if found.exists():
        return Damaged(
            f"{item.name} is damaged in {url}: {found.stat().st_size} bytes, not {item.payload.size}",
            "gitreg push it again from a machine that has it",
        )
    return NotFound(f"the payload {item.name} is not in {url}", "gitreg push it from the machine that logged it")


def _all_there(items: Sequence[Item], cache: Cache) -> None:
    for item in items:
        if not cache.has(item.payload.md5, item.payload.size):
            raise _missing(item, cache.path(item.payload.md5), str(cache.root))


@dataclass(frozen=True)
class DvcStore:
    """Any other DVC remote, through the file systems that DVC and its plug-ins bring."""

    url: str
    settings: dict[str, str]
    private: Path

    def path(self, payload: Payload) -> Path | None:
        return None

    @cached_property
    def _opened(self) -> tuple[FileSystem, str]:
        os.environ.setdefault("DVC_NO_ANALYTICS", "1")
        logging.getLogger("dvc").setLevel(logging.WARNING)
        scheme = urlsplit(self.url).scheme
        try:
            from dvc.config import Config
            from dvc.fs import get_cloud_fs

            stored = Config(str(self.private), validate=False)
            mine = stored.get("remote", {}).get("payloads", {})
            # Where payloads lie is main's to say (or the consumer's own setting); only the rest may be private.
            config = {**self.settings, **{k: v for k, v in mine.items() if k != "url"}, "url": self.url}
            cls, kwargs, root = get_cloud_fs({"core": {}, "remote": {}}, **config)
            opened = cls(**({"agent_forwarding": False} if scheme == "ssh" else {}) | kwargs)
            if scheme == "ssh":
                # DVC's plug-in would accept any host key; () is its library's word for ssh's own known hosts.
                opened.fs_args.setdefault("known_hosts", ())
            return opened, root
        except ImportError as error:
            extra = _EXTRAS.get(scheme, scheme)
            raise Unsupported(
                f"payloads at {scheme}:// need DVC's plug-in: {error}", f"pip install 'gitreg[{extra}]'"
            ) from None

    def _remote_path(self, md5: str) -> str:
        fs, root = self._opened
        return str(fs.join(root, "files", "md5", md5[:2], md5[2:]))

    def _size(self, md5: str) -> int | None:
        fs, _ = self._opened
        with self._named("look at", missing=True):
            try:
                return int(fs.info(self._remote_path(md5))["size"])
            except FileNotFoundError:
                return None

    @contextlib.contextmanager
    def _named(self, verb: str, *, missing: bool = False) -> Iterator[None]:
        """Let what goes wrong be Unreachable; with `missing`, FileNotFoundError is an answer."""
        try:
            yield
        except GitregError:
            raise
        except Exception as error:  # each plug-in raises kinds of its own
            if missing and isinstance(error, FileNotFoundError):
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise Unreachable(
                f"cannot {verb} {self.url}: {reason}", "check that it is up and who you are there"
            ) from error

    def check(self) -> None:
        with self._named("reach"):
            fs, root = self._opened
            fs.exists(root)

    def push(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        self.check()
        fs, _ = self._opened
        for item in items:
            payload, target = item.payload, self._remote_path(item.payload.md5)
            if self._size(payload.md5) != payload.size:
                source = cache.path(payload.md5)
                if not source.exists():
                    raise NotFound(f"the payload {item.name} is neither in {self.url} nor in {cache.root}",
                                   "log the run again on the machine that trained it")  # fmt: skip
                if hash_file(source) != payload:
                    raise Damaged(f"the payload {item.name} is damaged in {cache.root}", f"look at {source}")
                with self._named("write to"):
                    fs.makedirs(fs.parent(target), exist_ok=True)
                    fs.put_file(str(source), target)
                there = self._size(payload.md5)
                if there != payload.size:
                    raise Damaged(
                        f"{item.name} arrived at {self.url} with {there} bytes, not {payload.size}", "push again"
                    )
            progress(payload.size)

    def pull(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        self.check()
        fs, _ = self._opened
        for item in items:
            payload = item.payload
            there = self._size(payload.md5)
            if there is None:
                raise NotFound(
                    f"the payload {item.name} is not in {self.url}", "gitreg push it from the machine that logged it"
                )
            with scratch(cache.root / "tmp") as folder:
                partial = folder / "payload"
                with self._named("read from"):
                    fs.get_file(self._remote_path(payload.md5), str(partial))
                if hash_file(partial) != payload:
                    raise Damaged(f"{item.name} is damaged in {self.url}: its bytes are not those that were registered",
                                  "gitreg push it again from a machine that has it")  # fmt: skip
                cache.adopt(partial)
            progress(payload.size)
