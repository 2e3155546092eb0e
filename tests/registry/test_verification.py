"""No framework sees a byte that was not registered, and nothing damaged is spread, kept or half written."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gitreg
from gitreg.errors import Damaged, GitregError, NotFound, Refused, Unreachable
from gitreg.flavors import python_function
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import open_registry
from gitreg.registry.seen import forget_seen
from gitreg.registry.use.pull import read_file
from gitreg.stores.cache import object_path
from testing.gitcli import git
from testing.registries import Place, log

BIG = b"a row of data\n" * 100


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the framework was asked to load."""
    asked: list[str] = []
    for name in ("load", "load_with_predictor"):
        real = getattr(python_function, name)

        def record(path: Path, *more: object, _real: Callable[..., object] = real) -> object:
            asked.append(path.name)
            return _real(path, *more)

        monkeypatch.setattr(python_function, name, record)
    return asked


@pytest.fixture
def version(place: Place) -> ModelVersion:
    """A version whose model has two files that are payloads."""
    return gitreg.register(log(2, input_example=np.array([[1.0]])), "churn")


def payload(place: Place, name: str = "model.pkl") -> str:
    """The md5 of a payload of churn@1."""
    text = git(place.path, "show", f"churn@1:model/{name}.dvc")
    return text.split("md5: ", 1)[1].split("\n", 1)[0].strip('"')


def cached(place: Place) -> Path:
    return open_registry(place.path).cache.path(payload(place))


def stored(place: Place) -> Path:
    return object_path(place.payloads, payload(place))


def publish(place: Place) -> None:
    """Put payloads where others find them, also where registering alone would leave them here."""
    registry = open_registry(place.path)
    from gitreg.registry.catalog import read_run
    from gitreg.registry.publish import publish_payloads

    publish_payloads(registry, read_run(registry, gitreg.resolve("churn@1").run_id))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


def refused(
    kind: type[GitregError] | tuple[type[GitregError], ...], named: str, place: Place, loaded: list[str]
) -> None:
    """Assert that neither way to load gives the model, that the file is named and that nothing is left."""
    target = place.path.parent / "served"
    before = objects(place)
    for use in (
        lambda: gitreg.load_model("churn@1"),
        lambda: gitreg.load_pyfunc("churn@1"),
        lambda: gitreg.pull("churn@1", target),
    ):
        with pytest.raises(kind) as wrong:
            use()
        assert named in wrong.value.message
    assert loaded == []
    assert not target.exists()
    assert [path.name for path in target.parent.iterdir() if path.name.startswith(".served")] == []
    root = open_registry(place.path).cache.root
    assert list(root.glob("tmp/*")) == []
    assert not list((root / "snapshots").glob("*"))
    assert objects(place) <= before


def objects(place: Place) -> set[tuple[str, str]]:
    """The payloads in the cache: name and what they hold."""
    files = open_registry(place.path).cache.root.glob("files/md5/*/*")
    return {(path.parent.name + path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in files}


def test_a_flipped_bit_in_the_cache_is_mended_from_the_store(
    place: Place, version: ModelVersion, loaded: list[str]
) -> None:
    publish(place)
    flip(cached(place))
    assert gitreg.load_model("churn@1")(4) == 8
    assert loaded
    assert all(name == content for name, content in objects(place))


@pytest.mark.parametrize("spoil", ["flip", "cut", "empty", "remove"])
def test_a_spoilt_payload_without_a_good_copy_is_refused(
    place: Place, version: ModelVersion, loaded: list[str], spoil: str
) -> None:
    publish(place)
    for path in {cached(place), stored(place)}:
        if path.exists():
            spoil_one(path, spoil)
    refused((Damaged, NotFound), "model.pkl", place, loaded)


def spoil_one(path: Path, how: str) -> None:
    path.chmod(0o644)
    if how == "flip":
        flip(path)
    elif how == "remove":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] if how == "cut" else b"")


def test_a_flipped_bit_in_the_cache_is_refused_when_the_store_is_gone(clone: Place, loaded: list[str]) -> None:
    gitreg.register(log(2), "churn")
    flip(cached(clone))
    shutil.rmtree(clone.payloads)
    refused(Damaged, "model.pkl of churn@v0.1.0 is damaged", clone, loaded)
    assert cached(clone).exists()


@pytest.mark.parametrize("spoil", ["flip", "cut", "empty", "remove"])
def test_a_spoilt_store_is_refused_where_nothing_is_cached(
    clone: Place, tmp_path: Path, loaded: list[str], spoil: str
) -> None:
    gitreg.register(log(2), "churn")
    spoil_one(stored(clone), spoil)
    other = clone.clone(tmp_path / "other")
    gitreg.use(other.path)
    refused((Damaged, NotFound), "model.pkl", other, loaded)
    gitreg.push("churn@1", registry=clone.path)
    assert gitreg.load_model("churn@1")(3) == 6


def test_what_was_loaded_once_needs_neither_origin_nor_store(clone: Place, tmp_path: Path) -> None:
    gitreg.register(log(2), "churn")
    other = clone.clone(tmp_path / "other")
    assert gitreg.load_model("churn@1", registry=other.path)(3) == 6
    assert clone.origin
    clone.origin.rename(tmp_path / "away")
    assert gitreg.load_model("churn@1", registry=other.path)(3) == 6
    with pytest.raises(Unreachable):
        gitreg.load_model("churn", registry=other.path)
    assert gitreg.load_model("churn", registry=other.path, offline=True)(3) == 6


def test_a_snapshot_that_was_changed_is_made_again(alone: Place, loaded: list[str]) -> None:
    gitreg.register(log(2), "churn")
    gitreg.load_model("churn")
    (home,) = (path for path in (open_registry().cache.root / "snapshots").iterdir() if path.is_dir())
    flip(home / "model.pkl")
    assert gitreg.load_model("churn")(3) == 6
    home.chmod(0o755)
    (home / "MLmodel").unlink()
    assert gitreg.load_model("churn")(3) == 6
    (home / "model.pkl").chmod(0o644)
    (home / "model.pkl").write_bytes(b"")
    assert gitreg.load_model("churn")(3) == 6


def test_a_damaged_cache_is_not_published(clone: Place) -> None:
    logged = log(2)
    path = next(iter(open_registry().cache.root.glob("files/md5/*/*")))
    flip(path)
    with pytest.raises(Damaged, match="is damaged"):
        gitreg.register(logged, "churn")
    assert clone.tags("churn*") == clone.at_origin("churn*", "run/*") == []
    assert [p for p in clone.payloads.rglob("*") if p.is_file() and p.stat().st_size == path.stat().st_size] == []


def test_a_payload_that_is_nowhere_is_not_registered(clone: Place) -> None:
    logged = log(2)
    for path in open_registry().cache.root.glob("files/md5/*/*"):
        path.unlink()
    with pytest.raises(NotFound, match=r"neither in .* nor in"):
        gitreg.register(logged, "churn")
    assert clone.at_origin("churn*", "run/*") == []


def test_a_truncated_object_in_the_store_is_mended_by_registering(clone: Place) -> None:
    logged = log(2)
    path = next(iter(open_registry().cache.root.glob("files/md5/*/*")))
    there = object_path(clone.payloads, path.parent.name + path.name)
    there.parent.mkdir(parents=True)
    there.write_bytes(path.read_bytes()[:-1])
    gitreg.register(logged, "churn")
    assert there.read_bytes() == path.read_bytes()
    there.chmod(0o644)
    flip(there)
    gitreg.push("churn@1")
    assert there.read_bytes() == path.read_bytes()


def forge(place: Place, changes: dict[str, bytes | None], digest: str = "") -> None:
    """Let churn@1's tags point at a commit with other files: what an attacker with push rights could do."""
    listing = {
        line.split("\t")[1]: line.split()[2] for line in git(place.path, "ls-tree", "-r", "churn@1").splitlines()
    }
    for path, content in changes.items():
        if content is None:
            del listing[path]
        else:
            listing[path] = git(place.path, "hash-object", "-w", "--stdin", input=content)
    index = {"GIT_INDEX_FILE": str(place.path.parent / "forged-index")}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in index.items():
            patch.setenv(key, value)
        git(place.path, "read-tree", "--empty")
        lines = "".join(f"100644 {oid}\t{path}\n" for path, oid in listing.items())
        git(place.path, "update-index", "--index-info", input=lines)
        tree = git(place.path, "write-tree")
    message = git(place.path, "show", "-s", "--format=%B", "churn@1^{commit}")
    commit = git(place.path, "commit-tree", tree, input=message)
    head, text = (git(place.path, "cat-file", "tag", "churn@1") + "\n").split("\n\n", 1)
    head = "\n".join([f"object {commit}", *head.splitlines()[1:]])
    if digest:
        old = next(line for line in text.splitlines() if line.startswith("Gitreg-Digest: "))
        text = text.replace(old, f"Gitreg-Digest: {digest}")
    tag = git(place.path, "mktag", input=f"{head}\n\n{text}")
    names = ("refs/tags/churn@1", "refs/tags/churn@v0.1.0")
    for name in names:
        git(place.path, "update-ref", name, tag)
    forget_seen(open_registry(place.path), names)  # as for one who never saw the tag before


def sums(place: Place, changes: dict[str, bytes | None]) -> tuple[bytes, str]:
    """SHA256SUMS of churn@1 for other contents, and its digest."""
    lines = dict(
        reversed(line.split("  ")) for line in git(place.path, "show", "churn@1:model/SHA256SUMS").splitlines()
    )
    for name, content in changes.items():
        if content is None:
            del lines[name]
        else:
            lines[name] = hashlib.sha256(content).hexdigest()
    text = "".join(f"{sha}  {name}\n" for name, sha in sorted(lines.items())).encode()
    return text, "sha256:" + hashlib.sha256(text).hexdigest()


def pointer(content: bytes, path: str = "model.pkl", size: int | None = None) -> bytes:
    md5 = hashlib.md5(content).hexdigest()
    found = len(content) if size is None else size
    return f'outs:\n- md5: {md5}\n  size: {found}\n  hash: md5\n  path: "{path}"\n'.encode()


TAMPERED: dict[str, tuple[dict[str, bytes | None], str]] = {
    "MLmodel": ({"model/MLmodel": b"flavors: {}\n"}, "MLmodel of churn@v0.1.0 is damaged"),
    "requirements": ({"model/requirements.txt": b"evil\n"}, "requirements.txt of churn@v0.1.0 is damaged"),
    "sums": ({"model/SHA256SUMS": b"0" * 64 + b"  MLmodel\n"}, "churn@v0.1.0 is not what was registered"),
    "sums gone": ({"model/SHA256SUMS": None}, "churn@v0.1.0 has no SHA256SUMS"),
    "sums of the wrong form": ({"model/SHA256SUMS": b"\xff"}, "SHA256SUMS of churn@v0.1.0, line 1"),
    "pointer to other bytes": ({"model/model.pkl.dvc": pointer(BIG)}, "model.pkl"),
    "pointer gone": ({"model/model.pkl.dvc": None}, "model.pkl is missing from churn@v0.1.0"),
    "pointer to another name": ({"model/model.pkl.dvc": pointer(BIG, "other.pkl")}, "is a pointer to 'other.pkl'"),
    "pointer to a folder": (
        {"model/model.pkl.dvc": pointer(BIG).replace(b"\n  size", b".dir\n  size")},
        "model.pkl.dvc",
    ),
    "pointer with a command": ({"model/model.pkl.dvc": b"cmd: touch x\n" + pointer(BIG)}, "model.pkl.dvc"),
    "pointer upwards": ({"model/model.pkl.dvc": pointer(BIG, "../model.pkl")}, "model.pkl.dvc"),
    "file gone": ({"model/MLmodel": None}, "MLmodel is missing from churn@v0.1.0"),
    "file more": ({"model/sitecustomize.py": b"evil"}, "sitecustomize.py of churn@v0.1.0 is not in its SHA256SUMS"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_forged_commit_is_refused(alone: Place, loaded: list[str], what: str) -> None:
    gitreg.register(log(2), "churn")
    publish(alone)
    changes, named = TAMPERED[what]
    forge(alone, changes)
    refused(GitregError, named, alone, loaded)


def test_bytes_that_fit_the_pointer_but_not_the_sums_are_refused_and_poison_nothing(
    clone: Place, tmp_path: Path, loaded: list[str]
) -> None:
    gitreg.register(log(2), "churn")
    other = hashlib.md5(BIG).hexdigest()
    there = object_path(clone.payloads, other)
    there.parent.mkdir(parents=True)
    there.write_bytes(BIG)
    forge(clone, {"model/model.pkl.dvc": pointer(BIG)})
    refused(Damaged, "model.pkl of churn@v0.1.0 is damaged", clone, loaded)
    assert other not in {name for name, _ in objects(clone)}


def test_a_registered_model_directory_can_only_hold_good_names(alone: Place, loaded: list[str]) -> None:
    gitreg.register(log(2), "churn")
    evil = {"a\\b": b"x", "con": b"x", "#x": b"x"}
    for name, content in evil.items():
        text, digest = sums(alone, {name: content})
        forge(alone, {f"model/{name}": content, "model/SHA256SUMS": text}, digest)
        refused((Damaged, Refused), "", alone, loaded)
        git(alone.path, "update-ref", "-d", "refs/tags/churn@1")
        git(alone.path, "update-ref", "-d", "refs/tags/churn@v0.1.0")
        forget_seen(open_registry(), ["refs/tags/churn@1", "refs/tags/churn@v0.1.0"])
        gitreg.register("run:" + git(alone.path, "tag", "--list", "run/*")[4:], "churn")


def test_links_in_a_commit_are_refused(alone: Place, loaded: list[str], tmp_path: Path) -> None:
    version = gitreg.register(log(2), "churn")
    listing = git(alone.path, "ls-tree", "churn@1:model")
    link = git(alone.path, "hash-object", "-w", "--stdin", input="/etc/passwd")
    model = git(alone.path, "mktree", input=listing + f"\n120000 blob {link}\tlink\n")
    top = git(alone.path, "ls-tree", "churn@1").replace(git(alone.path, "rev-parse", "churn@1:model"), model)
    tree = git(alone.path, "mktree", input=top + "\n")
    commit = git(alone.path, "commit-tree", tree, input="x")
    text = (git(alone.path, "cat-file", "tag", "churn@1") + "\n").replace(version.commit, commit)
    git(alone.path, "update-ref", "refs/tags/churn@1", tag := git(alone.path, "mktag", input=text))
    git(alone.path, "update-ref", "refs/tags/churn@v0.1.0", tag)
    forget_seen(open_registry(), ["refs/tags/churn@1", "refs/tags/churn@v0.1.0"])
    refused(Refused, "link", alone, loaded)


def test_a_single_file_is_verified_too(alone: Place) -> None:
    gitreg.register(log(2), "churn")
    assert read_file("churn@1", "requirements.txt") == b"cloudpickle\n"
    assert hashlib.sha256(read_file("churn@1", "SHA256SUMS")).hexdigest() in gitreg.resolve("churn@1").digest
    with pytest.raises(NotFound, match=r"churn@v0.1.0 has no file nope"):
        read_file("churn@1", "nope")
    forge(alone, {"model/requirements.txt": b"evil\n"})
    with pytest.raises(Damaged, match=r"requirements.txt"):
        read_file("churn@1", "requirements.txt")


def test_two_payloads_that_collide_in_md5_are_kept_apart(clone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from gitreg.stores.cache import Payload
    from gitreg.stores.payloads import store as payloads

    registry = open_registry()
    with registry.cache.writer() as stream:
        stream.write(BIG)
    mine = stream.payload
    theirs = Payload(mine.md5, "0" * 64, mine.size)
    registry.store.push([payloads.Item(mine, "mine")], registry.cache, lambda _: None)
    with pytest.raises(Refused, match="theirs has the md5 of another payload"):
        registry.store.push([payloads.Item(theirs, "theirs")], registry.cache, lambda _: None)
    assert object_path(clone.payloads, mine.md5).read_bytes() == BIG
