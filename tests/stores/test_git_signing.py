"""Signing commits, and telling whose key signed one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitreg.errors import Damaged, Refused
from gitreg.format.keys import key_fingerprint
from gitreg.stores.git import Repository, find_repository
from gitreg.stores.git.signing import Signature, signatures_of, write_tree_commit
from testing.gitcli import git
from testing.team import make_key, use_key

ANA = "Ana Analyst <ana@example.org>"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "repo")
    return tmp_path / "repo"


def opened(path: Path) -> Repository:
    found = find_repository(path)
    assert found
    return found


def commit(path: Path, message: str = "approved\n\nGitreg-Format: 1\n") -> str:
    tree = git(path, "mktree", input="")
    return write_tree_commit(opened(path), tree, [], message, ANA, 1_788_000_000)


def test_without_a_key_nothing_is_signed(repo: Path) -> None:
    made = commit(repo)
    shown = git(repo, "log", "-1", "--format=%an <%ae> %at|%cn <%ce> %ct", made)
    assert shown == f"{ANA} 1788000000|{ANA} 1788000000"
    assert signatures_of(opened(repo), [made]) == {made: Signature()}
    assert signatures_of(opened(repo), []) == {}


def test_a_key_of_ssh(repo: Path, tmp_path: Path) -> None:
    public = use_key(repo, tmp_path / "key")
    made = commit(repo)
    told = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    fingerprint = told.stdout.split()[1]
    assert signatures_of(opened(repo), [made]) == {made: Signature(key=fingerprint)}
    assert key_fingerprint(public) == key_fingerprint(fingerprint) == fingerprint


def test_many_at_once_signed_and_not(repo: Path, tmp_path: Path) -> None:
    unsigned = commit(repo)
    public = use_key(repo, tmp_path / "key")
    signed = commit(repo)
    text = git(repo, "cat-file", "commit", signed) + "\n"
    forged = git(repo, "hash-object", "-t", "commit", "-w", "--stdin", input=text.replace("approved", "Approved"))
    found = signatures_of(opened(repo), [signed, unsigned, forged])
    assert found[signed].key == key_fingerprint(public)
    assert found[unsigned] == Signature()
    assert found[forged] == Signature(broken="the signature is not one of this text")


def test_a_signature_made_for_something_else_is_broken(repo: Path, tmp_path: Path) -> None:
    use_key(repo, tmp_path / "key")
    signed = git(repo, "cat-file", "commit", commit(repo)) + "\n"
    head, _, rest = signed.partition("gpgsig ")
    body = rest[rest.index("\n\n") :]
    payload = (head.rstrip("\n") + body).encode()
    made = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", tmp_path / "key"],
        input=payload, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    other = head + "gpgsig " + made.strip().replace("\n", "\n ") + body
    forged = git(repo, "hash-object", "-t", "commit", "-w", "--stdin", input=other)
    found = signatures_of(opened(repo), [forged])[forged]
    assert (found.key, bool(found.broken)) == ("", True)


def test_the_settings_of_the_repository_do_not_count(repo: Path, tmp_path: Path) -> None:
    use_key(repo, tmp_path / "key")
    signed = commit(repo)
    text = git(repo, "cat-file", "commit", signed) + "\n"
    forged = git(repo, "hash-object", "-t", "commit", "-w", "--stdin", input=text.replace("approved", "Approved"))
    liar = tmp_path / "liar"
    liar.write_text('#!/bin/sh\necho \'Good "git" signature for ana with ED25519 key SHA256:x\'\ntouch "$0.ran"\n')
    liar.chmod(0o755)
    for key in ("gpg.ssh.program", "gpg.program", "gpg.openpgp.program", "gpg.x509.program"):
        git(repo, "config", key, liar)
    git(repo, "config", "log.showSignature", "true")
    assert signatures_of(opened(repo), [forged])[forged].broken
    assert signatures_of(opened(repo), [signed])[signed].key
    assert not (tmp_path / "liar.ran").exists()


def test_a_key_that_is_not_there(repo: Path, tmp_path: Path) -> None:
    use_key(repo, tmp_path / "key")
    (tmp_path / "key").unlink()
    with pytest.raises(Refused, match=r"cannot sign.*key\.pub") as caught:
        commit(repo)
    assert "user.signingkey" in caught.value.hint
    git(repo, "config", "gpg.format", "x509")
    with pytest.raises(Refused, match="x509"):
        commit(repo)


def test_a_key_of_openpgp(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "g"  # the path of gpg's socket is limited
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    gpg = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    try:
        subprocess.run([*gpg, "--quick-gen-key", ANA, "ed25519", "sign", "never"], check=True, capture_output=True)
        listed = subprocess.run([*gpg, "--list-keys", "--with-colons"], check=True, capture_output=True, text=True)
        fingerprint = next(line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr:"))
        git(repo, "config", "user.signingkey", fingerprint)
        made = commit(repo)
        assert signatures_of(opened(repo), [made]) == {made: Signature(key=fingerprint)}
        assert key_fingerprint(f"{fingerprint[:20].lower()} {fingerprint[20:]}") == fingerprint
        monkeypatch.setenv("GNUPGHOME", str(tmp_path))
        assert signatures_of(opened(repo), [made])[made].broken == "the signature's key is not known here"
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, capture_output=True)


@pytest.mark.parametrize(
    "text", ["", "ana", "ssh-ed25519", "ssh-ed25519 AAAAbo", "SHA256:short", "ABCD", "ssh-rsa " + "A" * 40]
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(Damaged, match="no public key and no fingerprint"):
        key_fingerprint(text)


def test_a_key_that_says_another_type_than_it_is(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    text = (tmp_path / "key.pub").read_text()
    assert key_fingerprint(text).startswith("SHA256:")
    with pytest.raises(Damaged):
        key_fingerprint(text.replace("ssh-ed25519", "ssh-rsa"))
