"""An origin on another machine: git and payloads both travel by ssh."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, NotFound, Unreachable, Unsupported
from gitreg.registry.load import read_file
from gitreg.registry.place import open_registry
from testing.gitcli import git
from testing.registries import Place, log, signature
from testing.sshd import SshServer


@pytest.fixture
def far(sshd: SshServer, tmp_path: Path) -> Place:
    """A clone of an origin behind ssh."""
    origin = tmp_path / "far" / "registry.git"
    origin.parent.mkdir()
    made = gitreg.init(tmp_path / "near", origin=sshd.url(origin))
    assert made.payloads.startswith("ssh://")
    gitreg.use(tmp_path / "near")
    return Place(tmp_path / "near", origin, origin / "payloads")


def test_a_model_goes_there_and_comes_back(far: Place, sshd: SshServer, tmp_path: Path) -> None:
    assert log(2, "churn", found=signature(a="long")).version == "churn@v1.0.0"
    assert far.at_origin() == far.tags()
    assert len([p for p in far.payloads.rglob("*") if p.is_file()]) == 1
    other = Place(tmp_path / "other", far.origin, far.payloads)
    git(tmp_path, "clone", "-q", sshd.url(far.origin or ""), other.path)
    assert gitreg.load_model("churn@v1", registry=other.path)(4) == 8
    assert gitreg.pull("churn", tmp_path / "served", registry=other.path).joinpath("model.pkl").exists()
    assert gitreg.load_model("churn", registry=other.path, offline=True)(4) == 8
    assert log(3, "churn", found=signature(a="long"), registry=other.path).version == "churn@v1.0.1"


def test_a_registry_is_read_by_its_address_alone(far: Place, sshd: SshServer, tmp_path: Path, home: Path) -> None:
    log(2, "churn")
    log(3, "churn")
    log(4)
    assert far.origin
    address = sshd.url(far.origin)
    assert gitreg.resolve("churn", registry=address).number == 2
    assert gitreg.load_model("churn@1", registry=address)(4) == 8
    assert read_file("churn@1", "requirements.txt", registry=address) == b"cloudpickle\n"
    gitreg.pull("churn@v0", tmp_path / "served", registry=address)
    run = gitreg.resolve("churn@1", registry=address).run_id
    assert gitreg.get_run(run, registry=address).id == run
    (mirror,) = (home / ".cache/gitreg/mirrors").iterdir()
    assert git(mirror, "tag", "--list", "run/*") == f"run/{run}"
    for write in (lambda: log(9, "churn", registry=address), lambda: gitreg.retire("churn@1", "x", registry=address)):
        with pytest.raises(Unsupported, match="can be read by its address, but not yet written to"):
            write()
    far.origin.rename(tmp_path / "away")
    with pytest.raises(Unreachable):
        gitreg.resolve("churn", registry=address)
    assert gitreg.load_model("churn@1", registry=address, offline=True)(4) == 8


def test_a_host_nobody_knows_is_not_asked(far: Place, sshd: SshServer, home: Path, tmp_path: Path) -> None:
    log(2, "churn")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", sshd.url(far.origin or ""), other)
    settings = home / ".ssh/config"
    settings.write_text(settings.read_text().replace(f"{sshd.folder}/known_hosts", "/dev/null"))
    with pytest.raises(Unreachable):
        gitreg.resolve("churn", registry=sshd.url(far.origin or ""))
    # The payloads' way is another library's than git's: it must ask the same question.
    with pytest.raises(Unreachable, match="cannot .* ssh://"):
        gitreg.load_model("churn@1", registry=other)
    with pytest.raises(Unreachable):
        gitreg.register(log(3), "churn")
    assert far.at_origin("churn*") == ["churn@1", "churn@v0.1.0"]


def test_a_payload_that_was_changed_there_is_refused(far: Place, sshd: SshServer, tmp_path: Path) -> None:
    log(2, "churn")
    (stored,) = (p for p in far.payloads.rglob("*") if p.is_file())
    content = bytearray(stored.read_bytes())
    content[10] ^= 1
    stored.chmod(0o644)
    stored.write_bytes(content)
    git(tmp_path, "clone", "-q", sshd.url(far.origin or ""), tmp_path / "other")
    with pytest.raises(gitreg.Damaged, match="model.pkl"):
        gitreg.load_model("churn", registry=tmp_path / "other")
    cache = open_registry(tmp_path / "other").cache.root
    assert [p for p in cache.rglob("*") if p.is_file()] == []
    stored.unlink()
    with pytest.raises(NotFound, match="model.pkl is not in ssh://"):
        gitreg.load_model("churn", registry=tmp_path / "other")


def test_a_path_with_odd_names_travels(sshd: SshServer, tmp_path: Path) -> None:
    origin = tmp_path / "far away" / "régistre's.git"
    origin.parent.mkdir()
    gitreg.init(tmp_path / "near", origin=sshd.url(origin))
    gitreg.use(tmp_path / "near")
    assert log(2, "churn").version == "churn@v0.1.0"
    git(tmp_path, "clone", "-q", sshd.url(origin), tmp_path / "other")
    assert gitreg.load_model("churn", registry=tmp_path / "other")(1) == 2
    with pytest.raises(Conflict):
        gitreg.init(tmp_path / "near", origin=sshd.url(origin))
