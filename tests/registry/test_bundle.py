"""A bundle carries versions to a registry that nothing else reaches, and nothing that is wrong gets in with it."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, Damaged, GitregError, NotFound, Refused, Unreachable
from gitreg.format.bundle import Manifest, format_header, format_manifest, padding, parse_manifest
from gitreg.format.tombstones import Tombstone, format_tombstone
from gitreg.registry.bundles.apply import Applied, apply_bundle
from gitreg.registry.bundles.create import create_bundle
from gitreg.registry.bundles.unpack import read_manifest
from gitreg.registry.care.purge import purge
from gitreg.registry.notes import read_labels
from gitreg.registry.place import open_registry
from testing.gitcli import git, snapshot
from testing.killing import git_that_kills, make_bundle, run, take_bundle
from testing.models import log_run, put_stage, write_model
from testing.registries import Place, cloned, lone


def fill(place: Place, *runs: str, model: str = "churn") -> None:
    for run_id in runs:
        folder = place.path.parent / f"model-{place.path.name}-{run_id}"
        log_run(place.path, run_id, write_model(folder, weights=run_id.encode()), register_as=model)


def everything(path: Path) -> tuple[object, ...]:
    """What may not change where a bundle is refused."""
    registry = open_registry(path, offline=True)
    cache = sorted(str(p) for p in registry.cache.root.rglob("*") if p.is_file())
    return snapshot(path), git(path, "show-ref"), git(path, "count-objects", "-v"), cache


def weights(ref: str, path: Path, out: Path) -> str:
    return (gitreg.pull(ref, out, registry=path) / "model.pkl").read_text()


@pytest.fixture(scope="session")
def model_source(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A registry with three versions, a stage, a retirement and notes, made once."""
    place = cloned(tmp_path_factory.mktemp("bundles") / "source")
    fill(place, "a", "b", "c")
    gitreg.retire("churn@2", "old", registry=place.path)
    gitreg.note("churn@1", {"team": "risk"}, registry=place.path)
    put_stage(place.path, "production", "churn@1")
    gitreg.fetch(registry=place.path)
    return place


@pytest.fixture
def source(model_source: Place, tmp_path: Path) -> Place:
    """A copy of it, the registry that is meant."""
    place = Place(tmp_path / "source", tmp_path / "source-origin.git", tmp_path / "source-origin.git/payloads")
    assert place.origin and model_source.origin
    shutil.copytree(model_source.path, place.path)
    shutil.copytree(model_source.origin, place.origin)
    git(place.path, "remote", "set-url", "origin", place.origin)
    git(place.path, "config", "gitreg.payloads", place.payloads)
    git(place.path, "update-index", "-q", "--refresh")
    gitreg.use(place.path)
    return place


def members(file: Path) -> dict[str, bytes]:
    """The members of a bundle as any tar program reads them."""
    with tarfile.open(file) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]


def test_a_new_registry_is_made_of_a_bundle(source: Place, tmp_path: Path) -> None:
    made = create_bundle(["churn@production", "churn@v1.0.2", "run:b"], tmp_path / "x.gitreg")
    assert (made.names, made.payloads) == (("churn@v1.0.0", "churn@v1.0.2", "run:b"), 3)
    assert made.size == (tmp_path / "x.gitreg").stat().st_size
    shutil.rmtree(source.payloads)
    done = apply_bundle(tmp_path / "x.gitreg", tmp_path / "far")
    assert (done.created, done.versions, done.runs) == (True, ("churn@v1.0.0", "churn@v1.0.2"), ("a", "b", "c"))
    far = tmp_path / "far"
    assert weights("churn@production", far, tmp_path / "1") == "a"
    assert weights("churn", far, tmp_path / "2") == "c"
    assert weights("run:b", far, tmp_path / "3") == "b"
    with pytest.raises(NotFound):
        gitreg.resolve("churn@2", registry=far)
    tag = gitreg.resolve("churn@1", registry=far).tag
    assert read_labels(open_registry(far), [tag]) == {tag: {"team": "risk"}}
    assert git(far, "status", "--porcelain") == "" and (far / "gitreg.yaml").exists()
    assert git(far, "symbolic-ref", "HEAD") == "refs/heads/main"
    git(far, "fsck", "--strict")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    fill(Place(far, None, far), "new")
    assert gitreg.resolve("churn", registry=far).number == 4


def test_it_is_a_plain_tar_with_a_plain_git_bundle(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    found = members(tmp_path / "x.gitreg")
    sha256 = hashlib.sha256(b"a").hexdigest()
    assert list(found) == ["manifest.json", "objects.bundle", f"payloads/{sha256}"]
    assert found[f"payloads/{sha256}"] == b"a"
    manifest = json.loads(found["manifest.json"])
    assert manifest["refs"]["refs/tags/churn@1"] == git(source.path, "rev-parse", "churn@1")
    assert manifest["payloads"] == [{"md5": hashlib.md5(b"a").hexdigest(), "sha256": sha256, "size": 1}]
    (tmp_path / "git.bundle").write_bytes(found["objects.bundle"])
    git(tmp_path, "clone", "-q", "--bare", "git.bundle", "plain")
    assert git(tmp_path / "plain", "tag") == "churn@1\nchurn@v1.0.0\nrun/a"
    assert subprocess.run(["tar", "tf", tmp_path / "x.gitreg"], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("maker", [lone, cloned])
def test_a_registry_takes_what_is_new(
    source: Place, tmp_path: Path, maker: Callable[[Path], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    create_bundle(["churn@1"], tmp_path / "1.gitreg")
    create_bundle(["churn@2", "churn@3"], tmp_path / "2.gitreg", since=["churn@1"])
    far = tmp_path / "far"
    apply_bundle(tmp_path / "1.gitreg", far)
    place = Place(far, None, far)
    if maker is cloned:
        git(tmp_path, "clone", "-q", "--mirror", far, "origin.git")
        git(tmp_path, "clone", "-q", "origin.git", "clone")
        place = Place(tmp_path / "clone", tmp_path / "origin.git", tmp_path / "store")
        place.payloads.mkdir()
        git(place.path, "config", "gitreg.payloads", place.payloads)
        gitreg.fetch(registry=place.path)
    put_stage(source.path, "staging", "churn@3")
    create_bundle(["churn@3"], tmp_path / "3.gitreg", since=["churn@1"])
    assert apply_bundle(tmp_path / "3.gitreg", registry=place.path, dry_run=True).versions == ("churn@v1.0.2",)
    done = apply_bundle(tmp_path / "3.gitreg", registry=place.path)
    assert (done.versions, done.runs, done.main, done.payloads) == (("churn@v1.0.2",), ("c",), True, 1)
    assert weights("churn@staging", place.path, tmp_path / "out") == "c"
    done = apply_bundle(tmp_path / "2.gitreg", registry=place.path)
    assert (done.versions, done.behind, done.main) == (("churn@v1.0.1",), True, False)
    assert gitreg.resolve("churn@2", registry=place.path).retired
    if place.origin:
        assert place.at_origin() == place.tags()
        assert git(place.origin, "rev-parse", "main") == git(source.path, "rev-parse", "main")
        assert {p.parent.name + p.name for p in place.payloads.glob("files/md5/*/*")} == {
            hashlib.md5(text).hexdigest() for text in (b"b", b"c")
        }
    else:
        assert git(place.path, "status", "--porcelain") == "" and (place.path / "stages/staging/churn.yaml").exists()
    before = everything(place.path)
    for n in (1, 2, 3):
        again = apply_bundle(tmp_path / f"{n}.gitreg", registry=place.path)
        assert (again.versions, again.runs, again.main, again.payloads) == (
            (),
            (),
            False,
            int(n == 1 and bool(place.origin)),
        )
    if not place.origin:
        assert everything(place.path) == before


def test_an_increment_leaves_out_what_the_other_side_has(source: Place, tmp_path: Path) -> None:
    log_run(source.path, "d", write_model(tmp_path / "d", weights=b"a"), register_as="churn")
    whole = create_bundle(["churn@4"], tmp_path / "whole.gitreg")
    part = create_bundle(["churn@4", "churn@1"], tmp_path / "part.gitreg", since=["churn@1"])
    assert (whole.payloads, part.payloads) == (1, 0)
    sizes = [len(members(tmp_path / f"{name}.gitreg")["objects.bundle"]) for name in ("whole", "part")]
    assert sizes[1] < sizes[0]
    with pytest.raises(NotFound, match=r"builds on churn@v1\.0\.0: no registry"):
        apply_bundle(tmp_path / "part.gitreg", tmp_path / "far")
    create_bundle(["churn@3"], tmp_path / "other.gitreg")
    apply_bundle(tmp_path / "other.gitreg", tmp_path / "far")
    before = everything(tmp_path / "far")
    with pytest.raises(NotFound, match="which is not in"):
        apply_bundle(tmp_path / "part.gitreg", tmp_path / "far")
    assert everything(tmp_path / "far") == before
    create_bundle(["churn@1"], tmp_path / "first.gitreg")
    apply_bundle(tmp_path / "first.gitreg", tmp_path / "far")
    apply_bundle(tmp_path / "part.gitreg", tmp_path / "far")
    assert weights("churn@4", tmp_path / "far", tmp_path / "out") == "a"


def test_a_purge_travels_and_what_was_purged_does_not_come_back(source: Place, tmp_path: Path) -> None:
    for n in (1, 2):
        create_bundle(["churn@3", "churn@1"], tmp_path / f"{n}.gitreg")
    apply_bundle(tmp_path / "1.gitreg", tmp_path / "far")
    purge("churn@3", "why", yes=True)
    create_bundle(["churn@v1.0.2"], tmp_path / "stone.gitreg")
    apply_bundle(tmp_path / "stone.gitreg", tmp_path / "far")
    assert gitreg.resolve("churn@3", registry=tmp_path / "far").tombstone
    far = tmp_path / "far"
    git(far, "tag", "-d", "run/c")
    assert apply_bundle(tmp_path / "2.gitreg", far).versions == ()
    assert gitreg.resolve("churn@3", registry=far).tombstone
    assert git(far, "tag", "--list", "run/*") == "run/a"


def test_notes_of_both_sides_are_joined(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1"], tmp_path / "1.gitreg")
    far = tmp_path / "far"
    apply_bundle(tmp_path / "1.gitreg", far)
    gitreg.note("churn@1", {"there": "1"}, registry=far)
    gitreg.note("churn@1", {"here": "2"})
    create_bundle(["churn@1"], tmp_path / "2.gitreg")
    apply_bundle(tmp_path / "2.gitreg", far)
    tag = gitreg.resolve("churn@1", registry=far).tag
    assert read_labels(open_registry(far), [tag])[tag] == {"here": "2", "team": "risk", "there": "1"}
    before = everything(far)
    apply_bundle(tmp_path / "2.gitreg", far)
    assert everything(far) == before


def test_what_cannot_be_bundled(source: Place, tmp_path: Path) -> None:
    out = tmp_path / "x.gitreg"
    git(source.path, "tag", "-a", "-m", "by hand", "plain@v1.0.0")
    for refs, kind in (([], Refused), (["plain@v1.0.0"], Refused), (["churn@9"], NotFound), (["run:zz"], NotFound)):
        with pytest.raises(kind):
            create_bundle(refs, out)
    with pytest.raises(NotFound, match="no folder"):
        create_bundle(["churn@1"], tmp_path / "none/x")
    assert create_bundle(["churn@1"], out, dry_run=True).size == 0 and not out.exists()
    out.write_text("mine")
    with pytest.raises(Conflict):
        create_bundle(["churn@1"], out)
    assert out.read_text() == "mine"


def test_a_damaged_payload_is_not_bundled(source: Place, tmp_path: Path) -> None:
    cache = open_registry().cache
    path = cache.path(hashlib.md5(b"a").hexdigest())
    path.chmod(0o644)
    path.write_bytes(b"X")
    with pytest.raises(Damaged, match=r"model/model\.pkl of churn@v1\.0\.0 is damaged"):
        create_bundle(["churn@1"], tmp_path / "x.gitreg")
    assert not list(tmp_path.glob("*.gitreg")) and not list(tmp_path.glob(".x*"))
    path.unlink()
    assert create_bundle(["churn@1"], tmp_path / "x.gitreg").payloads == 1


def test_where_it_cannot_be_applied(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    with pytest.raises(NotFound, match="no bundle"):
        apply_bundle(tmp_path / "none")
    with pytest.raises(Refused, match="is a folder"):
        apply_bundle(tmp_path)
    with pytest.raises(Refused, match="would lie in the repository"):
        apply_bundle(tmp_path / "x.gitreg", source.path / "inside")
    with pytest.raises(Unreachable):
        apply_bundle(tmp_path / "x.gitreg", registry=open_registry(offline=True))
    other = lone(tmp_path / "other")
    before = everything(other.path)
    with pytest.raises(Refused, match="of another registry"):
        apply_bundle(tmp_path / "x.gitreg", registry=other.path)
    assert everything(other.path) == before


def rewritten(
    file: Path, change: Callable[[dict[str, bytes]], None], manifest: Callable[..., Manifest] | None = None
) -> Path:
    """A bundle like `file` whose members were changed, with right sums unless `change` makes them wrong."""
    found = members(file)
    change(found)
    if manifest:
        found["manifest.json"] = format_manifest(manifest(parse_manifest(found["manifest.json"], "it")))
    body = b"".join(format_header(n, len(c)) + c + padding(len(c)) for n, c in found.items())
    changed = file.with_name("changed.gitreg")
    changed.write_bytes(body + bytes(1024))
    return changed


def with_objects(manifest: Manifest, found: dict[str, bytes], **changes: object) -> Manifest:
    content = found["objects.bundle"]
    objects = replace(manifest.objects, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    return replace(manifest, objects=objects, **changes)  # type: ignore[arg-type]


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut in the manifest": lambda whole: whole[:700],
    "cut in a payload": lambda whole: whole[:-1030],
    "no end": lambda whole: whole[:-512],
    "more behind the end": lambda whole: whole + b"x",
    "zeros behind the end": lambda whole: whole + bytes(512),
    "a bit in a payload": lambda whole: whole[:-1536] + bytes([whole[-1536] ^ 1]) + whole[-1535:],
    "a bit in the padding": lambda whole: whole[:-1100] + b"x" + whole[-1099:],
    "a member twice": lambda whole: whole[:-1024] + whole[-2048:],
    "no tar": lambda whole: b"PK" + whole[2:],
    "gzip": lambda whole: __import__("gzip").compress(whole),
}


@pytest.mark.parametrize("what", BYTES)
def test_a_file_whose_bytes_are_wrong_changes_nothing(source: Place, tmp_path: Path, what: str) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    apply_bundle(tmp_path / "x.gitreg", tmp_path / "far")
    create_bundle(["churn@1", "churn@3"], tmp_path / "y.gitreg")
    before = everything(tmp_path / "far")
    (tmp_path / "bad.gitreg").write_bytes(BYTES[what]((tmp_path / "y.gitreg").read_bytes()))
    with pytest.raises(Damaged, match=r"bad\.gitreg"):
        apply_bundle(tmp_path / "bad.gitreg", tmp_path / "far")
    assert everything(tmp_path / "far") == before
    with pytest.raises(Damaged):
        apply_bundle(tmp_path / "bad.gitreg", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir() if "new" in path.name) == []


def evil(name: str, **facts: object) -> bytes:
    """A tar with the manifest's name on something else, as other tools make it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        info = tarfile.TarInfo(name)
        for key, value in facts.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(b"x" * info.size))
    return stream.getvalue()


OTHERS = [
    evil("../../evil", size=3),
    evil("/etc/evil", size=3),
    evil("manifest.json", type=tarfile.SYMTYPE, linkname="/etc"),
    evil("manifest.json", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    evil("manifest.json", mode=0o4755, size=3),
    evil("manifest.json", type=tarfile.DIRTYPE),
    evil("manifest.json", size=2, uname="root"),
    evil("manifest.json", size=2, mtime=0),
    format_header("manifest.json", 1 << 40),
    format_header("manifest.json", 65 << 20),
]


@pytest.mark.parametrize("tar", OTHERS, ids=range(len(OTHERS)))
def test_other_tars_are_no_bundles(tar: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.gitreg").write_bytes(tar)
    with pytest.raises(Damaged):
        apply_bundle(tmp_path / "x.gitreg", tmp_path / "far")
    assert [path.name for path in tmp_path.iterdir()] == ["x.gitreg"]


def test_a_member_that_is_a_link_or_has_another_name_is_damaged(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    whole = (tmp_path / "x.gitreg").read_bytes()
    name = f"payloads/{hashlib.sha256(b'a').hexdigest()}"
    header = format_header(name, 1)
    for wrong in (
        format_header("../" + name, 1), format_header(name, 2), format_header("payloads/../../x", 1),
        header[:156] + b"2" + b"/etc/passwd".ljust(100, b"\0") + header[257:],
    ):  # fmt: skip
        assert whole.count(header) == 1 and len(wrong) == 512
        (tmp_path / "bad").write_bytes(whole.replace(header, wrong))
        with pytest.raises(Damaged, match="does not hold payloads/"):
            apply_bundle(tmp_path / "bad", tmp_path / "far")


def drop_payload(found: dict[str, bytes]) -> None:
    del found[max(found)]


MANIFESTS: dict[str, tuple[Callable[[dict[str, object]], object], str]] = {
    "no main": (lambda m: m["refs"].pop("refs/heads/main"), "main"),  # type: ignore[attr-defined]
    "a branch of others": (lambda m: m["refs"].update({"refs/heads/other": "a" * 40}), "none of a registry's"),  # type: ignore[attr-defined]
    "a ref that climbs": (lambda m: m["refs"].update({"refs/tags/../../x": "a" * 40}), "none of a registry's"),  # type: ignore[attr-defined]
    "a stash": (lambda m: m["refs"].update({"refs/stash": "a" * 40}), "none of a registry's"),  # type: ignore[attr-defined]
    "another id": (lambda m: m["refs"].update({"refs/tags/churn@1": "a" * 40}), "are not those"),  # type: ignore[attr-defined]
    "a ref too few": (lambda m: m["refs"].pop("refs/tags/churn@1"), "are not those"),  # type: ignore[attr-defined]
    "no id": (lambda m: m["refs"].update({"refs/tags/churn@1": "main"}), "no object id"),  # type: ignore[attr-defined]
    "a bad branch": (lambda m: m.update(branch="../x"), "bad branch"),
    "a newer format": (lambda m: m.update(format=2), "has format 2"),
    "no format": (lambda m: m.pop("format"), "format"),
    "a wrong size": (lambda m: m["payloads"][0].update(size=-1), "without its sha256"),  # type: ignore[index]
    "a true size": (lambda m: m["payloads"][0].update(size=True), "without its sha256"),  # type: ignore[index]
    "a path for a sum": (lambda m: m["payloads"][0].update(sha256="../x"), "without its sha256"),  # type: ignore[index]
    "a path for an md5": (lambda m: m["payloads"][0].update(md5="../x"), "without its sha256"),  # type: ignore[index]
    "another md5": (lambda m: m["payloads"][0].update(md5="a" * 32), "md5 is another one"),  # type: ignore[index]
    "a payload twice": (lambda m: m["payloads"].append(m["payloads"][0]), "the same sha256"),  # type: ignore[attr-defined, index]
    "no payloads": (lambda m: m.update(payloads=None), "no right payloads"),
    "a name with lines": (lambda m: m.update(registry="a\nb"), "no right registry"),
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifest_that_lies_changes_nothing(source: Place, tmp_path: Path, what: str) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    apply_bundle(tmp_path / "x.gitreg", tmp_path / "far")
    create_bundle(["churn@1", "churn@3"], tmp_path / "y.gitreg")
    before = everything(tmp_path / "far")
    change, says = MANIFESTS[what]

    def edit(found: dict[str, bytes]) -> None:
        manifest = json.loads(found["manifest.json"])
        change(manifest)
        found["manifest.json"] = json.dumps(manifest).encode()

    with pytest.raises(GitregError, match=says):
        apply_bundle(rewritten(tmp_path / "y.gitreg", edit), tmp_path / "far")
    assert everything(tmp_path / "far") == before


def attack(source: Place, tmp_path: Path, do: Callable[[Path], object], refs: dict[str, str] | None = None) -> Path:
    """A bundle with right sums of a repository that somebody changed by hand; `do` is given a copy of the source."""
    create_bundle(["churn@1", "churn@3"], tmp_path / "y.gitreg")
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", "--mirror", source.path, copy)
    git(copy, "update-ref", "refs/heads/main", git(source.path, "rev-parse", "origin/main"))
    do(copy)
    manifest = read_manifest(tmp_path / "y.gitreg")
    names = {**manifest.refs, **(refs or {})}
    now = {ref: git(copy, "rev-parse", ref) for ref in names if git(copy, "for-each-ref", ref)}
    git(copy, "bundle", "create", "-q", tmp_path / "git.bundle", *now)
    content = (tmp_path / "git.bundle").read_bytes()
    found: dict[str, bytes] = {}

    def edit(these: dict[str, bytes]) -> None:
        these["objects.bundle"] = content
        found.update(these)

    return rewritten(tmp_path / "y.gitreg", edit, lambda m: with_objects(m, found, refs=now))


def retag(copy: Path, name: str, target: str, message: str, *refs: str) -> None:
    text = f"object {git(copy, 'rev-parse', target)}\ntype commit\ntag {name}\ntagger A <a@b.c> 1 +0000\n\n{message}"
    oid = git(copy, "hash-object", "-t", "tag", "-w", "--stdin", input=text)
    for ref in refs:
        git(copy, "update-ref", f"refs/tags/{ref}", oid)


def message(copy: Path, tag: str) -> str:
    return git(copy, "cat-file", "tag", tag).partition("\n\n")[2] + "\n"


def tampered_tree(copy: Path, path: str, content: bytes) -> str:
    """The commit of churn@3 with another file in it."""
    index = {"GIT_INDEX_FILE": str(copy / "index-of-test")}
    env = os.environ | index
    subprocess.run(["git", "read-tree", "churn@3^{tree}"], cwd=copy, env=env, check=True)
    blob = git(copy, "hash-object", "-w", "--stdin", input=content)
    subprocess.run(
        ["git", "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}"], cwd=copy, env=env, check=True
    )
    tree = subprocess.check_output(["git", "write-tree"], cwd=copy, env=env, text=True).strip()
    text = git(copy, "log", "-1", "--format=%B", "churn@3^{commit}")
    return git(copy, "commit-tree", tree, input=text)


def swap_file(copy: Path) -> None:
    commit = tampered_tree(copy, "model/requirements.txt", b"evil==1.0\n")
    retag(copy, "churn@v1.0.2", commit, message(copy, "churn@3"), "churn@3", "churn@v1.0.2")


def add_file(copy: Path) -> None:
    commit = tampered_tree(copy, "model/extra.py", b"evil")
    retag(copy, "churn@v1.0.2", commit, message(copy, "churn@3"), "churn@3", "churn@v1.0.2")


def point(copy: Path, ref: str, to: str) -> None:
    git(copy, "update-ref", f"refs/{ref}", git(copy, "rev-parse", to))


def new_main(copy: Path, tree: str, *parents: str) -> None:
    point(copy, "heads/main", git(copy, "commit-tree", tree, *(w for p in parents for w in ("-p", p)), "-m", "x"))


def lighten(copy: Path) -> None:
    commit = git(copy, "rev-parse", "churn@3^{}")
    for tag in ("churn@3", "churn@v1.0.2"):
        point(copy, f"tags/{tag}", commit)


def break_commit(copy: Path) -> None:
    text = git(copy, "cat-file", "commit", "main").replace("author ", "author <<")
    point(copy, "heads/main", git(copy, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", input=text))


def false_purge(copy: Path) -> None:
    stone = Tombstone("churn", "v1.0.0", 1, "", "a" * 40)
    retag(copy, "churn@v1.0.0", "main", format_tombstone(stone), "churn@1", "churn@v1.0.0")


def false_retirement(copy: Path) -> None:
    retag(copy, "churn@v1.0.2!", "churn@1^{}", "churn v1.0.2 retired\n\nx\n\nGitreg-Format: 1\n", "churn@v1.0.2!")


def move(copy: Path) -> None:
    retag(copy, "churn@v1.0.0", "churn@1^{}", message(copy, "churn@1"), "churn@1", "churn@v1.0.0")


def other_run(copy: Path) -> None:
    retag(copy, "churn@v1.0.2", "churn@1^{}", message(copy, "churn@3"), "churn@3", "churn@v1.0.2")


ATTACKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a moved tag": (move, "a tag never moves"),
    "a number of another version": (lambda copy: point(copy, "tags/churn@3", "churn@1"), "do not fit together"),
    "another name": (lambda copy: point(copy, "tags/churn@v1.0.2", "churn@1"), "another tag under this name"),
    "a version of another run": (other_run, "of another run"),
    "a run of another name": (lambda copy: point(copy, "tags/run/c", "run/a"), "holds the run a"),
    "a run that is no commit": (lambda copy: point(copy, "tags/run/c", "churn@1"), "not a run's commit"),
    "a file with other bytes": (swap_file, "is not what its sums say"),
    "a file that no sum names": (add_file, "not in its SHA256SUMS"),
    "a lightweight version": (lighten, "tagged without gitreg"),
    "main rewritten": (lambda copy: new_main(copy, "main^{tree}", "main~1"), "would be rewound"),
    "main of nobody": (lambda copy: new_main(copy, "main^{tree}"), "of another registry"),
    "main without a registry": (lambda copy: new_main(copy, git(copy, "mktree", input=""), "main"), "no gitreg.yaml"),
    "an object that git refuses": (break_commit, "git does not take it"),
    "a retirement of another commit": (false_retirement, "does not retire"),
    "a purge that is none": (false_purge, "never moves|which nothing in it names"),
}


@pytest.mark.parametrize("what", ATTACKS)
def test_a_bundle_that_somebody_changed_changes_nothing(source: Place, tmp_path: Path, what: str) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    far = tmp_path / "far"
    apply_bundle(tmp_path / "x.gitreg", far)
    do, says = ATTACKS[what]
    before = everything(far)
    more = {"refs/tags/churn@v1.0.2!": ""} if "retirement" in what else {}
    bad = attack(source, tmp_path, do, more)
    with pytest.raises((Damaged, Refused), match=says):
        apply_bundle(bad, far)
    assert everything(far) == before


def test_a_bundle_without_its_payloads_is_damaged(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    bad = rewritten(tmp_path / "x.gitreg", drop_payload, lambda m: replace(m, payloads=()))
    with pytest.raises(Damaged, match="it lacks the payload"):
        apply_bundle(bad, tmp_path / "far")
    content, sha256 = b"junk", hashlib.sha256(b"junk").hexdigest()

    def add(found: dict[str, bytes]) -> None:
        found[f"payloads/{sha256}"] = content
        for name in sorted(n for n in found if n.startswith("payloads/")):
            found[name] = found.pop(name)

    extra = type(read_manifest(tmp_path / "x.gitreg").objects)(sha256, 4, hashlib.md5(content).hexdigest())
    bad = rewritten(
        tmp_path / "x.gitreg",
        add,
        lambda m: replace(m, payloads=tuple(sorted((*m.payloads, extra), key=lambda p: p.sha256))),
    )
    with pytest.raises(Damaged, match="which nothing in it names"):
        apply_bundle(bad, tmp_path / "far")


def test_the_whole_of_a_git_bundle_that_was_cut_is_not_taken(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    held: dict[str, bytes] = {}

    def cut(found: dict[str, bytes]) -> None:
        found["objects.bundle"] = found["objects.bundle"][:-40]
        held.update(found)

    with pytest.raises(Damaged, match="git does not take it"):
        apply_bundle(rewritten(tmp_path / "x.gitreg", cut, lambda m: with_objects(m, held)), tmp_path / "far")
    assert not (tmp_path / "far").exists()


def test_a_payload_that_collides_is_refused(source: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gitreg.registry.bundles import plan

    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    apply_bundle(tmp_path / "x.gitreg", tmp_path / "far")
    create_bundle(["churn@1", "churn@3"], tmp_path / "y.gitreg")
    real = plan.hash_file
    monkeypatch.setattr(plan, "hash_file", lambda path: replace(real(path), sha256="0" * 64))
    with pytest.raises(Refused, match="made to collide"):
        apply_bundle(tmp_path / "y.gitreg", tmp_path / "far")


def test_a_damaged_payload_here_is_mended(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    apply_bundle(tmp_path / "x.gitreg", tmp_path / "far")
    path = open_registry(tmp_path / "far").cache.path(hashlib.md5(b"a").hexdigest())
    path.chmod(0o644)
    path.write_bytes(b"X")
    assert apply_bundle(tmp_path / "x.gitreg", tmp_path / "far").payloads == 1
    assert weights("churn@1", tmp_path / "far", tmp_path / "out") == "a"


def test_a_work_tree_with_changes_of_its_own_is_left_alone(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    far = tmp_path / "far"
    apply_bundle(tmp_path / "x.gitreg", far)
    put_stage(source.path, "production", "churn@3")
    create_bundle(["churn@3"], tmp_path / "y.gitreg")
    (far / "stages/production/churn.yaml").write_text("mine")
    with pytest.raises(Refused, match="changes of its own"):
        apply_bundle(tmp_path / "y.gitreg", far)
    assert (far / "stages/production/churn.yaml").read_text() == "mine"
    git(far, "checkout", "stages")
    assert apply_bundle(tmp_path / "y.gitreg", far).main
    assert weights("churn@production", far, tmp_path / "out") == "c"


def test_sizes_beyond_octal_are_read_by_other_tools(tmp_path: Path) -> None:
    info = tarfile.TarInfo.frombuf(format_header("payloads/x", 9 << 40), "utf-8", "strict")
    assert (info.size, info.name, info.mode) == (9 << 40, "payloads/x", 0o644)
    with (tmp_path / "x.tar").open("wb") as writing:
        writing.write(format_header("payloads/x", 9 << 30))
        writing.truncate(512 + (9 << 30) + 1024)
    listed = subprocess.run(["tar", "tvf", tmp_path / "x.tar"], capture_output=True, text=True, check=True).stdout
    assert str(9 << 30) in listed


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("maker", [lone, cloned])
def test_an_apply_killed_at_any_process_of_git_is_completed_by_giving_it_again(
    source: Place, maker: Callable[[Path], Place], after: bool, tmp_path: Path
) -> None:
    create_bundle(["churn@1"], tmp_path / "1.gitreg")
    create_bundle(["churn@2", "churn@3"], tmp_path / "2.gitreg", since=["churn@1"])
    apply_bundle(tmp_path / "1.gitreg", tmp_path / "far")
    for n in itertools.count(2, 7):
        place = Place(tmp_path / f"to{n}", None, tmp_path)
        shutil.copytree(tmp_path / "far", place.path)
        git(place.path, "config", "gitreg.payloads", place.path / ".git/gitreg/cache")
        if maker is cloned:
            git(tmp_path, "clone", "-q", "--mirror", tmp_path / "far", f"origin{n}")
            git(tmp_path, "clone", "-q", f"origin{n}", f"clone{n}")
            place = Place(tmp_path / f"clone{n}", tmp_path / f"origin{n}", tmp_path)
            git(place.path, "config", "gitreg.payloads", place.path.parent / f"store{n}")
        file = str(tmp_path / "2.gitreg")
        code = run(take_bundle, place.path, file, path=git_that_kills(tmp_path / "bin", n, after=after))
        assert code in {0, -9}
        for lock in (place.path / ".git").rglob("*.lock"):
            lock.unlink()
        assert run(take_bundle, place.path, file) == 0
        assert weights("churn@3", place.path, tmp_path / f"out{n}") == "c"
        assert git(place.path, "status", "--porcelain") == ""
        assert apply_bundle(file, registry=place.path).tags == 0
        if place.origin:
            assert place.at_origin() == place.tags()
        if code == 0:
            break
    assert n > 10


def test_a_new_registry_appears_complete_or_not_at_all(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1", "churn@3"], tmp_path / "x.gitreg")
    for step in itertools.count(1, 4):
        far = tmp_path / f"far{step}"
        code = run(take_bundle, far, f"{tmp_path / 'x.gitreg'} new", step=step)
        assert code in {0, -9}
        assert far.exists() == (code == 0)
        assert run(take_bundle, far, f"{tmp_path / 'x.gitreg'} new") == 0
        assert weights("churn@3", far, tmp_path / f"out{step}") == "c"
        if code == 0:
            break
    assert step > 5


def test_a_bundle_appears_complete_or_not_at_all(source: Place, tmp_path: Path) -> None:
    for n in itertools.count(1, 9):
        file = tmp_path / f"x{n}.gitreg"
        code = run(
            make_bundle, source.path, f"{file} churn@1 churn@3", path=git_that_kills(tmp_path / "bin", n, after=True)
        )
        assert code in {0, -9}
        if file.exists():
            assert apply_bundle(file, tmp_path / f"far{n}").versions == ("churn@v1.0.0", "churn@v1.0.2")
        if code == 0:
            break
    assert n > 5 and file.exists()


def test_what_was_applied_is_told(source: Place, tmp_path: Path) -> None:
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    done = apply_bundle(tmp_path / "x.gitreg", tmp_path / "far")
    assert done == Applied(
        str(tmp_path / "x.gitreg"), str(tmp_path / "far"), True, ("churn@v1.0.0",), ("a",), 3, True, False, 1, 1
    )


def test_what_is_registered_while_a_bundle_is_applied_is_not_replaced(
    source: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitreg.registry.bundles import apply as module

    assert source.origin
    fill(source, "d")
    create_bundle(["churn@4"], tmp_path / "x.gitreg")
    for name in ("churn@4", "churn@v1.0.3", "run/d"):
        git(source.origin, "tag", "-d", name)
    taker, writer = (source.clone(tmp_path / name) for name in ("taker", "writer"))
    for place in (taker, writer):
        git(place.path, "config", "gitreg.payloads", place.payloads)
    real = module._publish

    def outrun(*args: object) -> None:
        fill(writer, "e")
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_publish", outrun)
    with pytest.raises(Conflict, match=r"the origin has another churn@"):
        apply_bundle(tmp_path / "x.gitreg", registry=taker.path)
    assert gitreg.resolve("churn@4", registry=writer.path).run_id == "e"
    assert git(source.origin, "rev-parse", "churn@4") == git(writer.path, "rev-parse", "churn@4")
    assert "churn@4" not in git(taker.path, "tag").split()


def test_a_bundle_goes_onto_a_disk_without_hard_links(
    source: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    create_bundle(["churn@1"], tmp_path / "x.gitreg")
    with pytest.raises(Conflict, match="is there already"):
        create_bundle(["churn@1"], tmp_path / "x.gitreg")
    monkeypatch.undo()
    assert apply_bundle(tmp_path / "x.gitreg", tmp_path / "far").versions == ("churn@v1.0.0",)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
