"""What gc takes away, what it never touches, and that it may be killed, or outrun, at any step."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gitreg
from gitreg.errors import Conflict, Damaged, GitregError, Refused, Unreachable
from gitreg.registry.care import expired
from gitreg.registry.care.gc import Swept, gc
from gitreg.registry.care.purge import purge
from gitreg.registry.place import open_registry
from gitreg.registry.start.init import init
from gitreg.registry.use.locate import locate
from gitreg.registry.use.snapshot import snapshot
from gitreg.registry.wishes import Wish, keep_wish
from gitreg.stores.cache import hash_file
from testing.gitcli import git
from testing.killing import git_that_kills, run, sweep
from testing.models import log_run, put_stage, write_model
from testing.rclone import S3Server
from testing.registries import Place, cloned, lone

LATER = "2046-01-01T00:00:00Z"
OLD = timedelta(days=90)


@pytest.fixture(autouse=True)
def years_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is written now was written long ago."""
    monkeypatch.setenv("GITREG_NOW", LATER)


def log(place: Place, run_id: str, weights: str = "", **options: str) -> None:
    """A run of long ago whose payload has the text `weights`, or its id."""
    now, os.environ["GITREG_NOW"] = os.environ["GITREG_NOW"], "2026-01-01T00:00:00Z"
    try:
        folder = place.path.parent / f"{place.path.name}-model-{run_id}"
        log_run(place.path, run_id, write_model(folder, weights=(weights or run_id).encode()), **options)
    finally:
        os.environ["GITREG_NOW"] = now


def found(swept: Swept, kind: str = "", where: str = "") -> list[str]:
    return [row.what for row in swept.waste if kind in {"", row.kind} and where in {"", row.where}]


def md5s(root: Path) -> set[str]:
    """The payloads in a store or cache."""
    return {path.parent.name + path.name for path in (root / "files/md5").glob("??/*")}


def md5(text: str) -> str:
    import hashlib

    return hashlib.md5(text.encode()).hexdigest()


def cache(place: Place) -> Path:
    return open_registry(place.path).cache.root


def test_a_registry_in_use_has_nothing_that_may_go(place: Place) -> None:
    log(place, "a", register_as="churn")
    log(place, "b")
    swept = gc()
    assert swept.waste == ()
    assert [(kept.what, kept.count, kept.size) for kept in swept.kept] == [("runs", 1, 1), ("versions", 1, 1)]
    assert found(gc(remote=True)) == []


def test_what_nothing_names_goes_from_the_cache(place: Place) -> None:
    log(place, "a", register_as="churn")
    open_registry().cache.add(Path(shutil.copy("/etc/hostname", place.path.parent / "stray")))
    stray = hash_file(place.path.parent / "stray")
    swept = gc()
    (row,) = swept.waste
    assert (row.kind, row.where, row.what, row.size, row.why) == (
        "payload", "here", stray.md5, stray.size, "nothing names it",
    )  # fmt: skip
    assert stray.md5 in md5s(cache(place)) and not swept.done
    assert gc(yes=True).done
    assert md5s(cache(place)) == {md5("a")}
    assert gc().waste == ()


def test_what_is_young_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    open_registry().cache.add(Path(shutil.copy("/etc/hostname", place.path.parent / "stray")))
    monkeypatch.delenv("GITREG_NOW")
    swept = gc(yes=True)
    assert swept.waste == () and swept.kept[0].what == "younger than the grace period"
    assert len(found(gc(grace=timedelta(0)), "payload")) == 1


def test_payloads_of_open_runs_and_of_what_was_set_aside_of_them_stay(place: Place) -> None:
    gitreg.start_run(run_id="one")
    gitreg.log_text("first", "x.pkl")
    gitreg.registry.runs.open_run.current_run().journal.close(remove=False)  # type: ignore[attr-defined]
    gitreg.registry.runs.open_run._active.clear()  # type: ignore[attr-defined]
    with gitreg.start_run(run_id="one"):
        gitreg.log_text("second", "x.pkl")
        swept = gc(yes=True)
    assert [(kept.what, kept.count) for kept in swept.kept] == [("open runs", 2)]
    assert md5s(cache(place)) == {md5("first"), md5("second")}


def test_snapshots_go_and_are_made_again(place: Place) -> None:
    log(place, "a", register_as="churn")
    registry = open_registry()
    home = snapshot(registry, locate(registry, "churn@1")).path
    assert len(found(gc(yes=True), "snapshot")) == 1
    assert list(home.parent.iterdir()) == []
    assert snapshot(open_registry(), locate(registry, "churn@1")).path == home


def test_bytes_that_another_file_shares_are_not_counted(alone: Place) -> None:
    log(alone, "a", register_as="churn")
    root = cache(alone)
    folder = root / "snapshots" / ("0" * 64)
    folder.mkdir(parents=True)
    os.link(root / "files/md5" / md5("a")[:2] / md5("a")[2:], folder / "model.pkl")
    (folder / "own").write_bytes(b"12345")
    swept = gc()
    assert [(row.kind, row.size) for row in swept.waste] == [("snapshot", 5)]


def test_leftovers_of_killed_programs_go_and_those_of_living_ones_stay(place: Place) -> None:
    from gitreg.stores.scratch import scratch

    registry = open_registry()
    left = [registry.cache.root / "tmp" / ("a" * 32), registry.state / "runs" / f".job.{'b' * 32}"]
    for folder in left:
        folder.mkdir(parents=True)
        (folder / "payload").write_bytes(b"123")
    part = registry.cache.root / "tmp" / f"{'d' * 32}.{'e' * 32}.part"
    part.write_bytes(b"12")
    with scratch(registry.state / "tmp") as living:
        swept = gc(yes=True)
        assert living.is_dir()
    assert sorted(row.size for row in swept.waste) == [2, 3, 3]
    assert {row.kind for row in swept.waste} == {"leftover"}
    assert not any(path.exists() for path in (*left, part))


def test_a_mirror_that_nobody_asked_for_goes_and_the_others_stay(clone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    log(clone, "a", register_as="churn")
    url = f"ssh://nobody@nowhere/{clone.origin}"
    home = Path(os.environ["XDG_CACHE_HOME"]) if os.environ.get("XDG_CACHE_HOME") else Path.home() / ".cache"
    mirror = home / "gitreg/mirrors/0123456789abcdef"
    git(clone.path, "init", "-q", "--bare", mirror)
    git(mirror, "config", "remote.origin.url", url)
    assert found(gc(), "mirror") == [url]
    monkeypatch.delenv("GITREG_NOW")
    assert gc(yes=True).waste == () and mirror.exists()
    monkeypatch.setenv("GITREG_NOW", LATER)
    assert gc(yes=True).size > 0 and not mirror.exists()


def test_runs_go_only_where_nothing_was_made_of_them_and_they_are_old(place: Place) -> None:
    log(place, "versioned", register_as="churn")
    log(place, "staged", register_as="price")
    put_stage(place.path, "production", "price@1")
    log(place, "wished")
    keep_wish(open_registry().state, Wish("wished", "model", "other"))
    log(place, "idle")
    log(place, "open")
    journal = open_registry().state / "runs/open/journal.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text("")
    log_run(place.path, "young")
    assert found(gc(), "run") == []
    swept = gc(runs_older_than=OLD)
    assert found(swept, "run") == ["run:idle"]
    assert [(r.what, r.why) for r in swept.waste if r.kind == "payload"] == [(md5("idle"), "only run:idle needed it")]
    gc(runs_older_than=OLD, yes=True)
    assert place.tags("run/*") == ["run/open", "run/staged", "run/versioned", "run/wished", "run/young"]
    assert md5s(cache(place)) == {md5(text) for text in ("versioned", "staged", "wished", "open")}


def test_runs_that_the_origin_has_go_with_remote_only(clone: Place, tmp_path: Path) -> None:
    log(clone, "kept", register_as="churn")
    log(clone, "idle")
    gitreg.push("run:idle")
    assert found(gc(runs_older_than=OLD)) == []
    assert found(gc(runs_older_than=OLD, remote=True), "run", "origin") == ["run:idle"]
    swept = gc(runs_older_than=OLD, remote=True, yes=True)
    assert found(swept, "payload", "store") == found(swept, "payload", "here") == [md5("idle")]
    assert clone.at_origin("run/*") == clone.tags("run/*") == ["run/kept"]
    assert md5s(clone.payloads) == md5s(cache(clone)) == {md5("kept")}
    assert gitreg.fetch() == 0


def test_a_payload_that_several_pointers_share_stays(clone: Place) -> None:
    log(clone, "old", "the same")
    gitreg.push("run:old")
    log(clone, "new", "the same", register_as="churn")
    swept = gc(runs_older_than=OLD, remote=True, yes=True)
    assert found(swept) == ["run:old"]
    assert md5s(clone.payloads) == {md5("the same")}
    shutil.rmtree(cache(clone))
    assert (gitreg.pull("churn@1", clone.path.parent / "out") / "model.pkl").read_text() == "the same"


def test_what_only_the_origin_or_another_branch_names_stays(clone: Place, tmp_path: Path) -> None:
    other = clone.clone(tmp_path / "other")
    log(other, "there", register_as="churn")
    for store in (clone.payloads,):
        target = store / "files/md5" / md5("dvc")[:2] / md5("dvc")[2:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("dvc")
    git(other.path, "checkout", "-q", "-b", "data")
    (other.path / "data.csv.dvc").write_text(f"outs:\n- md5: {md5('dvc')}\n  size: 3\n  path: data.csv\n")
    git(other.path, "add", "data.csv.dvc")
    git(other.path, "commit", "-q", "-m", "data")
    git(other.path, "rm", "-q", "data.csv.dvc")
    git(other.path, "commit", "-q", "-m", "no data")
    git(other.path, "push", "-q", "origin", "data:refs/pull/7/head")
    swept = gc(remote=True, yes=True)
    assert found(swept) == []
    assert [(kept.where, kept.what) for kept in swept.kept] == [("store", "other refs"), ("store", "versions")]
    assert git(clone.path, "for-each-ref", "refs/gitreg", "refs/pull") == ""
    git(clone.origin or "", "update-ref", "-d", "refs/pull/7/head")
    assert found(gc(remote=True, yes=True)) == [md5("dvc")]


def test_what_is_not_of_the_layout_is_not_touched(clone: Place) -> None:
    log(clone, "a", register_as="churn")
    others = ["README", "files/md5/zz/x", "files/md5/aa/short", f"ab/{'c' * 30}", "files/sha256/aa/bb"]
    for name in others:
        (clone.payloads / name).parent.mkdir(parents=True, exist_ok=True)
        (clone.payloads / name).write_text("of others")
    partial = clone.payloads / "files/md5/ab" / f".{'c' * 30}.{'d' * 32}"
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text("half")
    assert found(gc(remote=True, yes=True)) == [f"a part of ab{'c' * 30}"]
    assert all((clone.payloads / name).exists() for name in others) and not partial.exists()


def test_a_store_with_directories_of_plain_dvc_is_not_swept(clone: Place) -> None:
    log(clone, "a", register_as="churn")
    stray = clone.payloads / "files/md5/ab" / f"{'c' * 30}.dir"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_text("[]")
    with pytest.raises(Refused, match="directories that plain DVC tracks"):
        gc(remote=True, yes=True)
    assert gc().waste == ()


def test_it_is_refused_where_not_all_is_seen(clone: Place, tmp_path: Path) -> None:
    log(clone, "a", register_as="churn")
    log(clone, "b", register_as="churn")
    with pytest.raises(Unreachable):
        gc(registry=open_registry(offline=True))
    put_stage(clone.path, "production", "churn@1")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{clone.origin}", "shallow")
    with pytest.raises(Refused, match="a part of the history"):
        gc(registry=tmp_path / "shallow", remote=True)
    gone = git(clone.path, "rev-parse", "churn@1:model/model.pkl.dvc")
    (clone.path / ".git/objects" / gone[:2] / gone[2:]).unlink()
    with pytest.raises(Damaged, match="lacks"):
        gc(yes=True)
    os.rename(clone.origin or "", tmp_path / "away")
    with pytest.raises(Unreachable):
        gc()


def test_a_version_that_cannot_be_read_stops_it(place: Place) -> None:
    log(place, "a", register_as="churn")
    log(place, "b")
    for path in filter(None, (place.path, place.origin)):
        git(path, "update-ref", "refs/tags/churn@v9.0.0", git(place.path, "rev-parse", "churn@1"))
    with pytest.raises(GitregError):
        gc(runs_older_than=OLD, yes=True)
    assert place.tags("run/*") == ["run/a", "run/b"]


def test_purged_payloads_go(place: Place) -> None:
    log(place, "a", register_as="churn")
    log(place, "b", register_as="churn")
    purge("churn@1", "why", yes=True)
    swept = gc(remote=True, yes=True)
    assert set(found(swept, "payload")) == {md5("a")}
    assert md5s(place.payloads) == {md5("b")} == md5s(cache(place))


def test_a_run_that_becomes_a_version_while_it_is_deleted_is_put_back(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(place, "idle")
    if place.origin:
        gitreg.push("run:idle")
    other = place.clone(tmp_path / "other") if place.origin else place
    if place.origin:
        gitreg.fetch(registry=other.path)
    real = expired._not_in

    def slower(*args: object) -> object:
        kept = real(*args)  # type: ignore[arg-type]
        gitreg.register("run:idle", "churn", registry=other.path)
        return kept

    monkeypatch.setattr(expired, "_not_in", slower)
    swept = gc(runs_older_than=OLD, remote=True, yes=True)
    assert found(swept) == []
    assert place.tags("run/*") == ["run/idle"] and (not place.origin or place.at_origin("run/*") == ["run/idle"])
    assert gitreg.pull("churn@1", tmp_path / "out").is_dir()


@pytest.mark.parametrize("maker", [lone, cloned])
def test_it_may_be_killed_at_any_process_of_git(maker: Callable[[Path], Place], tmp_path: Path) -> None:
    place = maker(tmp_path / "registry")
    gitreg.use(place.path)
    log(place, "kept", register_as="churn")
    for n in itertools.count(1, 3):
        log(place, f"idle{n}")
        if place.origin:
            gitreg.push(f"run:idle{n}")
        code = run(sweep, place.path, "", path=git_that_kills(tmp_path / "bin", n, after=n % 2 == 0))
        assert code in {0, -9}
        if n % 4 == 3 or code == 0:
            assert run(sweep, place.path, "") == 0
            assert md5s(cache(place)) == {md5("kept")} == md5s(place.payloads)
            assert place.tags("run/*") == ["run/kept"]
            assert git(place.path, "for-each-ref", "refs/gitreg") == ""
        if code == 0:
            break
    assert n > 15


@settings(max_examples=8)
@given(data=st.data())
def test_nothing_that_a_version_needs_ever_goes(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    top = tmp_path_factory.mktemp("gc")
    place = data.draw(st.sampled_from([lone, cloned]))(top / "registry")
    kinds = st.tuples(st.sampled_from(["run", "pushed", "version", "purged", "retired"]), st.integers(0, 3))
    made = data.draw(st.lists(kinds, min_size=1, max_size=6))
    kept: dict[str, str] = {}
    for n, (kind, weights) in enumerate(made):
        text, model = f"weights {weights}", f"m{n}"
        log(place, f"r{n}", text, **({} if kind in {"run", "pushed"} else {"register_as": model}))
        if kind == "pushed" and place.origin:
            gitreg.push(f"run:r{n}", registry=place.path)
        elif kind == "purged":
            purge(f"{model}@1", "why", registry=place.path, yes=True)
        elif kind == "retired":
            gitreg.retire(f"{model}@1", "why", registry=place.path)
        if kind in {"version", "retired"}:
            kept[model] = text
    older = data.draw(st.sampled_from([None, OLD, timedelta(days=36500)]))
    gc(registry=place.path, runs_older_than=older, remote=data.draw(st.booleans()), yes=True)
    lost = bool(place.origin) and data.draw(st.booleans())
    if lost:
        shutil.rmtree(cache(place))
    for model, text in kept.items():
        assert (gitreg.pull(f"{model}@1", top / model, registry=place.path) / "model.pkl").read_text() == text
    for n, (kind, _) in enumerate(made):
        if kind in {"run", "pushed"} and older != OLD and not (lost and kind == "run"):
            assert gitreg.pull(f"run:r{n}", top / f"run{n}", registry=place.path).is_dir()
    shutil.rmtree(top)


def test_two_do_not_sweep_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from gitreg.registry.care import gc as module

    log(place, "a", register_as="churn")
    real = module._find

    def slower(*args: object, **options: object) -> object:
        with pytest.raises(Conflict, match="another gc"):
            gc()
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_find", slower)
    assert gc(yes=True).waste == ()


def test_payloads_of_a_run_that_ends_during_a_sweep_stay(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from gitreg.registry.care import gc as module

    training = gitreg.start_run(run_id="long", registry=place.path)
    training.put_file("weights.bin", b"trained for days")
    real = module.named_in

    def outrun(*args: object, **options: object) -> object:
        if gitreg.active_run():
            training.end()
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "named_in", outrun)
    assert found(gc(yes=True), "payload") == []
    assert md5("trained for days") in md5s(cache(place))


@pytest.mark.parametrize("remote", [False, True])
def test_a_payload_that_is_logged_or_published_again_during_a_sweep_stays(
    clone: Place, monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    from gitreg.registry.care import gc as module

    monkeypatch.delenv("GITREG_NOW")
    model = write_model(clone.path.parent / "model", weights=b"same")
    log_run(clone.path, "a", model)
    gitreg.push("a")
    for at, name in ((clone.path, "run/a"), (clone.origin, "run/a")):
        assert at is not None
        git(at, "tag", "-d", name)
    real, found = module._find, []

    def outrun(*args: object, **options: object) -> object:
        found.append(real(*args, **options))  # type: ignore[arg-type]
        if len(found) == 2:  # what may go is known, and nothing is removed yet
            log_run(clone.path, "b", model)
            if remote:
                gitreg.push("b")
        return found[-1]

    monkeypatch.setattr(module, "_find", outrun)
    gc(yes=True, remote=remote, grace=timedelta(0))
    assert [row.what for row in found[1][0] if row.kind == "payload"] == [md5("same")] * (1 + remote)
    assert md5("same") in md5s(cache(clone)) and md5("same") in md5s(clone.payloads)
    gitreg.pull("run:b", clone.path.parent / "pulled")


def test_a_store_on_a_server_is_swept_as_a_folder_is(
    clone: Place, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3_server.make_bucket("swept")
    lines = [f"    {key} = {value}\n" for key, value in s3_server.settings().items()]
    (clone.path / ".dvc/config.local").write_text("['remote \"payloads\"']\n" + "".join(lines))
    git(clone.path, "config", "gitreg.payloads", "s3://swept/models")
    log(clone, "kept", register_as="churn")
    log(clone, "idle")
    gitreg.push("run:idle")
    (bucket / "models/README").write_text("of others")
    with monkeypatch.context() as patch:
        patch.delenv("GITREG_NOW")
        young = gc(remote=True, runs_older_than=timedelta(days=1), yes=True)
    assert found(young) == ["run:idle"]
    assert ("store", "younger than the grace period", 1) in [(k.where, k.what, k.count) for k in young.kept]
    swept = gc(remote=True, yes=True)
    assert found(swept, where="store") == [md5("idle")]
    assert md5s(bucket / "models") == {md5("kept")} and (bucket / "models/README").exists()


def test_a_new_registry_has_nothing_to_sweep(tmp_path: Path) -> None:
    init(tmp_path / "new")
    for remote in (False, True):
        assert gc(registry=tmp_path / "new", remote=remote, runs_older_than=OLD, yes=True).waste == ()
