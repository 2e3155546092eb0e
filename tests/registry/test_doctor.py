"""Each thing that can be wrong is found, told with what to type, and never an error of the doctor's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gitreg.registry.care.doctor import Finding, doctor
from gitreg.registry.care.machine import look_at_dvc
from gitreg.registry.homes import mirror_home
from gitreg.registry.journal import open_journal
from gitreg.registry.place import open_registry
from gitreg.registry.seen import remember_seen
from gitreg.registry.start.init import init
from gitreg.registry.wishes import Wish, keep_wish
from testing.clock import Clock
from testing.gitcli import git, snapshot
from testing.sshd import SshServer

NAMES = [
    *("git", "identity", "registry", "locks", "gitreg.yaml", "origin", "tags", "dvc", "payloads", "runs"),
    *("registrations", "seen", "folders", "room", "clock"),
]


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry with an origin."""
    init(tmp_path / "r", origin=tmp_path / "o.git")
    return tmp_path / "r"


def wrong(registry: Path) -> list[Finding]:
    return [finding for finding in doctor(registry) if not finding.ok]


def change_main(registry: Path, name: str, content: str | None) -> None:
    """Publish a main whose file `name` is changed, or gone."""
    if content is None:
        git(registry, "rm", "-q", name)
    else:
        (registry / name).write_text(content)
    git(registry, "commit", "-q", "-a", "-m", "change")
    git(registry, "push", "-q")


def test_a_sound_registry_is_well_and_untouched(registry: Path, tmp_path: Path) -> None:
    before = snapshot(registry)
    found = doctor(registry)
    assert [finding.name for finding in found] == NAMES
    assert [finding for finding in found if not finding.ok] == []
    assert found[1].message == "Ana Analyst <ana@example.org>"
    assert found[2].message == f"{registry}, branch main"
    assert found[3].to_dict() == {"name": "locks", "ok": True, "message": "none left behind", "hint": ""}
    assert snapshot(registry) == before
    assert not (tmp_path / "o.git/payloads").exists()


def test_without_an_origin_that_is_told_and_no_fault(tmp_path: Path) -> None:
    init(tmp_path / "r")
    found = {finding.name: finding for finding in doctor(tmp_path / "r")}
    assert all(finding.ok for finding in found.values())
    assert found["origin"].hint == "gitreg init --origin PATH-OR-URL"


def test_without_a_registry_git_and_identity_are_looked_at(home: Path) -> None:
    found = doctor()
    assert [(finding.name, finding.ok) for finding in found] == [("git", True), ("identity", True), ("registry", False)]
    assert found[2].hint.startswith("gitreg init")


def test_nobody_named_is_found(registry: Path, home: Path) -> None:
    (home / ".gitconfig").write_text("")
    (found,) = wrong(registry)
    assert (found.name, found.message) == ("identity", "nobody is named as the author")
    assert "git config --global user.name" in found.hint
    git(registry, "config", "user.name", "Bo")
    git(registry, "config", "user.email", "bo@example.org")
    assert wrong(registry) == []


@pytest.mark.parametrize(("said", "message"), [("git version 2.35.9", "git 2.35.9 is older than 2.36"), (None, "")])
def test_an_old_or_missing_git_is_found(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, message: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    if said:
        (programs / "git").write_text(f"#!/bin/sh\necho {said}\n")
        (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", os.fspath(programs) + ":/bin" if said else os.fspath(programs))
    found = doctor(registry)
    assert (found[0].name, found[0].ok, found[0].message) == ("git", False, message or "git is not installed")


@pytest.mark.parametrize("setting", ["objectFormat = sha256", "refStorage = reftable"])
def test_a_repository_of_another_kind_is_found(registry: Path, setting: str) -> None:
    with (registry / ".git/config").open("a") as config:
        config.write(f"[core]\n\trepositoryformatversion = 1\n[extensions]\n\t{setting}\n")
    assert "which DVC, GTO and GitPython cannot read" in wrong(registry)[0].message


def test_a_branch_without_gitreg_yaml_is_found_and_git_still_looked_at(registry: Path) -> None:
    change_main(registry, "gitreg.yaml", None)
    (registry / ".git/index.lock").touch()
    os.utime(registry / ".git/index.lock", (0, 0))
    assert [finding.name for finding in wrong(registry)] == ["registry", "locks"]


def test_every_mistake_of_gitreg_yaml_is_told(registry: Path) -> None:
    change_main(registry, "gitreg.yaml", "format: 1\nlimits:\n  file: big\nmetrics: 3\n")
    (found,) = wrong(registry)
    assert found.name == "gitreg.yaml"
    assert found.message.splitlines() == [
        "gitreg.yaml, line 3: limits: file is 'big', not a size such as 1MiB or a number of bytes",
        "gitreg.yaml, line 4: metrics is a number, not a list of names",
    ]


def test_unknown_keys_and_later_formats_are_told(registry: Path) -> None:
    change_main(registry, "gitreg.yaml", "format: 1\nmetrcs: []\n")
    assert [finding.message for finding in wrong(registry)] == ["gitreg.yaml, line 2: unknown key metrcs"]
    change_main(registry, "gitreg.yaml", "format: 9\n")
    (later,) = wrong(registry)
    assert later.message == "gitreg.yaml has format 9; this gitreg reads up to format 1"


def test_an_origin_that_is_gone_is_found_with_its_payloads(registry: Path, tmp_path: Path) -> None:
    shutil.move(tmp_path / "o.git", tmp_path / "away.git")
    origin, payloads = wrong(registry)
    assert (origin.name, payloads.name) == ("origin", "payloads")
    assert origin.message.startswith(f"cannot reach {tmp_path}/o.git")
    assert payloads.message == f"the payload store {tmp_path}/o.git/payloads is not there"


def test_offline_the_origin_is_not_asked(registry: Path, tmp_path: Path) -> None:
    git(registry, "remote", "set-url", "origin", "ssh://127.0.0.1:9/o.git")
    found = {finding.name: finding for finding in doctor(registry, offline=True)}
    assert all(finding.ok for finding in found.values())
    assert found["origin"].message == "ssh://127.0.0.1:9/o.git was not asked: this is offline"


def test_an_origin_without_main_is_found(registry: Path, tmp_path: Path) -> None:
    git(tmp_path / "o.git", "update-ref", "-d", "refs/heads/main")
    (found,) = wrong(registry)
    assert found.message == f"{tmp_path}/o.git has no branch main"


def test_a_refspec_that_takes_moved_tags_is_found_and_the_hint_mends_it(registry: Path) -> None:
    git(registry, "config", "--unset-all", "remote.origin.fetch", "refs/tags")
    plain = next(finding for finding in doctor(registry) if finding.name == "tags")
    assert (plain.ok, plain.hint) == (True, "git config --add remote.origin.fetch 'refs/tags/*:refs/tags/*'")
    git(registry, "config", "--add", "remote.origin.fetch", "+refs/tags/*:refs/tags/*")
    (found,) = wrong(registry)
    assert found.name == "tags"
    subprocess.run(found.hint, shell=True, cwd=registry, check=True)
    assert wrong(registry) == []
    assert git(registry, "config", "--get-all", "remote.origin.fetch").splitlines() == [
        "+refs/heads/*:refs/remotes/origin/*",
        "refs/tags/*:refs/tags/*",
    ]


def test_a_payload_store_nobody_names_is_found(registry: Path) -> None:
    change_main(registry, ".dvc/config", None)
    (found,) = wrong(registry)
    assert (found.name, found.hint) == ("payloads", "git config gitreg.payloads URL")


def test_a_missing_plug_in_is_found(registry: Path) -> None:
    change_main(registry, ".dvc/config", "[core]\n    remote = p\n['remote \"p\"']\n    url = oss://bucket/x\n")
    (found,) = wrong(registry)
    assert (found.name, found.ok) == ("payloads", False)
    assert "oss" in found.message + found.hint


def test_locks_that_were_left_are_found_and_the_hint_removes_them(registry: Path, tmp_path: Path) -> None:
    old = [
        registry / ".git/index.lock",
        registry / ".git/packed-refs.lock",
        registry / ".git/refs/tags/churn@v1 .lock",
        tmp_path / "o.git/packed-refs.lock",
    ]
    for lock in old:
        lock.touch()
        os.utime(lock, (0, 0))
    young = registry / ".git/HEAD.lock"
    young.touch()
    found = wrong(registry)
    assert {finding.name for finding in found} == {"locks"}
    for finding in found:
        assert finding.message.endswith("is left since 1970-01-01T00:00:00.000Z: git refuses to write")
        subprocess.run(finding.hint.partition(": ")[2], shell=True, check=True)
    assert [lock for lock in old if lock.exists()] == []
    assert young.exists()
    assert wrong(registry) == []


def test_interrupted_runs_and_wishes_are_found(registry: Path, fixed_clock: Clock) -> None:
    state = open_registry(registry).state
    journal = open_journal(state, "dead", afresh=False)
    journal.append({"event": "start", "name": "n", "started": fixed_clock.now, "source": {}, "tags": {}})
    assert wrong(registry) == []  # it is running
    journal.close(remove=False)
    keep_wish(state, Wish("one", "model", "churn"))
    run, wish = wrong(registry)
    assert (run.name, run.message) == ("runs", "run dead was interrupted and has not ended")
    assert (wish.message, wish.hint) == ("run:one/model as churn waits for the origin", "gitreg push")


def test_a_memory_that_cannot_be_read_is_found_and_the_hint_mends_it(registry: Path) -> None:
    state = open_registry(registry).state
    remember_seen(open_registry(registry), {"refs/tags/churn@1": "1" * 40})
    seen = {finding.name: finding.message for finding in doctor(registry)}
    assert seen["seen"] == "1 tags are remembered: one that moves is noticed"
    (state / "seen.sqlite").write_bytes(b"junk" * 1000)
    (found,) = wrong(registry)
    assert (found.name, found.message.partition(" cannot")[0]) == ("seen", f"{state}/seen.sqlite")
    subprocess.run(found.hint.partition(";")[0], shell=True, check=True)
    assert wrong(registry) == []


def test_a_file_in_the_place_of_a_folder_and_a_full_disk_are_found(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = open_registry(registry).cache.root
    root.parent.mkdir(parents=True, exist_ok=True)
    root.write_text("a file")
    assert [(f.name, f.message) for f in wrong(registry)] == [
        ("folders", f"{root} is a file, where a folder should be")
    ]
    root.unlink()
    monkeypatch.setattr("gitreg.registry.care.machine._LEAST_ROOM", 1 << 60)
    (found,) = wrong(registry)
    assert (found.name, found.hint) == ("room", "free some: gitreg gc")


def test_a_plug_in_that_is_not_installed_is_named(registry: Path) -> None:
    change_main(registry, ".dvc/config", "[core]\n    remote = p\n['remote \"p\"']\n    url = gdrive://bucket/x\n")
    assert "payloads" in {finding.name for finding in wrong(registry)}
    plugs = list(look_at_dvc("s3://bucket/x"))
    assert len(plugs) == 1
    assert plugs[0].message.startswith(("dvc 3.", "dvc-s3 is not installed, which payloads at s3:// need"))


def test_by_address_the_mirror_and_the_credentials_are_looked_at(
    registry: Path, tmp_path: Path, sshd: SshServer
) -> None:
    address = sshd.url(tmp_path / "o.git")
    found = {finding.name: finding for finding in doctor(address)}
    assert [finding for finding in found.values() if not finding.ok] == []
    assert found["origin"].message.startswith(f"{address} answers; credentials: ")
    assert found["origin"].message.endswith("with the keys and the agent it finds")
    lock = mirror_home(address) / "packed-refs.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    assert [(f.name, f.message.partition(" is left")[0]) for f in doctor(address) if not f.ok] == [("locks", str(lock))]


def test_a_clock_behind_the_newest_tag_is_found(
    registry: Path, fixed_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-02T09:33:00Z")
    git(registry, "tag", "-a", "-m", "x", "churn@v1.0.0")
    assert wrong(registry) == []
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-02T10:30:00Z")
    git(registry, "tag", "-a", "-m", "x", "churn@v1.1.0")
    (found,) = wrong(registry)
    assert found.message == "the newest tag, churn@v1.1.0, is of 2026-03-02T10:30:00.000Z: this clock is 3600 s behind"


def test_state_that_nobody_expects_is_a_finding(registry: Path) -> None:
    state = open_registry(registry).state
    (state / "wishes").mkdir(parents=True)
    (state / "wishes/x.json").write_text("[]")
    (state / "runs/odd").mkdir(parents=True)
    (state / "runs/odd/journal.jsonl").write_text("3\n")
    (registry / ".git/refs/remotes/origin/main").write_text("junk")
    assert not all(finding.ok for finding in doctor(registry))
    assert not all(finding.ok for finding in doctor(open_registry_broken(registry)))


def open_registry_broken(registry: Path) -> Path:
    """The same folder, with settings that git itself cannot read."""
    (registry / ".git/config").write_text("[broken")
    return registry
