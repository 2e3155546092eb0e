"""Clones and addresses of a registry behind a real OpenSSH server, and the server gone or not known."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gitreg
from gitreg.errors import NotFound, Unreachable
from gitreg.registry.care.status import status
from gitreg.registry.homes import cache_home
from gitreg.registry.place import open_registry
from testing.commandline import program
from testing.gitcli import git
from testing.registries import log, signature
from testing.sshd import SshServer, serving, trust

ROWS = np.array([1.0, 2.0])


def answer(model: object, value: object) -> Any:
    assert callable(model)
    return model(value)


def predicted(reference: str, registry: str | None = None) -> Any:
    return np.asarray(gitreg.load_pyfunc(reference, registry=registry).predict(ROWS)).tolist()


def payloads(folder: Path) -> list[Path]:
    """What the payload store inside the origin holds."""
    return sorted(path for path in (folder / "o.git/payloads").rglob("*") if path.is_file())


@pytest.fixture
def origin(sshd: SshServer, tmp_path: Path) -> str:
    """The address of a registry with two versions, made from the clone `here`, which is the one that is meant."""
    address = sshd.url(tmp_path / "o.git")
    gitreg.init(tmp_path / "here", origin=address)
    gitreg.use(tmp_path / "here")
    log(2, "churn", input_example=ROWS)
    log(3, "churn", input_example=ROWS)
    return address


@pytest.fixture
def there(origin: str, tmp_path: Path) -> Path:
    """Another clone, made with plain git, and the one that is meant."""
    git(tmp_path, "clone", "-q", origin, "there")
    gitreg.use(tmp_path / "there")
    return tmp_path / "there"


def test_what_one_clone_registers_another_loads(origin: str, there: Path, tmp_path: Path) -> None:
    assert len(payloads(tmp_path)) > 2
    assert (str(gitreg.resolve("churn")), gitreg.resolve("churn@1").number) == ("churn@v1.0.1", 1)
    assert answer(gitreg.load_model("churn"), 4) == 12
    assert answer(gitreg.load_model("churn@v1.0.0"), 4) == 8
    assert predicted("churn") == [3.0, 6.0]
    assert (gitreg.pull("churn", tmp_path / "served") / "MLmodel").is_file()
    assert log(5, "churn", found=signature(a="long")).version == "churn@v2.0.0"
    assert answer(gitreg.load_model("churn", registry=tmp_path / "here"), 4) == 20
    gitreg.note("churn@3", {"owner": "risk"})
    assert gitreg.retire("churn@3", "a mistake").retired
    gitreg.fetch(registry=tmp_path / "here")
    assert str(gitreg.resolve("churn", registry=tmp_path / "here")) == "churn@v1.0.1"
    assert gitreg.search_versions("labels.owner = 'risk'", registry=tmp_path / "here")[0].number == 3
    assert set(git(tmp_path / "o.git", "tag").splitlines()) == set(git(there, "tag").splitlines())


def test_an_address_is_enough_to_read(origin: str, tmp_path: Path, home: Path) -> None:
    found = gitreg.resolve("churn", registry=origin)
    assert (str(found), found.stale) == ("churn@v1.0.1", False)
    assert answer(gitreg.load_model("churn@1", registry=origin), 4) == 8
    assert predicted("churn@v1", registry=origin) == [3.0, 6.0]
    assert (gitreg.pull("churn", tmp_path / "served", registry=origin) / "SHA256SUMS").is_file()
    listed = gitreg.search_versions(registry=origin)
    assert sorted(map(str, listed)) == ["churn@v1.0.0", "churn@v1.0.1"]
    assert [run.id for run in gitreg.search_runs(registry=origin)] == [listed[0].run_id, listed[1].run_id]
    assert answer(gitreg.load_model(f"run:{found.run_id}", registry=origin), 4) == 12
    (mirror,) = (cache_home() / "mirrors").iterdir()
    assert home in mirror.parents and list(tmp_path.glob("*/gitreg.yaml")) == [tmp_path / "here/gitreg.yaml"]
    # What comes later is seen, and a mirror that was deleted is made again.
    log(7, "churn", input_example=ROWS)
    assert answer(gitreg.load_model("churn", registry=origin), 4) == 28
    shutil.rmtree(cache_home())
    assert answer(gitreg.load_model("churn", registry=origin), 4) == 28


def test_no_registry_at_an_address(sshd: SshServer, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="does not appear to be a git repository"):
        gitreg.resolve("churn", registry=sshd.url(tmp_path / "none.git"))
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    with pytest.raises(NotFound, match="no registry at"):
        gitreg.resolve("churn", registry=sshd.url(tmp_path / "empty.git"))


def test_a_payload_that_is_not_there_or_damaged_is_named(there: Path, tmp_path: Path) -> None:
    gitreg.resolve("churn@1")
    # The pickles; the other payloads are examples.
    stored = [path for path in payloads(tmp_path) if b"functools" in path.read_bytes()]
    for path in stored:
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(gitreg.Damaged, match=r"model\.pkl"):
        gitreg.load_model("churn@1")
    for path in stored:
        path.unlink()
    with pytest.raises(NotFound, match=r"model\.pkl"):
        gitreg.load_model("churn@1")
    gitreg.push("churn@1", registry=tmp_path / "here")
    assert answer(gitreg.load_model("churn@1"), 4) == 8


def test_a_host_that_nobody_knows_gets_and_gives_no_payload(
    there: Path, sshd: SshServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # git still knows the server; only what reads ~/.ssh does not.
    for_git = shutil.copy(home / ".ssh/config", home / "config-of-git")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"ssh -F {shlex.quote(str(for_git))}")
    (home / "nobody").write_text("")
    settings = (home / ".ssh/config").read_text().replace(f"{sshd.folder}/known_hosts", str(home / "nobody"))
    (home / ".ssh/config").write_text(settings)
    before = git(tmp_path / "o.git", "for-each-ref"), payloads(tmp_path)
    said = program("-R", there, "pull", "churn@1", tmp_path / "served")
    assert said.code == 75 and "ssh://" in said.err and "not trusted" in said.err
    assert not (tmp_path / "served").exists()
    run = log(4).run_id
    said = program("-R", there, "register", f"run:{run}", "churn")
    assert said.code == 75 and "not trusted" in said.err
    assert (git(tmp_path / "o.git", "for-each-ref"), payloads(tmp_path)) == before


def test_a_host_that_nobody_knows_gets_no_word_of_gits_either(there: Path, sshd: SshServer, home: Path) -> None:
    (home / ".ssh/config").write_text((home / ".ssh/config").read_text().replace("/known_hosts", "/unknown_hosts"))
    with pytest.raises(Unreachable, match="No ED25519 host key is known"):
        gitreg.resolve("churn")


def test_a_server_that_was_stopped(
    sealed_session: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    with serving(keys, sealed_session) as server:
        address = trust(server, home, monkeypatch).url(tmp_path / "o.git")
        gitreg.init(tmp_path / "here", origin=address)
        gitreg.use(tmp_path / "here")
        log(2, "churn", input_example=ROWS)
        git(tmp_path, "clone", "-q", address, "there")
        for where in (tmp_path / "there", address):
            assert answer(gitreg.load_model("churn@1", registry=where), 4) == 8
    for moving in ("churn", "churn@latest", "churn@v1", "models:/churn/latest"):
        with pytest.raises(Unreachable, match="Connection refused") as refused:
            gitreg.resolve(moving, registry=tmp_path / "there")
        assert refused.value.exit_code == 75
    for fixed in ("churn@v1.0.0", "churn@1"):
        assert answer(gitreg.load_model(fixed, registry=tmp_path / "there"), 4) == 8
    for where in (tmp_path / "there", address):
        found = gitreg.resolve("churn", registry=where, offline=True)
        assert (str(found), found.stale) == ("churn@v1.0.0", True)
        assert answer(gitreg.load_model("churn", registry=where, offline=True), 4) == 8
        assert [str(v) for v in gitreg.search_versions(registry=open_registry(where, offline=True))] == ["churn@v1.0.0"]
    with pytest.raises(Unreachable):
        gitreg.resolve("churn", registry=address)
    with pytest.raises(Unreachable, match="was never read from here"):
        gitreg.resolve("churn", registry=f"{address}-other", offline=True)
    with pytest.warns(UserWarning, match="gitreg push completes it"):
        log(3, "churn")
    assert status().stale and len(status().wishes) == 1
    said = program("-R", tmp_path / "there", "show", "churn@latest")
    assert said.code == 75 and "Connection refused" in said.err
    assert program("-R", tmp_path / "there", "--offline", "show", "churn@latest").code == 0
