"""Payload stores on other machines, through the file systems that DVC and its plug-ins bring."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gitreg.errors import GitregError, Refused, Unsupported
from gitreg.stores.cache import Cache, Payload
from gitreg.stores.git.credentials import timeout
from gitreg.stores.payloads.answers import Asking, read_answer
from gitreg.stores.payloads.identity import ONE_CLONE, for_all, whose
from gitreg.stores.payloads.listing import Files, list_objects, remove_object
from gitreg.stores.payloads.remote import Remote, run_on
from gitreg.stores.payloads.store import Item, Progress, Stored

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from gitreg.stores.payloads.objects import Objects

_EXTRAS = {"ssh": "ssh", "s3": "s3", "azure": "azure", "gs": "gs", "webdav": "webdav", "webdavs": "webdav"}
_READ_ONLY = {"http", "https"}
_TOLD = {"http", "https", "webdav", "webdavs"}
"""Where a password itself travels: settings for all registries go to the server that they name, and no other."""
_LOUD = ("aiobotocore", "asyncssh", "azure", "botocore", "gcsfs", "httpx", "s3fs", "sshfs")


@dataclass(frozen=True)
class DvcStore:
    """A DVC remote on another machine; `settings` are main's, `private` is a `.dvc` folder with the user's own."""

    url: str
    settings: dict[str, str]
    private: Path

    def path(self, payload: Payload) -> Path | None:
        return None

    def check(self) -> None:
        loop, remote = self._opened
        run_on(loop, remote.reach())

    def push(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        if self._scheme in _READ_ONLY:
            raise Refused(f"{self.url} is a web server, which payloads are only read from",
                          "git config gitreg.payloads URL-OF-A-STORE-TO-WRITE-TO")  # fmt: skip
        if items:
            loop, remote = self._opened
            run_on(loop, remote.push(items, cache, progress))

    def pull(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        if items:
            loop, remote = self._opened
            run_on(loop, remote.pull(items, cache, progress))

    def verify(self, items: Sequence[Item], progress: Progress) -> Sequence[tuple[Item, str]]:
        loop, remote = self._opened
        return run_on(loop, remote.verify(items, progress))

    def listing(self) -> Iterator[Stored]:
        self.check()
        with self._named("list"):
            yield from list_objects(self._files, self._opened[1].path(""))

    def remove(self, name: str) -> None:
        with self._named("delete in"):
            remove_object(self._files, self._opened[1].path(name))

    def credentials(self) -> str:
        """Where the credentials come from that are used, and the command that sets others; nothing secret."""
        return self._whose(self._config())

    def _whose(self, config: Mapping[str, object]) -> str:
        command = ONE_CLONE if self.private.name == ".dvc" else for_all(self.url)
        return whose(self._scheme, config, os.environ, command)

    @contextlib.contextmanager
    def _named(self, verb: str) -> Iterator[None]:
        """Let what a plug-in raises be told as everything else is."""
        try:
            yield
        except GitregError:
            raise
        except Exception as error:  # each plug-in raises kinds of its own
            raise self._opened[1].asking.named(read_answer(error), verb) from error

    @property
    def _scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def _opened(self) -> tuple[AbstractEventLoop, Remote]:
        loop, remote, _ = self._open
        return loop, remote

    @property
    def _files(self) -> Files:
        files: Files = self._open[2].fs
        return files

    @cached_property
    def _open(self) -> tuple[AbstractEventLoop, Remote, Any]:
        os.environ.setdefault("DVC_NO_ANALYTICS", "1")
        for name in _LOUD:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        seconds = timeout()
        config: dict[str, Any] = {**self.settings, "url": self.url}
        try:
            config = self._config()
            asking = Asking(self.url, self._whose(config), seconds)
            from dvc.fs import get_cloud_fs
            from fsspec.asyn import get_loop

            cls, options, root = get_cloud_fs({"core": {}, "remote": {}}, **config)
            fs = cls(**({"agent_forwarding": False} if self._scheme == "ssh" else {}) | options)
            return get_loop(), Remote(_objects(self._scheme, fs, root, config, seconds), root, asking), fs
        except ImportError as error:
            extra = _EXTRAS.get(self._scheme, self._scheme)
            raise Unsupported(
                f"payloads at {self._scheme}:// need DVC's plug-in: {error}", f"pip install 'gitreg[{extra}]'"
            ) from None
        except GitregError:
            raise
        except Exception as error:  # each plug-in raises kinds of its own
            asking = Asking(self.url, self._whose(config), seconds)
            raise asking.named(read_answer(error), "open") from error

    def _config(self) -> dict[str, Any]:
        """Where payloads lie is main's to say, or the consumer's own; other settings may be private.

        They are never those of `.dvc/config`, which the branch that is checked out brings: DVC has commands among them.
        """
        from dvc.config import Config

        logging.getLogger("dvc").setLevel(logging.WARNING)
        levels = Config(local_dvc_dir=str(self.private), validate=False)
        everywhere, here = {}, levels.load_one("local").get("remote", {}).get("payloads", {})
        for level in ("system", "global"):
            everywhere.update(levels.load_one(level).get("remote", {}).get("payloads", {}))
        if self._scheme in _TOLD and not _same_server(str(everywhere.get("url", "")), self.url):
            everywhere = {}
        mine = {key: value for key, value in {**everywhere, **here}.items() if key != "url"}
        return {**self.settings, **mine, "url": self.url}


def _same_server(one: str, other: str) -> bool:
    try:
        found = [(url.scheme, url.hostname, url.port) for url in (urlsplit(one), urlsplit(other))]
    except ValueError:
        return False
    return found[0] == found[1]


def _objects(scheme: str, fs: Any, root: str, config: Mapping[str, object], seconds: float) -> Objects:
    """The plug-in's objects, with its own time-outs and retries replaced by ours."""
    if scheme == "s3":
        from gitreg.stores.payloads.s3 import S3Objects

        options: dict[str, Any] = fs.fs_args.setdefault("config_kwargs", {})
        options.setdefault("read_timeout", seconds)
        options.setdefault("connect_timeout", seconds)
        options.update(retries={"total_max_attempts": 1}, max_pool_connections=64)
        # Not every server that speaks S3 knows the newer checksums; what arrived is verified anyhow.
        options.update(request_checksum_calculation="when_required", response_checksum_validation="when_required")
        fs.fs.retries = 1
        return S3Objects(fs.fs, root)
    if scheme == "ssh":
        from gitreg.stores.payloads.sftp import SftpObjects

        # DVC's plug-in would accept any host key; () is its library's word for ssh's own known hosts.
        fs.fs_args.setdefault("known_hosts", ())
        if "timeout" not in config:
            fs.fs_args["timeout"] = seconds
        fs.fs_args.update(skip_instance_cache=True, keepalive_interval=15)

        def connect() -> object:
            vars(fs).pop("fs", None)
            return fs.fs

        return SftpObjects(connect, root)
    if scheme in {"webdav", "webdavs"}:
        from gitreg.stores.payloads.web import WebdavObjects

        if "timeout" not in config:
            fs.fs_args["timeout"] = seconds
        return WebdavObjects(fs.fs, root)
    if scheme in {"http", "https"}:
        from gitreg.stores.payloads.web import HttpObjects

        fs.SESSION_RETRIES = 1
        with contextlib.suppress(KeyError):
            for name in ("read_timeout", "connect_timeout"):
                fs.fs_args["client_kwargs"][name] = config.get(name, seconds)
        return HttpObjects(fs.fs, root)
    from gitreg.stores.payloads.blobs import AzureObjects, GsObjects

    if scheme == "azure":
        return AzureObjects(fs.fs, root)
    if scheme == "gs":
        return GsObjects(fs.fs, root)
    raise Unsupported(f"payloads at {scheme}:// are not supported", "s3, ssh, webdav, http, azure, gs or a folder")
