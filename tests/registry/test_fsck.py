"""Real registries, damaged in every way that there is a name for: fsck names that and nothing else, and mends it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import NotFound, Refused, Unreachable
from gitreg.registry.care.fsck import Checked, fsck
from gitreg.registry.care.purge import purge
from gitreg.registry.place import open_registry
from testing.gitcli import git, snapshot
from testing.models import log_run, put_stage, write_model
from testing.registries import Place, cloned, lone
from testing.sshd import SshServer

MAKERS = {"lone": lone, "cloned": cloned}


def fill(place: Place, *runs: str, model: str = "churn") -> None:
    """A version of `model` for each run, each with weights of its own."""
    for run_id in runs:
        folder = place.path.parent / f"{model}-{run_id}"
        log_run(place.path, run_id, write_model(folder, weights=run_id.encode()), register_as=model,
                params={"C": 1}, metrics={"auc": 0.5, "odd": float("nan")})  # fmt: skip


@pytest.fixture(scope="session", params=MAKERS)
def made(request: pytest.FixtureRequest, sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Three versions, a stage, a run that nobody registered, notes; of either kind, made once."""
    place: Place = MAKERS[request.param](tmp_path_factory.mktemp(request.param) / "registry")
    fill(place, "a", "b", "c")
    log_run(place.path, "alone", metrics={"loss": 1.0})
    put_stage(place.path, "production", "churn@2")
    gitreg.note("churn@1", {"team": "risk"}, registry=place.path)
    return place


@pytest.fixture
def filled(made: Place, tmp_path: Path) -> Place:
    """The same in folders of this test's own, the registry that is meant."""
    for path in made.path.parent.iterdir():
        if path.name.startswith("registry"):
            shutil.copytree(path, tmp_path / path.name)
    origin = made.origin and tmp_path / made.origin.name
    place = Place(tmp_path / "registry", origin, tmp_path / made.payloads.relative_to(made.path.parent))
    if origin:
        git(place.path, "remote", "set-url", "origin", origin)
    git(place.path, "config", "gitreg.payloads", place.payloads)
    git(place.path, "update-index", "-q", "--refresh")
    gitreg.use(place.path)
    return place


def told(found: Checked, *, remarks: bool = False) -> list[tuple[str, str]]:
    """(rule, thing) of each fault."""
    return [(fault.rule, fault.thing) for fault in found.faults if remarks or not fault.remark]


def move(place: Place, ref: str, target: str) -> None:
    """Let a ref stand for another object, as nobody may."""
    git(place.path, "update-ref", ref, git(place.path, "rev-parse", target))


def retag(place: Place, tag: str, name: str, change: Callable[[str], str]) -> str:
    """A tag object like `tag`, whose text is changed, under the ref of `name`."""
    text = change(git(place.path, "cat-file", "tag", tag) + "\n")
    made = git(place.path, "hash-object", "-t", "tag", "-w", "--stdin", "--literally", input=text)
    git(place.path, "update-ref", f"refs/tags/{name}", made)
    return made


def loose(place: Place, oid: str) -> Path:
    """The file of an object."""
    return place.path / ".git/objects" / oid[:2] / oid[2:]


def flip(path: Path) -> None:
    """Another bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.chmod(0o644)
    path.write_bytes(content)


def payload(place: Place, ref: str = "churn@1") -> Path:
    """The payload of a version in the cache here."""
    md5 = git(place.path, "show", f"refs/tags/{ref}:model/model.pkl.dvc").split("md5: ")[1].split("\n")[0].strip('"')
    return open_registry(place.path).cache.path(md5)


def test_a_sound_registry_is_clean_and_untouched(filled: Place) -> None:
    before = snapshot(filled.path)
    found = fsck(remote=True)
    assert [fault for fault in found.faults if not fault.remark] == []
    assert (found.ok, found.models, found.versions, found.runs, found.payloads) == (True, 1, 3, 4, 3)
    assert told(found, remarks=True) == ([("origin", "run/alone")] if filled.origin else [])
    assert snapshot(filled.path) == before
    assert fsck("churn").runs == 3
    with pytest.raises(NotFound, match="no model fraud"):
        fsck("fraud")


def test_everything_gitreg_does_leaves_a_sound_registry(filled: Place, tmp_path: Path) -> None:
    gitreg.retire("churn@1", "leaked")
    fill(filled, "d", model="fraud")
    with gitreg.start_run("odd names"):
        for step in range(2):
            gitreg.log_metrics({"aux": 1.0, "CON/x y": 2.0, ".hidden": float("inf")}, step=step)
        gitreg.log_text("a word", "notes/ünï.txt")
    gitreg.register("run:a", "fraud")
    purge("churn@v1.0.2", "names of people", yes=True)
    fill(filled, "e")
    git(filled.path, "tag", "-a", "-m", "GTO's own", "price@v1.0.0")
    git(filled.path, "tag", "price@v1.1.0")
    git(filled.path, "tag", "-a", "-m", "GTO's own", "price#prod#1")
    if filled.origin:
        git(filled.path, "push", "-q", "origin", *git(filled.path, "tag", "--list", "price*").split())
    assert told(fsck(remote=True)) == []
    if filled.origin:
        other = filled.clone(tmp_path / "other")
        git(other.path, "config", "gitreg.payloads", filled.payloads)
        found = fsck(remote=True, registry=other.path)
        assert told(found, remarks=True) == []
        assert (found.models, found.versions, found.runs) == (3, 8, 4)
        git(filled.origin, "config", "gitreg.payloads", filled.payloads)
        assert told(fsck(registry=filled.origin)) == []


def test_a_registry_of_an_earlier_gitreg_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Path(__file__).parents[1] / "corpus" / "registry-1"
    monkeypatch.setenv("GITREG_PAYLOADS", str(corpus / "payloads"))
    git(tmp_path, "clone", "-q", "--mirror", corpus / "registry.bundle", "origin.git")
    gitreg.init(tmp_path / "r", origin=tmp_path / "origin.git")
    for path in ("r", "origin.git"):
        found = fsck(remote=True, registry=tmp_path / path)
        assert (told(found, remarks=True), found.models, found.versions, found.payloads) == ([], 3, 7, 4)


# Refs, tag objects, numbers


def test_a_version_under_another_name(filled: Place) -> None:
    move(filled, "refs/tags/churn@v1.0.1", "churn@v1.0.0")
    assert set(told(fsck())) == {
        ("tags", "churn@v1.0.1"), ("tags", "churn@2"), ("numbers", "churn@v1.0.1"), ("seen", "churn@v1.0.1"),
        ("stages", "stages/production/churn.yaml"),
    }  # fmt: skip
    assert any("is another tag under this name" in fault.message for fault in fsck().faults)


def test_a_number_that_is_another_version(filled: Place) -> None:
    move(filled, "refs/tags/churn@3", "churn@2")
    assert set(told(fsck())) == {
        ("tags", "churn@3"), ("tags", "churn@v1.0.2"), ("numbers", "churn@3"), ("seen", "churn@3"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("trailer", "other", "wrong"),
    [
        ("Gitreg-Number: 3", "Gitreg-Number: 4", {("tags", "churn@v1.0.2"), ("tags", "churn@3")}),
        ("Gitreg-Format: 1", "Gitreg-Format: 2", {("tags", "churn@v1.0.2")}),
        ("Gitreg-Run: c", "Gitreg-Run: b", {("runs", "churn@v1.0.2")}),
        ("Gitreg-Path: model", "Gitreg-Path: other", {("runs", "churn@v1.0.2"), ("files", "churn@v1.0.2")}),
        ("Gitreg-Digest: sha256:", "Gitreg-Digest: sha256:0", {("tags", "churn@v1.0.2")}),
        ("Gitreg-Flavors: python_function ", "Gitreg-Flavors: ", {("runs", "churn@v1.0.2")}),
        ("Gitreg-Metrics: {", 'Gitreg-Metrics: {"auc2": 1.0, ', {("runs", "churn@v1.0.2")}),
        ("Gitreg-Size: ", "Gitreg-Size: 1", {("runs", "churn@v1.0.2")}),
        ("Gitreg-Signature: sha256:", "Gitreg-Signature: sha256:x", {("runs", "churn@v1.0.2")}),
        ("Gitreg-Size: ", "Gitreg-Length: ", {("tags", "churn@v1.0.2")}),
        ("churn v1.0.2\n", "churn v1.0.3\n", {("tags", "churn@v1.0.2")}),
    ],
)
def test_a_trailer_that_tells_something_else(
    filled: Place, trailer: str, other: str, wrong: set[tuple[str, str]]
) -> None:
    shutil.rmtree(open_registry(filled.path).state / "seen.sqlite", ignore_errors=True)
    made = retag(filled, "churn@3", "churn@3", lambda text: text.replace(trailer, other, 1))
    move(filled, "refs/tags/churn@v1.0.2", made)
    assert {fault for fault in told(fsck()) if fault[0] != "seen"} == wrong


def test_a_chain_that_forks(filled: Place) -> None:
    first = git(filled.path, "rev-parse", "churn@1")
    second = git(filled.path, "rev-parse", "churn@2")
    made = retag(filled, "churn@3", "churn@3", lambda text: text.replace(second, first))
    move(filled, "refs/tags/churn@v1.0.2", made)
    fault = next(fault for fault in fsck().faults if fault.rule == "numbers")
    assert fault.thing == "churn@3"
    assert fault.message == (
        f"Gitreg-Previous is {first[:12]}, and churn@2 is {second[:12]}: the chain of versions forks here"
    )


def test_numbers_that_are_gone(filled: Place) -> None:
    for tag in ("churn@2", "churn@v1.0.1"):
        git(filled.path, "tag", "-d", tag)
    found = fsck()
    gap = next(fault for fault in found.faults if fault.rule == "numbers")
    assert (gap.thing, gap.remark) == ("churn", filled.origin is None)
    assert gap.message.startswith("churn@2 is not here")
    assert {("seen", "churn@2"), ("seen", "churn@v1.0.1"), ("stages", "stages/production/churn.yaml")} <= set(
        told(found)
    )
    if filled.origin:
        mended = fsck(repair=True)
        assert told(mended) == []
        assert mended.mended == ("made the tag churn@2 again", "made the tag churn@v1.0.1 again")
    else:  # the hint of what was seen mends it, as long as git still has the objects
        for fault in found.faults:
            if fault.rule == "seen":
                git(filled.path, *fault.hint.split()[1:])
        assert told(fsck()) == []


def test_versions_that_were_brought_without_those_before_them(alone: Place) -> None:
    fill(alone, "a", "b", "c")
    for tag in ("churn@1", "churn@v1.0.0", "churn@2", "churn@v1.0.1"):
        git(alone.path, "tag", "-d", tag)
    (open_registry(alone.path).state / "seen.sqlite").unlink()
    found = fsck()
    assert (found.ok, told(found, remarks=True)) == (True, [("numbers", "churn")])
    assert found.faults[0].message == "churn@1 to churn@2 is not here: those after it were brought alone"


def test_a_number_whose_version_tag_was_never_made(filled: Place) -> None:
    for where in filter(None, (filled.path, filled.origin)):
        git(where, "update-ref", "-d", "refs/tags/churn@v1.0.2")
    (open_registry(filled.path).state / "seen.sqlite").unlink()
    found = fsck()
    assert told(found) == [("tags", "churn@3")]
    assert found.faults[0].hint == "gitreg fsck --repair"
    mended = fsck(repair=True, remote=True)
    assert (told(mended), mended.mended) == ([], ("made the tag churn@v1.0.2 again",))
    assert git(filled.path, "rev-parse", "churn@3") == git(filled.path, "rev-parse", "churn@v1.0.2")
    assert not filled.origin or filled.at_origin("churn@v1.0.2") == ["churn@v1.0.2"]


def test_a_version_without_its_number(filled: Place) -> None:
    git(filled.path, "tag", "-d", "churn@3")
    (open_registry(filled.path).state / "seen.sqlite").unlink()
    found = fsck()
    assert told(found) == [("tags", "churn@v1.0.2")]
    if filled.origin:
        assert told(fsck(repair=True)) == []
    else:
        git(filled.path, *found.faults[0].hint.split()[1:])
        assert told(fsck()) == []


def test_names_that_differ_in_case_only(filled: Place) -> None:
    move(filled, "refs/tags/Churn@1", "churn@1")
    faults = [fault for fault in fsck().faults if fault.rule == "numbers"]
    assert [(fault.thing, fault.message) for fault in faults] == [
        ("churn", "the model's name differs from Churn in case only")
    ]


def test_a_retirement_on_another_commit(filled: Place) -> None:
    gitreg.retire("churn@1", "leaked")
    text = git(filled.path, "cat-file", "tag", "churn@v1.0.0!") + "\n"
    old = git(filled.path, "rev-parse", "churn@v1.0.0!^{commit}")
    made = git(filled.path, "mktag", input=text.replace(old, git(filled.path, "rev-parse", "churn@2^{commit}")))
    move(filled, "refs/tags/churn@v1.0.0!", made)
    assert told(fsck()) == [("tags", "churn@v1.0.0!"), ("seen", "churn@v1.0.0!")]


def test_a_ref_whose_file_is_damaged(filled: Place) -> None:
    (filled.path / ".git/refs/tags/churn@3").write_text("")
    found = fsck()
    assert ("refs", "refs/tags/churn@3") in told(found)
    if filled.origin:
        assert told(fsck(repair=True)) == []


# Runs


def test_a_run_with_a_history_or_under_another_id(filled: Place) -> None:
    tree = git(filled.path, "rev-parse", "run/alone^{tree}")
    message = git(filled.path, "log", "-1", "--format=%B", "run/alone")
    child = git(filled.path, "commit-tree", tree, "-p", "main", input=message)
    git(filled.path, "update-ref", "refs/tags/run/alone", child)
    git(filled.path, "update-ref", "refs/tags/run/other", "refs/tags/run/a")
    found = [fault for fault in fsck().faults if fault.rule == "runs"]
    assert [(fault.thing, fault.message.partition(":")[0]) for fault in found] == [
        ("run/alone", "its commit has a parent"), ("run/other", "it holds the run a"),
    ]  # fmt: skip


def test_a_run_whose_message_tells_nothing(filled: Place) -> None:
    tree = git(filled.path, "rev-parse", "run/alone^{tree}")
    git(filled.path, "update-ref", "refs/tags/run/alone", git(filled.path, "commit-tree", tree, input="hello"))
    assert ("runs", "run/alone") in told(fsck())


def test_a_version_whose_run_is_gone_is_remarked_only(filled: Place) -> None:
    git(filled.path, "update-ref", "-d", "refs/tags/run/c")
    (open_registry(filled.path).state / "seen.sqlite").unlink()
    assert (fsck().ok, told(fsck(), remarks=True)) == (True, [("runs", "churn@v1.0.2")])


# Files


def replant(place: Place, run_id: str, change: Callable[[Path], None]) -> None:
    """The run again with changed files: a commit with the same message."""
    index, work = place.path.parent / "index", place.path.parent / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    ref = f"refs/tags/run/{run_id}"
    env = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(work), "GIT_DIR": str(place.path / ".git")}
    old = {key: os.environ.get(key) for key in env}
    os.environ.update(env)
    try:
        git(work, "read-tree", ref)
        git(work, "checkout-index", "-a", "-f")
        change(work)
        git(work, "add", "-A", "-f", ".")
        message = git(work, "log", "-1", "--format=%B", ref)
        git(work, "update-ref", ref, git(work, "commit-tree", git(work, "write-tree"), input=message))
    finally:
        for key, value in old.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})
        index.unlink(missing_ok=True)


def _edit(path: str, text: str) -> Callable[[Path], None]:
    def change(work: Path) -> None:
        file = work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return change


def _sums(work: Path) -> None:
    """Another file, and sums that fit it."""
    file, sums = work / "model/requirements.txt", work / "model/SHA256SUMS"
    old = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text("numpy==2.4.1\n")
    sums.write_text(sums.read_text().replace(old, hashlib.sha256(file.read_bytes()).hexdigest()))


FILES: list[tuple[Callable[[Path], None], str]] = [
    (_edit("model/requirements.txt", "numpy\n"), "requirements.txt is not what SHA256SUMS lists"),
    (_edit("model/extra.txt", "x"), "extra.txt is not in SHA256SUMS"),
    (_edit("model/MLmodel", "flavors: 3\n"), "MLmodel is not what SHA256SUMS lists"),
    (_edit("model/SHA256SUMS", "nonsense\n"), "SHA256SUMS, line 1"),
    (_edit("model/model.pkl.dvc", "outs: []\n"), "model.pkl.dvc does not name exactly one file"),
    (_edit("notes.txt", "x"), "notes.txt is not in SHA256SUMS"),
    (_edit(".gitreg/params.json", '{"C": "2"}\n'), ".gitreg/params.json is not what SHA256SUMS lists"),
    (_edit("model/CON", "x"), "CON: bad file name"),
    (lambda work: (work / ".gitreg/link").symlink_to("x"), ".gitreg/link is no plain file"),
    (_edit("model/.dvc/config", "x"), ".dvc: bad file name"),
    (_edit("model/Requirements.txt", "x"), "differs from Requirements.txt in case only"),
    (_sums, "the digest of model is sha256:"),
    (lambda work: (work / "model/MLmodel").unlink(), "MLmodel is missing: this is no model directory"),
    (lambda work: (work / "model/model.pkl.dvc").unlink(), "model.pkl is missing: neither the file nor its pointer"),
    (lambda work: (work / "model/SHA256SUMS").unlink(), "SHA256SUMS is missing"),
    (lambda work: (work / "model/link").symlink_to("/etc/passwd"), "link is a symlink, no plain file"),
    (lambda work: shutil.rmtree(work / "model"), "there is no folder model"),
    (lambda work: (work / ".gitreg/SHA256SUMS").unlink(), ".gitreg/SHA256SUMS is missing"),
]


@pytest.mark.parametrize(("change", "message"), FILES)
def test_files_that_are_not_what_was_logged(alone: Place, change: Callable[[Path], None], message: str) -> None:
    log_run(alone.path, "a", write_model(alone.path.parent / "m"))
    assert fsck().ok
    (open_registry(alone.path).state / "seen.sqlite").unlink()
    replant(alone, "a", change)
    found = fsck()
    assert len([fault for fault in found.faults if message in fault.message]) == 1
    assert {(fault.rule, fault.thing) for fault in found.faults} == {("files", "run/a")}


def test_a_submodule_and_a_version_that_differs_from_its_run(filled: Place) -> None:
    replant(filled, "a", _edit("model/extra.txt", "x"))
    assert ("runs", "churn@v1.0.0") in told(fsck())
    tree = git(filled.path, "ls-tree", "run/b") + f"\n160000 commit {'1' * 40}\tsub\n"
    message = git(filled.path, "log", "-1", "--format=%B", "run/b")
    made = git(filled.path, "commit-tree", git(filled.path, "mktree", "--missing", input=tree), input=message)
    git(filled.path, "update-ref", "refs/tags/run/b", made)
    assert any(fault.message == "sub is a submodule, no plain file" for fault in fsck().faults)


# Objects


@pytest.mark.parametrize(
    "what", ["churn@3", "churn@3^{commit}", "churn@3^{tree}", "churn@3:model", "churn@3:model/MLmodel"]
)
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_objects_that_git_lost(filled: Place, what: str, how: str) -> None:
    oid = git(filled.path, "rev-parse", what)
    file = loose(filled, oid)
    if how == "missing":
        file.unlink()
    else:
        flip(file)
    found = fsck()
    assert [
        fault.message.startswith(f"the object {oid[:12]} is") for fault in found.faults if fault.rule == "objects"
    ] == [True]
    assert not found.ok
    if filled.origin:
        mended = fsck(repair=True)
        assert (told(mended), len(mended.mended)) == ([], 1)
        assert mended.mended[0].startswith("brought 1 object")
        git(filled.path, "fsck", "--strict")


def test_an_object_that_holds_other_bytes(filled: Place) -> None:
    oid = git(filled.path, "rev-parse", "churn@2:model/MLmodel")
    other = git(filled.path, "hash-object", "-w", "--stdin", input="another file")
    loose(filled, oid).unlink()
    shutil.copyfile(loose(filled, other), loose(filled, oid))
    faults = [fault for fault in fsck().faults if fault.rule == "objects"]
    assert [fault.message for fault in faults] == [
        f"the object {oid[:12]} is damaged in Git: its bytes are not its own"
    ]
    assert faults[0].thing.endswith(": model/MLmodel")


# Payloads


def test_a_bit_that_flipped_in_the_cache(filled: Place) -> None:
    flip(payload(filled))
    found = fsck()
    assert told(found) == [("payloads", "churn@v1.0.0: model/model.pkl")]
    mended = fsck(repair=True)
    if filled.origin or open_registry(filled.path).store.url != str(open_registry(filled.path).cache.root):
        assert told(mended) == []
        assert gitreg.pull("churn@1", filled.path.parent / "pulled")
    else:
        assert told(mended) == told(found)


def test_payloads_that_the_store_lost(filled: Place) -> None:
    for ref, damage in (("churn@1", Path.unlink), ("churn@2", flip), ("churn@3", _cut)):
        here = payload(filled, ref)
        there = filled.payloads / here.relative_to(open_registry(filled.path).cache.root)
        assert here.exists()
        damage(there)
    assert fsck().ok
    found = fsck(remote=True)
    assert told(found) == [("store", f"churn@v1.0.{n}: model/model.pkl") for n in range(3)]
    assert [fault.message.rsplit(" is ", 1)[1] for fault in found.faults if fault.rule == "store"] == [
        "missing", "of other bytes", "of 0 bytes, not 1",
    ]  # fmt: skip
    assert told(fsck(remote=True, repair=True)) == []
    payload(filled).unlink()
    (filled.payloads / payload(filled).relative_to(open_registry(filled.path).cache.root)).unlink()
    lost = fsck(remote=True, repair=True)
    assert told(lost) == [("store", "churn@v1.0.0: model/model.pkl")]
    assert next(fault.hint for fault in lost.faults if not fault.remark).startswith("gitreg push it from a machine")


def _cut(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def test_a_registry_that_holds_its_payloads_itself(tmp_path: Path) -> None:
    gitreg.init(tmp_path / "r")
    place = Place(tmp_path / "r", None, tmp_path)
    fill(place, "a")
    assert fsck(registry=place.path, remote=True).ok
    payload(place).unlink()
    found = fsck(registry=place.path)
    assert told(found) == [("payloads", "churn@v1.0.0: model/model.pkl")]
    assert "take it from a backup" in found.faults[0].hint


# The origin, and what was seen before


def test_a_tag_that_moved_at_the_origin(clone: Place) -> None:
    fill(clone, "a", "b")
    git(clone.origin or "", "update-ref", "refs/tags/churn@2", "refs/tags/churn@1")
    assert fsck().ok
    assert told(fsck(remote=True)) == [("origin", "churn@2")]
    assert told(fsck(remote=True, repair=True)) == [("origin", "churn@2")]


def test_a_tag_that_is_gone_at_the_origin(clone: Place) -> None:
    fill(clone, "a", "b")
    git(clone.origin or "", "update-ref", "-d", "refs/tags/churn@2")
    (fault,) = (fault for fault in fsck(remote=True).faults if not fault.remark)
    assert (fault.rule, fault.thing) == ("origin", "churn@2")
    git(clone.path, *fault.hint.partition("; ")[2].split()[1:])
    assert told(fsck(remote=True)) == []


def test_what_was_not_fetched_yet_is_a_remark(clone: Place, tmp_path: Path) -> None:
    fill(clone, "a")
    other = clone.clone(tmp_path / "other")
    fill(clone, "b")
    found = fsck(remote=True, registry=other.path)
    assert (found.ok, told(found, remarks=True)) == (True, [("origin", str(clone.origin))])
    assert found.faults[0].message == "it has tags that are not here: churn@2, churn@v1.0.1, run/b"


def test_a_main_that_was_rewound(filled: Place) -> None:
    assert fsck().ok
    git(filled.path, "reset", "-q", "--hard", "HEAD~1")
    if filled.origin:
        git(filled.origin, "update-ref", "refs/heads/main", git(filled.path, "rev-parse", "HEAD"))
        gitreg.fetch()
    (fault,) = (fault for fault in fsck().faults if not fault.remark)
    assert (fault.rule, fault.thing) == ("seen", "main")
    assert fault.message.startswith("it was rewound")


def test_offline_the_origin_cannot_be_asked_nor_mended_from(clone: Place) -> None:
    with pytest.raises(Unreachable):
        fsck(remote=True, offline=True)
    with pytest.raises(Refused):
        fsck(repair=True, offline=True)
    assert fsck(offline=True).ok


def test_an_origin_that_does_not_answer_is_told(clone: Place) -> None:
    fill(clone, "a")
    assert clone.origin
    clone.origin.rename(clone.origin.with_name("away"))
    assert {rule for rule, _ in told(fsck(remote=True))} == {"origin", "store"}


# Stages, records, notes


def stage(place: Place, text: str) -> None:
    place.stage("production", "churn", text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("number: 2", "number: 3", "its number is 3, and that of churn@v1.0.1 2"),
        ("version: v1.0.1", "version: v9.0.0", "it runs churn@v9.0.0, which is not here"),
        ("auc: 0.5", "auc: 0.9", "it is not what gitreg writes for churn@v1.0.1 at 'auc: 0.9'"),
        ("format: 1", "# a remark\nformat: 1", "it is not what gitreg writes for churn@v1.0.1 at '# a remark'"),
        ("model: churn", "model: fraud", "it speaks of fraud in production"),
        ("format: 1", "format: [", "stages/production/churn.yaml"),
        ("run: b", "run: a", "its run is a, and that of churn@v1.0.1 b"),
    ],
)
def test_a_stage_file_that_is_not_what_gitreg_writes(filled: Place, old: str, new: str, message: str) -> None:
    path = filled.path / "stages/production/churn.yaml"
    stage(filled, path.read_text().replace(old, new, 1))
    found = [fault for fault in fsck().faults if not fault.remark]
    assert [(fault.rule, fault.thing) for fault in found] == [("stages", "stages/production/churn.yaml")]
    assert found[0].message.startswith(message)


def test_a_stage_that_runs_a_retired_or_purged_version(filled: Place) -> None:
    text = (filled.path / "stages/production/churn.yaml").read_text()
    stage(filled, "")
    gitreg.retire("churn@2", "leaked")
    stage(filled, text)
    assert [fault.message for fault in fsck().faults if fault.rule == "stages"] == [
        "it runs churn@v1.0.1, which is retired"
    ]
    stage(filled, "")
    purge("churn@2", "names of people", yes=True)
    stage(filled, text)
    assert [fault.message for fault in fsck().faults if fault.rule == "stages"] == [
        "it runs churn@v1.0.1, which was purged"
    ]


def test_a_stray_file_among_the_stages_is_remarked(filled: Place) -> None:
    (filled.path / "stages/README").write_text("how we promote")
    git(filled.path, "add", "stages")
    git(filled.path, "commit", "-q", "-m", "a word")
    if filled.origin:
        git(filled.path, "push", "-q", "origin", "main")
    assert (fsck().ok, told(fsck(), remarks=True)) == (True, [("stages", "stages/README")])


def test_records_of_what_a_stage_ran(filled: Place) -> None:
    git(filled.path, "tag", "-a", "-m", "production runs churn v1.0.1", "churn#production#1", "churn@2^{commit}")
    assert told(fsck()) == []
    git(filled.path, "tag", "-a", "-m", "x", "churn#production#2", "churn@2^{commit}")
    assert told(fsck()) == [("records", "churn#production#2")]
    git(filled.path, "tag", "-d", "churn#production#2")
    (open_registry(filled.path).state / "seen.sqlite").unlink()
    git(filled.path, "tag", "-f", "-a", "-m", "x", "churn#production#1", "churn@1^{commit}")
    assert told(fsck()) == [("records", "churn#production#1")]


def test_notes_that_are_no_facts_are_remarked(filled: Place) -> None:
    git(filled.path, "notes", "--ref=refs/notes/gitreg", "append", "-m", "a word", "churn@2")
    git(filled.path, "notes", "--ref=refs/notes/gitreg", "add", "-m", "a word", "main")
    found = fsck()
    assert found.ok
    assert {rule for rule, _ in told(found, remarks=True)} == {"notes"}
    assert ("notes", "churn@2") in told(found, remarks=True) or ("notes", "churn@v1.0.1") in told(found, remarks=True)


def test_notes_that_git_lost(filled: Place) -> None:
    blob = git(filled.path, "notes", "--ref=refs/notes/gitreg", "list", "churn@1")
    loose(filled, blob).unlink()
    assert [rule for rule, _ in told(fsck())] == ["notes"]


# This machine


def test_journals_and_registrations_that_cannot_be_read(filled: Place) -> None:
    state = open_registry(filled.path).state
    (state / "wishes").mkdir(exist_ok=True)
    (state / "wishes/x.json").write_text("[]")
    (state / "runs/odd").mkdir(parents=True)
    (state / "runs/odd/journal.jsonl").write_text(json.dumps({"event": "model"}) + "\n")
    (state / "seen.sqlite").write_bytes(b"junk" * 1000)
    with pytest.warns(UserWarning, match=r"seen\.sqlite"):
        found = fsck()
    assert [thing for rule, thing in told(found) if rule == "state"] == [
        "an open run", "a pending registration", "what was seen",
    ]  # fmt: skip


def test_what_killed_programs_left_is_removed(filled: Place) -> None:
    place = open_registry(filled.path)
    left = [place.cache.root / "tmp" / ("1" * 32), place.git.common_dir / "objects/pack/tmp_pack_abcdef"]
    left[0].mkdir(parents=True)
    left[1].write_text("half a pack")
    assert told(fsck(), remarks=True) == []  # somebody may be at work
    for path in left:
        os.utime(path, (0, 0))
    found = fsck()
    assert (found.ok, sorted(told(found, remarks=True))) == (True, sorted(("leftovers", str(path)) for path in left))
    assert set(fsck(repair=True).mended) == {f"removed {path}" for path in left}
    assert not any(path.exists() for path in left)


# By address


def test_by_its_address_a_registry_is_brought_and_looked_through(clone: Place, sshd: SshServer) -> None:
    fill(clone, "a", "b")
    fill(clone, "c", model="fraud")
    address = sshd.url(clone.origin or "")
    found = fsck(registry=address, remote=True)
    assert (told(found, remarks=True), found.models, found.versions, found.runs) == ([], 2, 3, 3)
    assert fsck("churn", registry=address).runs == 2
    git(clone.origin or "", "update-ref", "refs/tags/churn@2", "refs/tags/churn@1")
    moved = fsck(registry=address)
    assert ("seen", "churn@2") in told(moved)
    with pytest.raises(Unreachable):
        fsck(registry=address, offline=True)
