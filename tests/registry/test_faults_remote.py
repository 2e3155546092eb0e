"""The origin or the payload store fails half way, or holds what it should not; the cache goes while it is written."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import GitregError, Refused, Unreachable
from gitreg.registry import register as registering
from gitreg.registry.care.fsck import fsck
from gitreg.registry.care.status import status
from gitreg.registry.place import open_registry
from gitreg.stores.git import Locked
from testing import disturbing
from testing.aftermath import clean
from testing.gitcli import git
from testing.killing import run, train_beside, train_small
from testing.models import log_run, write_model
from testing.registries import Place, log
from testing.sshd import SshServer

HOOK = """\
#!/bin/sh
cat > /dev/null
if [ "{state}" ] && [ "$1" != "{state}" ]; then exit 0; fi
if [ -e "{off}" ]; then exit 0; fi
{after}
kill -9 $PPID
"""
MOMENTS = {
    "before": ("pre-receive", ""),
    "at a ref": ("update", ""),
    "with the refs locked": ("reference-transaction", "prepared"),
    "with the refs written": ("reference-transaction", "committed"),
    "when all is done": ("post-receive", ""),
}


def killing_hook(place: Place, moment: str, *, once: bool) -> Path:
    """Let the program that takes a push at the origin be killed at a moment, until the file is there that is given."""
    assert place.origin
    name, state = MOMENTS[moment]
    off = place.origin / "spared"
    hook = place.origin / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(state=state, off=off, after=f"touch {off}" if once else ""))
    hook.chmod(0o755)
    return off


@pytest.fixture(params=["folder", "ssh"])
def origin(request: pytest.FixtureRequest, clone: Place) -> Place:
    """A clone whose origin is a folder, or behind ssh."""
    if request.param == "ssh":
        sshd: SshServer = request.getfixturevalue("sshd")
        git(clone.path, "remote", "set-url", "origin", sshd.url(clone.origin or ""))
    return clone


@pytest.mark.parametrize("moment", ["before", "at a ref", "with the refs written", "when all is done"])
def test_a_push_that_was_cut_off_once_is_done_by_the_same_command(origin: Place, moment: str) -> None:
    killing_hook(origin, moment, once=True)
    logged = log(2, run_id="one")
    with contextlib.suppress(Locked):  # git may have been killed with its locks held
        gitreg.register(logged, "churn")
    unlock(origin)
    assert gitreg.register(logged, "churn").number == 1
    assert origin.at_origin() == ["churn@1", "churn@v0.1.0", "run/one"]
    clean(origin)


def unlock(place: Place) -> None:
    """What the doctor says to do about locks."""
    assert place.origin
    for lock in place.origin.rglob("*.lock"):
        lock.unlink()


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_origin_that_dies_at_each_push_keeps_the_wish(
    clone: Place, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(registering, "_PATIENCE", 0.0)
    spared = killing_hook(clone, moment, once=False)
    logged = log(2, run_id="one")
    try:
        gitreg.register(logged, "churn")
    except Unreachable as away:
        assert "gitreg push completes it" in away.hint
        assert status().wishes == ("run:one/model as churn",)
    else:
        assert moment in {"with the refs written", "when all is done"}
    spared.touch()
    unlock(clone)
    gitreg.push()
    assert gitreg.register(logged, "churn").number == 1
    assert clone.at_origin() == ["churn@1", "churn@v0.1.0", "run/one"]
    clean(clone)


def test_an_origin_that_goes_away_between_payloads_and_tags(origin: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert origin.origin
    real, elsewhere = registering.publish_payloads, origin.origin.with_suffix(".away")

    def publish(*given: object) -> None:
        real(*given)  # type: ignore[arg-type]
        assert origin.origin
        origin.origin.rename(elsewhere)

    logged = log(2, run_id="one")
    with monkeypatch.context() as patch:
        patch.setattr(registering, "publish_payloads", publish)
        with pytest.raises(Unreachable, match=r"cannot (push to|fetch from)") as away:
            gitreg.register(logged, "churn")
    assert away.value.hint == "it is kept and not yet a version: gitreg push completes it"
    elsewhere.rename(origin.origin)
    assert origin.at_origin() == []
    assert [str(version) for version in gitreg.push().versions] == ["churn@v0.1.0"]
    clean(origin)


@contextlib.contextmanager
def away(folder: Path) -> Iterator[None]:
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    try:
        yield
    finally:
        elsewhere.rename(folder)


def test_a_payload_store_that_is_not_mounted_keeps_the_wish(clone: Place, tmp_path: Path) -> None:
    mounted = tmp_path / "mount"
    (mounted / "payloads").mkdir(parents=True)
    git(clone.path, "config", "gitreg.payloads", mounted / "payloads")
    place = Place(clone.path, clone.origin, mounted / "payloads")
    logged = log(2, run_id="one")
    with away(mounted):
        with pytest.raises(Unreachable, match=f"{mounted}/payloads is not there"):
            gitreg.register(logged, "churn")
        assert (clone.at_origin(), status().wishes) == ([], ("run:one/model as churn",))
        with pytest.raises(Unreachable):
            gitreg.push("one")
        assert clone.at_origin() == []
    assert [str(version) for version in gitreg.push("one").versions] == ["churn@v0.1.0"]
    clean(place)


# Two blocks of 128 bytes with one md5, by Wang, Feng, Lai and Yu (2004).
_PREFIX = "d131dd02c5e6eec4693d9a0698aff95c2fcab5"
ONE, TWO = (
    bytes.fromhex(_PREFIX + text)
    for text in (
        "8712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd4"
        "36c919c6dd53e2b487da03fd02396306d248cda0e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70",
        "0712467eab4004583eb8fb7f8955ad340609f4b30283e4888325f1415a085125e8f7cdc99fd91dbd7280373c5bd8823e3156348f5bae6dacd4"
        "36c919c6dd53e23487da03fd02396306d248cda0e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70",
    )
)


def test_of_two_payloads_with_one_md5_the_second_is_refused_and_the_first_stays(clone: Place, tmp_path: Path) -> None:
    assert hashlib.md5(ONE).hexdigest() == hashlib.md5(TWO).hexdigest() == "79054025255fb1a26e4bc422aef54eb4"
    assert ONE != TWO
    log_run(clone.path, "one", write_model(tmp_path / "m1", weights=ONE), register_as="churn")
    with pytest.raises(Refused, match=r"model.pkl has the md5 of another payload"):
        log_run(clone.path, "two", write_model(tmp_path / "m2", weights=TWO), register_as="churn")
    assert clone.at_origin() == ["churn@1", "churn@v1.0.0", "run/one"]
    other = clone.clone(tmp_path / "other")
    for place in (clone, other):
        pulled = gitreg.pull("churn@1", tmp_path / f"of-{place.path.name}", registry=place.path)
        assert (pulled / "model.pkl").read_bytes() == ONE
    assert fsck(remote=True, registry=other.path).ok


@pytest.mark.parametrize("what", ["churn@1", "churn@1^{commit}", "churn@1:model", "churn@1:model/MLmodel"])
def test_a_flipped_bit_in_an_object_of_gits_is_named_and_nothing_is_loaded(
    clone: Place, tmp_path: Path, what: str
) -> None:
    gitreg.register(log(2, run_id="one"), "churn")
    oid = git(clone.path, "rev-parse", what)
    path = clone.path / ".git/objects" / oid[:2] / oid[2:]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(GitregError):
        gitreg.pull("churn@1", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not fsck().ok
    other = clone.clone(tmp_path / "other")
    assert (gitreg.pull("churn@1", tmp_path / "out", registry=other.path) / "model.pkl").exists()


def test_the_cache_deleted_at_any_step_of_a_training(clone: Place, tmp_path: Path) -> None:
    cache = open_registry().cache.root
    names: list[str] = []
    for n in itertools.count(1, 6):
        names.append(f"m{n}")
        ended = disturbing.run(
            train_beside, clone.path, names[-1], tmp_path / "target", what=disturbing.delete, cache=cache, step=n
        )
        assert ended.code in {0, 1, 2}
        if n > ended.steps:
            break
    assert len(names) > 3
    for name in names:
        assert run(train_small, clone.path, name) == 0
        loaded = gitreg.load_model(f"{name}@1")
        assert callable(loaded) and loaded(2) == sum(name.encode()) * 2
    clean(clone)
