"""What every payload store on another machine keeps to. A test module inherits, and says where the store is.

class TestS3(StoreContract, FaultContract): ...

@pytest.fixture
def at(...) -> At: ...
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitreg.errors import Damaged, GitregError, NotFound, Refused, Unreachable
from gitreg.stores.cache import Cache
from gitreg.stores.payloads import Item, PayloadStore, answers, open_store
from testing.faults import Fault, Proxy, Request, always, faulty, times

# 128 bytes that keep their md5 when six bits of them are flipped (X. Wang et al., 2004).
_ONE = bytes.fromhex(
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a"
    "085125e8f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70"
)
COLLIDING = (_ONE, bytes(byte ^ 0x80 * (at in {19, 45, 59, 83, 109, 123}) for at, byte in enumerate(_ONE)))


@dataclass(frozen=True)
class At:
    """An empty store. `settings` are DVC's, with what lets this test in; `wrong` lets nobody in, and is empty where
    nobody is asked. `absent` is an address in a bucket that is not there, or empty. `port` is the server's, where it
    speaks HTTP; `through(port)` is the same store for a client that comes by another port.
    """

    url: str
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    wrong: Mapping[str, str] = field(default_factory=dict, repr=False)
    absent: str = ""
    port: int = 0
    through: Callable[[int], At] | None = None


class Raw:
    """The store's objects past gitreg, by DVC's plug-in alone."""

    def __init__(self, at: At, folder: Path) -> None:
        from dvc.fs import get_cloud_fs

        settings: dict[str, object] = {**at.settings, "url": at.url}
        cls, options, self._root = get_cloud_fs({}, **settings)
        self._fs = cls(**options)
        if at.url.startswith("ssh:"):
            self._fs.fs_args.setdefault("known_hosts", ())
        self._folder = folder

    def _path(self, md5: str) -> str:
        return "/".join(part for part in (self._root.rstrip("/"), "files/md5", md5[:2], md5[2:]) if part)

    def put(self, md5: str, content: bytes) -> None:
        """Put bytes under a name, whatever was there."""
        path, local = self._path(md5), self._folder / f"raw-{md5}"
        local.write_bytes(content)
        self._fs.makedirs(self._fs.parent(path), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._fs.remove(path)
        self._fs.put_file(str(local), path)
        local.unlink()

    def get(self, md5: str) -> bytes:
        """The bytes under a name."""
        local = self._folder / f"raw-{md5}"
        self._fs.get_file(self._path(md5), str(local))
        content = local.read_bytes()
        local.unlink()
        return content

    def names(self) -> set[str]:
        """The file names of all objects, and of whatever else lies among them."""
        top = "/".join(part for part in (self._root.rstrip("/"), "files/md5") if part)
        self._fs.fs.invalidate_cache()
        try:
            found = {path.rsplit("/", 1)[-1] for path in self._fs.find(top)}
            return found - {"md5"}  # rclone's word for an empty folder is an object of its name
        except FileNotFoundError:
            return set()


def opened(at: At, tmp_path: Path) -> PayloadStore:
    """The store, opened as a registry opens it."""
    return open_store(at.url, dict(at.settings), tmp_path / ".dvc")


def noise(size: int) -> bytes:
    """Random bytes that end in no end of a line, which the emulator of GCS would take for one of its own."""
    return os.urandom(size - 1) + b"."


def put(cache: Cache, content: bytes, name: str = "model.pkl") -> Item:
    """A payload of the cache."""
    with cache.writer() as stream:
        stream.write(content)
    return Item(stream.payload, name)


def held(cache: Cache) -> dict[str, bytes]:
    """All files below the root of a cache, finished or not."""
    return {str(path.relative_to(cache.root)): path.read_bytes() for path in cache.root.rglob("*") if path.is_file()}


def rest(item: Item) -> str:
    """The file name of an object."""
    return item.payload.md5[2:]


def unheard(_: int) -> None:
    """Nobody listens."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further tries come without waiting."""
    monkeypatch.setattr(answers, "_WAITS", (0.001,) * 4)


@pytest.fixture
def here(tmp_path: Path) -> Cache:
    """The cache of a machine that trains."""
    return Cache(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Cache:
    """The cache of a machine that serves."""
    return Cache(tmp_path / "there")


class StoreContract:
    """Payloads get there and back, and nothing else does."""

    def test_payloads_go_there_and_come_back(self, at: At, here: Cache, there: Cache, tmp_path: Path) -> None:
        store, moved = opened(at, tmp_path), [0]
        items = [put(here, b"weights"), put(here, b"", "empty.bin"), put(here, noise(9 << 20), "big.bin")]
        size = sum(item.payload.size for item in items)
        store.check()
        store.push(items, here, moved.append)
        assert sum(moved) == size
        assert Raw(at, tmp_path).names() == {rest(item) for item in items}
        store.push(items, there, unheard)  # all there: nothing is needed here
        store.pull(items, there, moved.append)
        assert sum(moved) == 2 * size
        assert held(there) == held(here)
        assert store.verify(items, unheard) == []
        assert {stored.name: stored.size for stored in store.listing()} == {
            i.payload.md5: i.payload.size for i in items
        }
        store.remove(items[0].payload.md5)
        assert store.verify(items, unheard) == [(items[0], "missing")]

    def test_what_is_nowhere_is_not_found_by_name(self, at: At, here: Cache, there: Cache, tmp_path: Path) -> None:
        store, item = opened(at, tmp_path), put(here, b"weights", "a/model.pkl")
        with pytest.raises(NotFound, match=r"a/model.pkl is neither in"):
            store.push([item], there, unheard)
        with pytest.raises(NotFound, match=r"a/model.pkl is not in"):
            store.pull([item], there, unheard)
        assert Raw(at, tmp_path).names() == set() and held(there) == {}

    @pytest.mark.parametrize("wrong", [b"", b"weig", b"Weights", b"weights and more"])
    def test_a_wrong_object_does_not_come_in_and_is_mended_by_a_push(
        self, at: At, here: Cache, there: Cache, tmp_path: Path, wrong: bytes
    ) -> None:
        store, item, raw = opened(at, tmp_path), put(here, b"weights"), Raw(at, tmp_path)
        raw.put(item.payload.md5, wrong)
        if not wrong.startswith(b"weights"):
            with pytest.raises(Damaged, match=r"model.pkl is damaged in"):
                store.pull([item], there, unheard)
            assert held(there) == {}
        assert len(store.verify([item], unheard)) == 1
        store.push([item], here, unheard)
        assert raw.get(item.payload.md5) == b"weights"
        store.pull([item], there, unheard)
        assert held(there) == held(here)

    def test_a_damaged_cache_is_not_pushed(self, at: At, here: Cache, tmp_path: Path) -> None:
        item = put(here, b"weights")
        here.path(item.payload.md5).chmod(0o644)
        here.path(item.payload.md5).write_bytes(b"Weights")
        with pytest.raises(Damaged, match=r"model.pkl is damaged in the cache"):
            opened(at, tmp_path).push([item], here, unheard)
        assert Raw(at, tmp_path).names() == set()

    @pytest.mark.parametrize("pushed_by", ["gitreg", "another program"])
    def test_two_payloads_that_collide_in_md5_are_kept_apart(
        self, at: At, here: Cache, there: Cache, tmp_path: Path, pushed_by: str
    ) -> None:
        store, raw = opened(at, tmp_path), Raw(at, tmp_path)
        one, two = put(here, COLLIDING[0], "one"), put(there, COLLIDING[1], "two")
        assert one.payload.md5 == two.payload.md5 and one.payload != two.payload
        if pushed_by == "gitreg":
            store.push([one], here, unheard)
        else:
            raw.put(one.payload.md5, COLLIDING[0])
        with pytest.raises(Refused, match=f"two has the md5 of another payload, {one.payload.md5}"):
            store.push([two], there, unheard)
        with pytest.raises(Damaged, match="two is damaged in"):
            store.pull([two], there, unheard)
        assert raw.get(one.payload.md5) == COLLIDING[0]

    def test_two_programs_that_pull_the_same_each_get_all_of_it(
        self, at: At, here: Cache, there: Cache, tmp_path: Path
    ) -> None:
        store, item = opened(at, tmp_path), put(here, noise(9 << 20))
        store.push([item], here, unheard)
        program = (
            "import sys; from pathlib import Path; from gitreg.stores.cache import Cache, Payload;"
            "from gitreg.stores.payloads import Item, open_store;"
            "url, private, settings, root, payload = sys.argv[1:];"
            "open_store(url, eval(settings), Path(private)).pull("
            "[Item(Payload(*eval(payload)), 'model.pkl')], Cache(Path(root)), lambda n: None)"
        )
        p = item.payload
        argv = [sys.executable, "-c", program, at.url, str(tmp_path / ".dvc"), repr(dict(at.settings)),
                str(there.root), repr((p.md5, p.sha256, p.size))]  # fmt: skip
        both = [subprocess.Popen(argv) for _ in range(2)]
        assert [each.wait() for each in both] == [0, 0]
        assert held(there) == held(here)

    def test_a_download_that_was_cut_goes_on_where_it_was(
        self, at: At, here: Cache, there: Cache, tmp_path: Path
    ) -> None:
        content = noise(9 << 20)
        store, item = opened(at, tmp_path), put(here, content)
        store.push([item], here, unheard)
        (there.root / "tmp").mkdir(parents=True)
        left = there.root / "tmp" / f"{item.payload.md5}.{'0' * 32}.part"
        for begun in (content[: 5 << 20], noise(5 << 20), noise(10 << 20)):  # the last two are not of it
            left.write_bytes(begun)
            there.path(item.payload.md5).unlink(missing_ok=True)
            store.pull([item], there, unheard)
            assert held(there) == held(here)

    def test_ctrl_c_ends_all_and_leaves_nothing(self, at: At, here: Cache, tmp_path: Path) -> None:
        store, raw = opened(at, tmp_path), Raw(at, tmp_path)
        items = [put(here, noise(5 << 20), f"{n}.bin") for n in range(8)]
        began = threading.Event()

        def interrupt() -> None:
            began.wait()
            os.kill(os.getpid(), signal.SIGINT)

        # Whoever ran the tests in the background ignores it.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                store.push(items, here, lambda _: began.set())
                thread.join()  # all were there before the signal came
                signal.sigtimedwait([signal.SIGINT], 1)
        finally:
            began.set()
            thread.join()
            signal.signal(signal.SIGINT, before)
        assert raw.names() <= {rest(item) for item in items}
        store.push(items, here, unheard)
        assert raw.names() == {rest(item) for item in items}

    def test_who_may_not_come_in_is_told_so(self, at: At, here: Cache, there: Cache, tmp_path: Path) -> None:
        item, nobody = put(here, b"weights"), opened(At(at.url, at.wrong), tmp_path)
        if not at.wrong:
            return  # a server that asks nobody
        for use in (nobody.push, nobody.pull):
            with pytest.raises(Unreachable, match="refused who you are") as caught:
                use([item], here if use == nobody.push else there, unheard)
            assert caught.value.hint.startswith("used were ")
            for value in at.wrong.values():
                told = f"{caught.value.message} {caught.value.hint}"
                assert "://" in value or len(value) < 6 or Path(value).exists() or value not in told
        with pytest.raises(Unreachable, match="refused who you are"):
            nobody.check()
        assert held(there) == {}

    def test_a_bucket_that_is_not_there_is_not_found(self, at: At, here: Cache, there: Cache, tmp_path: Path) -> None:
        if not at.absent:
            return  # a server that makes what is needed
        item, nowhere = put(here, b"weights"), opened(At(at.absent, at.settings), tmp_path)
        for use in (nowhere.push, nowhere.pull):
            with pytest.raises(NotFound, match=r"there is no (bucket|container|folder) \S+ for "):
                use([item], here if use == nowhere.push else there, unheard)
        with pytest.raises(NotFound, match=r"there is no (bucket|container|folder) "):
            nowhere.check()


FAULTS = {
    "403": (Fault(status=403), Unreachable, "refused who you are"),
    "404": (Fault(status=404), NotFound, "there is no |is not in"),
    "429": (Fault(status=429), Unreachable, "cannot "),
    "500": (Fault(status=500), Unreachable, "cannot "),
    "503": (Fault(status=503), Unreachable, "cannot "),
    "request cut": (Fault(cut_request=True), Unreachable, "cannot "),
    "reply cut": (Fault(cut_reply=True), Unreachable, "cannot "),
    "silent": (Fault(silent=True), Unreachable, "took longer than 0.5 s"),
}


class FaultContract:
    """Stores that speak HTTP: whatever goes wrong has a name, leaves nothing half done, and is done by a second try."""

    @pytest.fixture
    def proxy(self, at: At) -> Iterator[Proxy]:
        """Between this test and the server."""
        with faulty(at.port) as running:
            yield running

    @pytest.fixture
    def store(self, at: At, proxy: Proxy, tmp_path: Path) -> PayloadStore:
        """The store, through the proxy."""
        assert at.through is not None
        return opened(at.through(proxy.port), tmp_path)

    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("verb", ["push", "pull"])
    def test_a_fault_that_stays_is_told_and_one_that_went_is_over(
        self, at: At, store: PayloadStore, proxy: Proxy, here: Cache, there: Cache, tmp_path: Path, verb: str,
        fault: str, monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        broken, kind, told = FAULTS[fault]
        item = put(here, noise(100_000))
        raw = Raw(at, tmp_path)
        if verb == "pull":
            opened(at, tmp_path).push([item], here, unheard)
        cache = here if verb == "push" else there
        use = {"push": store.push, "pull": store.pull}[verb]
        proxy.rule = always(broken)
        if broken.silent:
            monkeypatch.setenv("GITREG_TIMEOUT", "0.5")
        try:
            with pytest.raises(kind, match=told) as caught:
                use([item], cache, unheard)
            assert isinstance(caught.value, GitregError) and caught.value.hint
        finally:
            proxy.forget()
        assert raw.names() <= {rest(item)}
        assert [name for name in held(there) if not name.endswith(".part")] == []
        monkeypatch.setenv("GITREG_TIMEOUT", "60")
        again = opened(at.through(proxy.port) if at.through else at, tmp_path)
        {"push": again.push, "pull": again.pull}[verb]([item], cache, unheard)
        assert raw.get(item.payload.md5) == here.path(item.payload.md5).read_bytes()
        if verb == "pull":
            assert held(there) == held(here)

    @pytest.mark.parametrize("fault", ["429", "500", "503", "request cut", "reply cut"])
    def test_a_fault_that_passes_is_never_heard_of(
        self, store: PayloadStore, proxy: Proxy, here: Cache, there: Cache, fault: str
    ) -> None:
        item = put(here, noise(100_000))
        proxy.rule = times(2, FAULTS[fault][0])
        store.push([item], here, unheard)
        proxy.rule = times(2, FAULTS[fault][0])
        store.pull([item], there, unheard)
        assert held(there) == held(here)

    def test_what_was_brought_before_the_cut_is_not_brought_again(
        self, store: PayloadStore, proxy: Proxy, here: Cache, there: Cache
    ) -> None:
        size = 24 << 20
        item = put(here, noise(size))
        store.push([item], here, unheard)
        proxy.forget()
        proxy.rule = lambda request: Fault(status=403) if _start(request) >= size // 2 else None
        with pytest.raises(Unreachable):
            store.pull([item], there, unheard)
        [left] = held(there).values()
        assert len(left) == size // 2
        proxy.forget()
        store.pull([item], there, unheard)
        assert held(there) == held(here)
        assert proxy.sent < size // 2 + (1 << 16)


def _start(request: Request) -> int:
    return int(request.range.removeprefix("bytes=").partition("-")[0] or 0)
