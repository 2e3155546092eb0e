"""The payload cache: one write, two digests, complete or not there at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitreg.errors import Damaged
from gitreg.stores import cache as module
from gitreg.stores.cache import Cache, Payload, copy_verified, hash_file, object_path


def told(content: bytes) -> Payload:
    return Payload(hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest(), len(content))


def kept(cache: Cache) -> list[Path]:
    return [path for path in cache.root.rglob("*") if path.is_file()]


@given(st.lists(st.binary(max_size=40), max_size=8), st.sampled_from([1, 7, 16, 4 << 20]))
@settings(max_examples=60)
def test_whatever_the_pieces_the_digests_are_those_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], piece: int
) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE", piece)
        with cache.writer() as stream:
            for each in pieces:
                assert stream.write(each) == len(each)
    content = b"".join(pieces)
    assert stream.payload == told(content)
    assert cache.path(stream.payload.md5).read_bytes() == content
    assert kept(cache) == [cache.path(stream.payload.md5)]
    assert cache.has(stream.payload.md5, len(content)) and not cache.has(stream.payload.md5, len(content) + 1)


def test_a_large_buffer_may_be_used_again_once_it_is_written(tmp_path: Path) -> None:
    cache, buffer, written = Cache(tmp_path), bytearray(5 << 20), hashlib.sha256()
    with cache.writer() as stream:
        for byte in b"abc":
            buffer[:] = bytes([byte]) * len(buffer)
            written.update(buffer)
            stream.write(buffer)
    assert stream.payload.sha256 == written.hexdigest()
    assert hash_file(cache.path(stream.payload.md5)) == stream.payload


def test_a_payload_is_read_only_and_lies_where_dvc_looks(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.writer() as stream:
        stream.write(b"weights")
    path = tmp_path / "files/md5" / stream.payload.md5[:2] / stream.payload.md5[2:]
    assert path == cache.path(stream.payload.md5) == object_path(tmp_path, stream.payload.md5)
    assert path.stat().st_mode & 0o777 == 0o444


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(ZeroDivisionError), cache.writer() as stream:
        stream.write(b"half")
        1 / 0  # noqa: B018
    assert kept(cache) == []
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"), cache.writer() as stream:
        stream.write(b"all of it")
    assert kept(cache) == []


def test_a_writer_has_no_descriptor_to_write_past_it(tmp_path: Path) -> None:
    with Cache(tmp_path).writer() as stream, pytest.raises(OSError, match="through write"):
        stream.fileno()


def test_a_file_is_copied_or_moved_into_the_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1" * 100)
    two.write_bytes(b"2" * 100)
    assert cache.add(one) == told(b"1" * 100) == hash_file(one)
    assert cache.adopt(two) == told(b"2" * 100)
    assert one.exists() and not two.exists()
    assert len(kept(cache)) == 2
    assert cache.add(one) == told(b"1" * 100) and len(kept(cache)) == 2


def test_a_copy_is_verified_and_leaves_nothing_where_it_is_not_what_it_should_be(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"x" * 10)
    with pytest.raises(Damaged, match=r"model.pkl is damaged: its sha256 is"):
        copy_verified(source, target, "0" * 64, "model.pkl")
    assert not target.exists()
    copy_verified(source, target, told(b"x" * 10).sha256, "model.pkl")
    assert target.read_bytes() == b"x" * 10
    with pytest.raises(FileExistsError):
        copy_verified(source, target, told(b"x" * 10).sha256, "model.pkl")
