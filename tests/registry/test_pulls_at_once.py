"""Loads and pulls that are disturbed: killed, several at once, with the cache deleted under them, on a full disk."""

from __future__ import annotations

import hashlib
import itertools
import os
import resource
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.place import open_registry
from gitreg.stores.scratch import scratch
from testing import disturbing
from testing.commandline import program
from testing.disturbing import delete, load, pull, run, start
from testing.registries import Place, log
from testing.sshd import SshServer

PROGRAMS = [load, pull]
FILES = {"MLmodel", "SHA256SUMS", "code", "conda.yaml", "model.pkl", "python_env.yaml", "requirements.txt"}


def put(place: Place, tmp_path: Path, store: str, request: pytest.FixtureRequest) -> None:
    """Register churn@1, whose payloads are in a folder or behind a real ssh server."""
    if store == "ssh":
        sshd: SshServer = request.getfixturevalue("sshd")
        gitreg.use(place.path)
        (tmp_path / "far").mkdir()
        os.environ["GITREG_PAYLOADS"] = sshd.url(tmp_path / "far")
    gitreg.register(log(2), "churn")


@pytest.fixture(params=["folder", "ssh"])
def other(request: pytest.FixtureRequest, clone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A clone that has churn@1 only by name, its payloads in a folder or behind a real ssh server."""
    monkeypatch.setenv("GITREG_PAYLOADS", "")
    put(clone, tmp_path, request.param, request)
    return clone.clone(tmp_path / "other")


def cache(place: Place) -> Path:
    return open_registry(place.path).cache.root


def sound(place: Place) -> None:
    """Assert that the cache holds nothing half-done, and that each payload is what its name says."""
    root = cache(place)
    with scratch(root / "tmp"), scratch(root / "snapshots", "."):
        pass  # what a killed program left goes when the next one comes to make something
    assert list(root.glob("tmp/*")) == []
    assert [path.name for path in (root / "snapshots").glob(".*")] == []
    for path in root.glob("files/md5/*/*"):
        assert path.parent.name + path.name == hashlib.md5(path.read_bytes()).hexdigest()


def nothing_beside(target: Path) -> None:
    assert [path.name for path in target.parent.iterdir() if path.name.startswith(f".{target.name}")] == []


@pytest.mark.parametrize("what", PROGRAMS)
def test_killed_at_any_step_and_given_again(other: Place, tmp_path: Path, what: disturbing.Program) -> None:
    target, root = tmp_path / "served", cache(other)
    for n in itertools.count(1, 3 if "://" not in os.environ["GITREG_PAYLOADS"] else 7):
        delete(root)
        ended = run(what, other.path, "churn@1", target, cache=root, below=tmp_path, step=n)
        if ended.code == 0:
            break
        assert ended.code == -9
        if not target.exists():  # else it was killed when the folder had appeared, complete
            assert run(what, other.path, "churn@1", target, cache=root).code == 0
        assert what is load or {path.name for path in target.iterdir()} == FILES
        sound(other)
        nothing_beside(target)
        delete(target)
    assert n > 20


@pytest.mark.parametrize("what", PROGRAMS)
def test_the_cache_deleted_at_any_step(other: Place, tmp_path: Path, what: disturbing.Program) -> None:
    target, root = tmp_path / "served", cache(other)
    for warm in (False, True):
        for n in itertools.count(1, 3 if "://" not in os.environ["GITREG_PAYLOADS"] else 7):
            delete(root)
            if warm:
                assert run(what, other.path, "churn@1", target, cache=root).code == 0
                delete(target)
            ended = run(what, other.path, "churn@1", target, what=delete, cache=root, step=n)
            assert ended.code == 0 or (ended.kind in {"NotFound", "Unreachable"} and "churn@v0.1.0" in ended.message)
            assert ended.code == 0 or not target.exists()
            nothing_beside(target)
            delete(target)
            assert run(what, other.path, "churn@1", target, cache=root).code == 0
            sound(other)
            delete(target)
            if ended.steps < n:
                break


def test_many_loads_and_pulls_at_once(other: Place, tmp_path: Path) -> None:
    root = cache(other)
    for _ in range(3):
        delete(root)
        targets = [tmp_path / f"served-{n}" for n in range(8)]
        started = [
            start(PROGRAMS[n % 2], other.path, "churn@1", target, cache=root) for n, target in enumerate(targets)
        ]
        assert [disturbing.end(process, target).code for process, target in zip(started, targets, strict=True)] == [
            0
        ] * 8
        sound(other)
        assert len({(target / "model.pkl").read_bytes() for target in targets[1::2]}) == 1
        for target in targets[1::2]:
            delete(target)
        assert len([path for path in (root / "snapshots").iterdir() if path.is_dir()]) == 1


def test_two_pulls_into_one_folder_at_once(other: Place, tmp_path: Path) -> None:
    target, root = tmp_path / "served", cache(other)
    started = [start(pull, other.path, "churn@1", target, cache=root) for _ in range(4)]
    ended = [disturbing.end(process, target) for process in started]
    assert 0 in [one.code for one in ended]
    assert {one.kind for one in ended if one.code} <= {"Conflict"}
    assert {path.name for path in target.iterdir()} == FILES
    nothing_beside(target)


def test_a_disk_that_is_full_leaves_nothing(other: Place, tmp_path: Path) -> None:
    version = gitreg.log_model(log_bytes(3 << 20), register_as="large", pip_requirements=["cloudpickle"]).version
    assert version
    for command in ("pull large ../served", "predict large -i ../data.csv"):
        (tmp_path / "data.csv").write_text("a\n1\n")
        said = program(*command.split(), cwd=other.path, preexec_fn=small_disk)
        assert said.code == 128
        assert said.err.startswith("error: no space left on the disk for ")
        assert "hint: free some space" in said.err
        assert not (tmp_path / "served").exists()
        nothing_beside(tmp_path / "served")
        sound(other)
    assert program("pull", "large", "../served", cwd=other.path).code == 0


def small_disk() -> None:
    """No file may have more than 1 MiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def log_bytes(size: int) -> object:
    import functools
    import operator

    return functools.partial(operator.add, b"x" * size)
