"""Origins on another machine: a real OpenSSH server, and git on its side."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from gitreg.errors import Refused, Unreachable, Unsupported
from gitreg.registry.place import open_registry
from gitreg.registry.runs.open_run import start_run
from gitreg.registry.start.init import init
from testing.gitcli import git
from testing.sshd import SshServer


@pytest.fixture
def box(sshd: SshServer, home: Path) -> str:
    """The server by a name of the user's own settings, for addresses without a port."""
    with (home / ".ssh/config").open("a") as config:
        config.write(
            f"\nHost box\n    HostName 127.0.0.1\n    Port {sshd.port}\n    User {sshd.user}\n"
            f"    IdentityFile {sshd.key}\n    UserKnownHostsFile {sshd.folder}/known_hosts\n    BatchMode yes\n"
        )
    return "box"


@pytest.mark.parametrize("name", ["reg.git", "it's a $(registry); x & y.git"])
def test_an_origin_is_made_through_ssh(sshd: SshServer, tmp_path: Path, name: str) -> None:
    origin = tmp_path / "deep" / name
    made = init(tmp_path / "r", origin=sshd.url(origin))
    assert (made.created_origin, made.joined, made.origin) == (True, False, sshd.url(origin))
    assert made.payloads == f"ssh://{sshd.user}@127.0.0.1:{sshd.port}{origin}/payloads"
    settings = set(git(origin, "config", "--local", "--list").splitlines())
    assert {
        "uploadpack.allowfilter=true",
        "uploadpack.allowanysha1inwant=true",
        "receive.denydeletes=true",
        "receive.denynonfastforwards=true",
        "receive.fsckobjects=true",
        "core.logallrefupdates=true",
    } <= settings
    assert git(origin, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(origin, "rev-parse", "main") == git(tmp_path / "r", "rev-parse", "origin/main")
    git(tmp_path, "clone", "-q", sshd.url(origin), "clone")
    assert open_registry(tmp_path / "clone").payload_remote.url == made.payloads
    again = init(tmp_path / "s", origin=sshd.url(origin))
    assert (again.joined, again.created_origin, again.payloads) == (True, False, made.payloads)


def test_payloads_travel_into_the_origin(sshd: SshServer, tmp_path: Path) -> None:
    init(tmp_path / "r", origin=sshd.url(tmp_path / "o.git"))
    with start_run(run_id="one", registry=tmp_path / "r", push=True) as run:
        run.put_file("weights.pkl", b"weights")
    payloads = [path.read_bytes() for path in (tmp_path / "o.git/payloads").rglob("*") if path.is_file()]
    assert payloads == [b"weights"]


def test_a_registry_moves_to_an_origin_through_ssh(sshd: SshServer, tmp_path: Path) -> None:
    init(tmp_path / "r")
    with start_run(run_id="one", registry=tmp_path / "r") as run:
        run.put_file("weights.pkl", b"weights")
    init(tmp_path / "r", origin=sshd.url(tmp_path / "o.git"))
    assert git(tmp_path / "o.git", "tag") == "run/one"
    assert [path.read_bytes() for path in (tmp_path / "o.git/payloads").rglob("*") if path.is_file()] == [b"weights"]


@pytest.mark.parametrize("form", ["{box}:{path}", "{box}:{path}/", "ssh://{box}{path}"])
def test_every_form_of_address_names_the_same_folder(box: str, tmp_path: Path, form: str) -> None:
    made = init(tmp_path / "r", origin=form.format(box=box, path=tmp_path / "o.git"))
    assert (tmp_path / "o.git/HEAD").is_file()
    assert made.payloads == f"ssh://box{tmp_path}/o.git/payloads"


def test_a_path_in_the_home_folder_there_is_made_absolute(box: str, sealed_session: Path, tmp_path: Path) -> None:
    name = f"{tmp_path.name}/models/reg.git"
    for joined, address in enumerate((f"{box}:~/{name}", f"ssh://{box}/~/{name}")):
        made = init(tmp_path / f"r{joined}", origin=address)
        assert (sealed_session / name / "HEAD").is_file()
        assert (made.joined, made.payloads) == (bool(joined), f"ssh://box{sealed_session}/{name}/payloads")
        assert open_registry(made.path).remote == "origin"


def test_a_relative_path_begins_where_the_login_does(box: str, tmp_path: Path) -> None:
    login = pwd.getpwuid(os.getuid()).pw_dir
    name = os.path.relpath(tmp_path / "reg.git", login)
    made = init(tmp_path / "r", origin=f"{box}:{name}")
    assert (tmp_path / "reg.git/HEAD").is_file()
    assert made.payloads == f"ssh://box{login}/{name}/payloads"


def test_a_folder_that_dvc_could_not_name_is_refused_before_it_is_made(sshd: SshServer, tmp_path: Path) -> None:
    for name in ('it\'s "odd".git', "what?.git"):
        with pytest.raises(Refused):
            init(tmp_path / "r", origin=sshd.url(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_and_a_bare_repository_are_taken(sshd: SshServer, tmp_path: Path) -> None:
    (tmp_path / "empty.git").mkdir()
    assert init(tmp_path / "r", origin=sshd.url(tmp_path / "empty.git")).created_origin
    git(tmp_path, "init", "-q", "--bare", "-b", "master", "bare.git")
    made = init(tmp_path / "s", origin=sshd.url(tmp_path / "bare"))
    assert (made.created_origin, made.payloads.endswith(f"{tmp_path}/bare.git/payloads")) == (False, True)
    assert git(tmp_path / "bare.git", "config", "receive.denyDeletes") == "true"
    assert git(tmp_path / "bare.git", "symbolic-ref", "HEAD") == "refs/heads/main"


@pytest.mark.parametrize("kind", ["files", "work tree", "sha256", "another user's home"])
def test_what_cannot_be_an_origin_is_refused(sshd: SshServer, box: str, tmp_path: Path, kind: str) -> None:
    there = tmp_path / "o"
    address = sshd.url(there)
    match kind:
        case "files":
            there.mkdir()
            (there / "x").write_text("x")
        case "work tree":
            git(tmp_path, "init", "-q", there)
        case "sha256":
            git(tmp_path, "init", "-q", "--bare", "--object-format=sha256", there)
        case "another user's home":
            address = f"{box}:~daemon/reg.git"
    with pytest.raises(Unsupported if kind == "sha256" else Refused):
        init(tmp_path / "r", origin=address)
    assert not (tmp_path / "r").exists()


def test_a_dry_run_makes_nothing_there(sshd: SshServer, tmp_path: Path) -> None:
    told = init(tmp_path / "r", origin=sshd.url(tmp_path / "o.git"), dry_run=True)
    assert list(tmp_path.iterdir()) == []
    assert init(tmp_path / "r", origin=sshd.url(tmp_path / "o.git")) == told


def test_gits_own_setting_of_the_command_is_honoured(
    sshd: SshServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_SSH_COMMAND")
    subprocess.run(["git", "config", "--global", "core.sshCommand", f"ssh -F '{home}/.ssh/config'"], check=True)
    assert init(tmp_path / "r", origin=sshd.url(tmp_path / "o.git")).created_origin


def test_nobody_there_is_told_with_sshs_words(sshd: SshServer, tmp_path: Path) -> None:
    address = f"ssh://{sshd.user}@127.0.0.1:9{tmp_path}/o.git"
    with pytest.raises(Unreachable, match=r"cannot reach ssh://.*: .*Connection refused"):
        init(tmp_path / "r", origin=address)
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be_made_there_is_told(sshd: SshServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Exception, match="cannot make a repository at ssh://"):
        init(tmp_path / "r", origin=sshd.url(tmp_path / "file/o.git"))
