"""Snapshots: shared, read-only, verified once, and never trusted when anything about a file has changed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Damaged, NotFound
from gitreg.registry.place import open_registry
from gitreg.registry.use import bring, snapshot, verified
from gitreg.stores.cache import sha256_file
from testing.commandline import program
from testing.registries import Place, log

POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()


def answer(ref: str = "churn@1") -> object:
    model = gitreg.load_model(ref)
    assert callable(model)
    return model(4)


def cache() -> Path:
    return open_registry().cache.root


def homes() -> list[Path]:
    return sorted(path for path in (cache() / "snapshots").iterdir() if path.is_dir())


def home() -> Path:
    (found,) = homes()
    return found


def cached(place: Place) -> Path:
    """The only payload in the cache."""
    (found,) = cache().glob("files/md5/*/*")
    return found


def files(folder: Path) -> dict[str, bytes]:
    """What the files of a folder hold, but for what Python compiles."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def modes(folder: Path) -> set[int]:
    """The rights of the files of a folder."""
    return {(folder / path).stat().st_mode & 0o777 for path in files(folder)}


def inode(path: Path) -> int:
    return path.stat().st_ino


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were hashed or copied for a load."""
    names: list[str] = []

    def noting(real: Callable[..., object]) -> Callable[..., object]:
        def call(path: Path, *args: object, **options: object) -> object:
            names.append(path.name)
            return real(path, *args, **options)

        return call

    monkeypatch.setattr(verified, "sha256_file", noting(verified.sha256_file))
    monkeypatch.setattr(bring, "sha256_file", noting(bring.sha256_file))
    monkeypatch.setattr(bring, "copy_verified", noting(bring.copy_verified))
    monkeypatch.setattr(bring, "hash_file", noting(bring.hash_file))
    return names


def test_a_snapshot_is_read_only_and_shares_the_caches_bytes(clone: Place) -> None:
    gitreg.register(log(2), "churn")
    assert answer() == 8
    assert modes(home()) == {0o444}
    assert {path.stat().st_mode & 0o777 for path in (home(), home() / "code")} == {0o555}
    assert inode(home() / "model.pkl") == inode(cached(clone))
    assert hashlib.sha256((home() / "SHA256SUMS").read_bytes()).hexdigest() == home().name


def test_a_folder_that_is_the_store_is_copied_and_never_linked(clone: Place, tmp_path: Path) -> None:
    gitreg.register(log(2), "churn")
    (stored,) = (path for path in clone.payloads.rglob("*") if path.is_file())
    other = clone.clone(tmp_path / "other")
    gitreg.use(other.path)
    assert answer() == 8
    assert inode(home() / "model.pkl") != inode(stored)
    assert stored.stat().st_nlink == 1


def test_the_only_copy_of_a_payload_is_never_linked(tmp_path: Path) -> None:
    gitreg.init(tmp_path / "lone")
    gitreg.use(tmp_path / "lone")
    gitreg.register(log(2), "churn")
    assert answer() == 8
    (kept,) = cache().glob("files/md5/*/*")
    assert kept.stat().st_nlink == 1
    write(home() / "model.pkl", b"x" * (home() / "model.pkl").stat().st_size)
    assert answer() == 8


def test_what_is_not_published_is_never_linked(clone: Place) -> None:
    logged = log(2)
    assert answer(f"run:{logged.run_id}") == 8
    assert cached(clone).stat().st_nlink == 1


def test_where_links_cannot_be_made_bytes_are_copied(clone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    gitreg.register(log(2), "churn")
    monkeypatch.setattr(os, "link", refuse)
    assert answer() == 8
    assert inode(home() / "model.pkl") != inode(cached(clone))
    assert (home() / "model.pkl").stat().st_mode & 0o777 == 0o444


def test_the_second_load_reads_nothing_but_the_model(clone: Place, read: list[str]) -> None:
    gitreg.register(log(2), "churn")
    assert answer() == 8
    assert "model.pkl" in read
    read.clear()
    shutil.rmtree(clone.payloads)
    shutil.rmtree(cache() / "files")
    assert answer() == 8
    # Taking away the cache's name of a file is a change of it: once more it is hashed, and then never again.
    read.clear()
    assert answer() == 8
    assert read == []


def write(path: Path, content: bytes) -> None:
    """Write into a file, as only its owner or root can, and hide that as well as a program can."""
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flipped(path: Path) -> bytes:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    return bytes(content)


def replace(path: Path) -> None:
    other = path.with_name("other")
    shutil.copy2(path, other)
    write(other, flipped(path))
    other.replace(path)


def link(path: Path) -> None:
    aside = path.parent.parent.parent / "aside"
    shutil.copy2(path, aside)
    path.unlink()
    path.symlink_to(aside)


def more(path: Path) -> None:
    (path.parent / "sitecustomize.py").write_text("evil")


def folder_of_links(path: Path) -> None:
    aside = path.parent.parent.parent / "aside"
    shutil.copytree(path.parent, aside)
    path.parent.rename(path.parent.with_name("gone"))
    path.parent.symlink_to(aside)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a flipped bit": lambda path: write(path, flipped(path)),
    "another length": lambda path: write(path, path.read_bytes() + b"x"),
    "emptied": lambda path: write(path, b""),
    "removed": Path.unlink,
    "another file of that name": replace,
    "a link to the same bytes": link,
    "one file more": more,
    "a folder in its place": lambda path: (path.unlink(), path.mkdir()),
    "a link to another folder": folder_of_links,
    "other rights": lambda path: path.chmod(0o666),
}


@pytest.mark.parametrize("name", ["model.pkl", "MLmodel", "SHA256SUMS"])
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_changed_is_noticed_and_mended(clone: Place, change: str, name: str) -> None:
    gitreg.register(log(2), "churn")
    assert answer() == 8
    before = files(home())
    home().chmod(0o755)
    CHANGES[change](home() / name)
    assert answer() == 8
    (found,) = (path for path in homes() if len(path.name) == 64 and not path.is_symlink())
    assert files(found) == before
    assert modes(found) == {0o444}
    assert {sha256_file(path) for path in cache().glob("files/md5/*/*")} <= {sha256_file(found / "model.pkl")}


def test_a_write_is_noticed_however_soon_it_follows(clone: Place) -> None:
    gitreg.register(log(2), "churn")
    for _ in range(40):
        assert answer() == 8
        write(home() / "model.pkl", flipped(home() / "model.pkl"))
    assert answer() == 8


def test_what_could_hide_a_write_is_not_recorded(clone: Place, read: list[str]) -> None:
    gitreg.register(log(2), "churn")
    later = cached(clone).stat().st_mtime_ns + 3600 * 10**9
    os.utime(cached(clone), ns=(later, later))
    for _ in range(2):
        read.clear()
        assert answer() == 8
        assert "model.pkl" in read
        assert not verified.record_of(home()).exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"model.pkl": [1, 2, 3, 4]}'])
def test_a_record_that_says_something_else_is_not_believed(clone: Place, read: list[str], text: str) -> None:
    gitreg.register(log(2), "churn")
    assert answer() == 8
    good = verified.record_of(home()).read_text()
    verified.record_of(home()).write_text(text)
    read.clear()
    assert answer() == 8
    assert "model.pkl" in read
    assert json.loads(verified.record_of(home()).read_text()) == json.loads(good)


def test_a_write_into_one_snapshot_reaches_no_other_version(clone: Place, tmp_path: Path) -> None:
    gitreg.register(log(2), "churn")
    gitreg.register(log(2), "fraud")  # another model directory with the same payload
    assert answer("churn@1") == answer("fraud@1") == 8
    first, second = homes()
    assert inode(first / "model.pkl") == inode(second / "model.pkl")
    whole = (first / "model.pkl").read_bytes()
    write(first / "model.pkl", flipped(first / "model.pkl"))
    assert (gitreg.pull("fraud@1", tmp_path / "fraud") / "model.pkl").read_bytes() == whole
    assert answer("fraud@1") == answer("churn@1") == 8
    gitreg.push("churn@1")


def test_a_write_that_cannot_be_mended_is_told(clone: Place, tmp_path: Path) -> None:
    gitreg.register(log(2), "churn")
    assert answer() == 8
    write(home() / "model.pkl", flipped(home() / "model.pkl"))
    shutil.rmtree(clone.payloads)
    for use in (answer, lambda: gitreg.pull("churn@1", tmp_path / "served")):
        with pytest.raises(Damaged, match=r"model.pkl of churn@v0.1.0 is damaged"):
            use()
    assert not (tmp_path / "served").exists()


def test_writing_into_what_was_pulled_changes_nothing_else(place: Place, tmp_path: Path) -> None:
    gitreg.register(log(2), "churn")
    assert answer() == 8
    before, stored = files(cache()), files(place.payloads)
    one, two = (gitreg.pull("churn@1", tmp_path / name) for name in ("one", "two"))
    whole = files(two)
    for path in filter(Path.is_file, one.rglob("*")):
        assert path.stat().st_mode & 0o200
        assert path.stat().st_nlink == 1
        path.write_bytes(b"mine")
    (one / "more").write_text("mine")
    assert (files(cache()), files(place.payloads), files(two)) == (before, stored, whole)
    assert answer() == 8


def test_what_python_compiled_is_no_part_of_a_model(clone: Place, tmp_path: Path) -> None:
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices/__init__.py").write_text("def price(x):\n    return x * 2\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        from prices import price  # type: ignore[import-not-found]

        gitreg.log_model(price, register_as="churn", code_paths=[tmp_path / "prices"], pip_requirements=["cloudpickle"])
    assert answer() == 8
    planted = home() / "code/prices/__pycache__"
    planted.parent.chmod(0o755)
    planted.mkdir(exist_ok=True)
    (planted / "__init__.cpython-311.pyc").write_bytes(b"evil")
    planted.parent.chmod(0o555)
    planted.chmod(0o555)
    record = verified.record_of(home()).read_bytes()
    assert answer() == 8
    assert b"evil" not in b"".join(path.read_bytes() for path in home().rglob("*.pyc"))
    assert verified.record_of(home()).read_bytes() == record


def test_a_program_that_has_a_snapshot_open_reads_on_when_it_is_removed(clone: Place) -> None:
    gitreg.register(log(2), "churn")
    assert answer() == 8
    whole = cached(clone).read_bytes()
    with (home() / "model.pkl").open("rb") as reading:
        assert reading.read(5) == whole[:5]
        snapshot.remove_snapshot(home())
        assert list((cache() / "snapshots").iterdir()) == []
        assert answer() == 8
        assert reading.read() == whole[5:]


def test_a_snapshot_that_goes_while_a_framework_reads_it_is_made_again(
    clone: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitreg.registry.use import load

    gitreg.register(log(2), "churn")
    real, left = load.load_native, [2]

    def late(folder: Path, *args: object, **options: object) -> object:
        if left[0]:
            left[0] -= 1
            snapshot.remove_snapshot(folder)
        return real(folder, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(load, "load_native", late)
    assert answer() == 8
    left[0] = 99
    with pytest.raises(NotFound, match=r"goes while churn@v0.1.0 is loaded"):
        answer()
    left[0] = 0
    assert answer() == 8


def test_a_cache_that_cannot_be_written_is_told_with_what_to_do(clone: Place, tmp_path: Path) -> None:
    gitreg.register(log(2), "churn")
    (tmp_path / "data.csv").write_text("a\n1\n")
    answer()
    with locked(cache()):
        loaded = program("predict", "churn@1", "-i", "../data.csv", cwd=clone.path, before=POWERLESS)
        assert "cannot write" not in loaded.err
    snapshot.remove_snapshot(home())
    with locked(cache()):
        said = program("predict", "churn@1", "-i", "../data.csv", cwd=clone.path, before=POWERLESS)
        assert said.code == 128
        assert said.err.startswith(f"error: cannot write to {cache()}: permission denied\nhint: ")
        assert f"chmod -R u+w {cache()}" in said.err
        assert program("pull", "churn@1", "../served", cwd=clone.path, before=POWERLESS).code == 0
    assert answer() == 8


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """All folders below one may only be read."""
    before = [(path, path.stat().st_mode) for path in [folder, *folder.rglob("*")] if path.is_dir()]
    for path, _ in before:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in before:
            path.chmod(mode)
