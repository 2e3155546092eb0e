"""Payload stores: a folder, and the same folder through DVC's file systems; both answer alike."""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from gitreg.errors import Damaged, GitregError, NotFound, Refused, Unreachable, Unsupported
from gitreg.stores.cache import Cache, Payload, object_path
from gitreg.stores.payloads import FolderStore, Item, PayloadStore, open_store
from gitreg.stores.payloads.dvc import DvcStore
from testing.sshd import SshServer


@pytest.fixture(params=["folder", "ssh"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> PayloadStore:
    """An empty store whose objects lie in tmp_path/store."""
    (tmp_path / "store").mkdir()
    if request.param == "folder":
        return open_store(str(tmp_path / "store"), {}, tmp_path / ".dvc")
    sshd: SshServer = request.getfixturevalue("sshd")
    return open_store(sshd.url(tmp_path / "store"), {}, tmp_path / ".dvc")


def put(cache: Cache, content: bytes, name: str = "model.pkl") -> Item:
    with cache.writer() as stream:
        stream.write(content)
    return Item(stream.payload, name)


def at(tmp_path: Path, item: Item) -> Path:
    return object_path(tmp_path / "store", item.payload.md5)


def objects(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_payloads_go_there_and_come_back(store: PayloadStore, tmp_path: Path) -> None:
    here, there = Cache(tmp_path / "here"), Cache(tmp_path / "there")
    items, moved = [put(here, b"weights"), put(here, b"", "empty.bin"), put(here, b"x" * 100_000, "big.bin")], [0]
    store.push(items, here, lambda n: moved.append(n))
    assert objects(tmp_path / "store") == objects(tmp_path / "here")
    assert sum(moved) == 100_007
    store.push(items, there, lambda n: None)  # all there: nothing is needed here
    store.pull(items, there, lambda n: moved.append(n))
    assert sum(moved) == 200_014
    if isinstance(store, DvcStore):
        assert objects(tmp_path / "there") == objects(tmp_path / "here")
        assert [store.path(item.payload) for item in items] == [None] * 3
    else:  # a folder is read where it is
        assert objects(tmp_path / "there") == {}
        assert [store.path(item.payload) for item in items] == [at(tmp_path, item) for item in items]


def test_what_is_nowhere_is_not_found_by_name(store: PayloadStore, tmp_path: Path) -> None:
    here, there = Cache(tmp_path / "here"), Cache(tmp_path / "there")
    item = put(here, b"weights", "a/model.pkl")
    with pytest.raises(NotFound, match=r"a/model.pkl is neither in"):
        store.push([item], there, lambda n: None)
    with pytest.raises(NotFound, match=r"a/model.pkl is not in"):
        store.pull([item], there, lambda n: None)
    assert objects(tmp_path / "store") == objects(tmp_path / "there") == {}


def test_a_truncated_object_is_mended_by_a_push(store: PayloadStore, tmp_path: Path) -> None:
    here, there = Cache(tmp_path / "here"), Cache(tmp_path / "there")
    item = put(here, b"weights")
    at(tmp_path, item).parent.mkdir(parents=True)
    at(tmp_path, item).write_bytes(b"weig")
    with pytest.raises((Damaged, NotFound), match=r"model.pkl"):
        store.pull([item], there, lambda n: None)
    store.push([item], here, lambda n: None)
    assert at(tmp_path, item).read_bytes() == b"weights"
    assert objects(tmp_path / "there") == {}


def test_a_damaged_cache_is_not_pushed(store: PayloadStore, tmp_path: Path) -> None:
    here = Cache(tmp_path / "here")
    item = put(here, b"weights")
    here.path(item.payload.md5).chmod(0o644)
    here.path(item.payload.md5).write_bytes(b"Weights")
    with pytest.raises(Damaged, match=r"model.pkl"):
        store.push([item], here, lambda n: None)
    assert objects(tmp_path / "store") == {}


def test_bytes_of_the_right_md5_and_the_wrong_sha256_do_not_come_in(store: PayloadStore, tmp_path: Path) -> None:
    here, there = Cache(tmp_path / "here"), Cache(tmp_path / "there")
    item = put(here, b"weights")
    store.push([item], here, lambda n: None)
    other = Item(Payload(item.payload.md5, hashlib.sha256(b"other").hexdigest(), item.payload.size), "model.pkl")
    if isinstance(store, FolderStore):
        with pytest.raises(Refused, match="has the md5 of another payload"):
            store.push([other], here, lambda n: None)
        assert at(tmp_path, item).read_bytes() == b"weights"
    else:
        with pytest.raises(Damaged, match="its bytes are not those that were registered"):
            store.pull([other], there, lambda n: None)
    assert objects(tmp_path / "there") == {}


def gone(tmp_path: Path) -> PayloadStore:
    return open_store(str(tmp_path / "not/mounted"), {}, tmp_path)


def closed(tmp_path: Path) -> PayloadStore:
    return open_store(f"ssh://{getpass.getuser()}@127.0.0.1:1/store", {}, tmp_path)


@pytest.mark.parametrize("made", [gone, closed])
def test_a_store_that_is_away_is_unreachable(made: Callable[[Path], PayloadStore], tmp_path: Path) -> None:
    away, cache = made(tmp_path), Cache(tmp_path / "here")
    item = put(cache, b"weights")
    for use in (away.push, away.pull):
        with pytest.raises(Unreachable):
            use([item], cache, lambda n: None)
    with pytest.raises(Unreachable):
        away.check()


def test_a_store_without_its_plugin_tells_what_to_install(tmp_path: Path) -> None:
    store, cache = open_store("azure://container/path", {}, tmp_path), Cache(tmp_path / "here")
    with pytest.raises(Unsupported) as missing:
        store.pull([put(cache, b"weights")], cache, lambda n: None)
    assert missing.value.hint == "pip install 'gitreg[azure]'"


def test_secrets_come_from_the_private_file_and_the_address_never_does(tmp_path: Path, sshd: SshServer) -> None:
    (tmp_path / "store").mkdir()
    private = tmp_path / ".dvc"
    private.mkdir()
    (private / "config").write_text("")
    wrong = f"['remote \"payloads\"']\n    url = {tmp_path}/elsewhere\n    keyfile = {tmp_path}/nokey\n"
    (private / "config.local").write_text(wrong)
    cache = Cache(tmp_path / "here")
    store = open_store(sshd.url(tmp_path / "store"), {}, private)
    with pytest.raises(GitregError, match=r"nokey|cannot reach"):
        store.push([put(cache, b"weights")], cache, lambda n: None)
    (private / "config.local").write_text(f"['remote \"payloads\"']\n    url = {tmp_path}/elsewhere\n")
    store = open_store(sshd.url(tmp_path / "store"), {}, private)
    store.push([put(cache, b"weights")], cache, lambda n: None)
    assert not (tmp_path / "elsewhere").exists() and len(objects(tmp_path / "store")) == 1
