"""The ssh server of the tests serves git and DVC, and nobody without the key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from testing.gitcli import git
from testing.sshd import SshServer


def test_git_pushes_and_clones(sshd: SshServer, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "origin with space.git")
    url = sshd.url(tmp_path / "origin with space.git")
    assert url.startswith(f"ssh://{sshd.user}@127.0.0.1:{sshd.port}/")
    git(tmp_path, "init", "-q", "work")
    git(tmp_path / "work", "commit", "-q", "--allow-empty", "-m", "first")
    git(tmp_path / "work", "push", "-q", url, "main")
    git(tmp_path, "clone", "-q", url, "copy")
    assert git(tmp_path / "copy", "log", "--format=%s") == "first"
    assert "Accepted publickey" in sshd.log()


def test_commands_on_the_server_see_the_sealed_settings(sshd: SshServer, home: Path) -> None:
    command = ["ssh", "-F", home / ".ssh/config", "-p", str(sshd.port), sshd.host, "git config --list --show-origin"]
    settings = subprocess.check_output(command, text=True).splitlines()
    assert len({line.split("\t")[0] for line in settings}) == 1
    assert any(line.endswith("user.email=ana@example.org") for line in settings)


THERE_AND_BACK = """
import pathlib, shutil
from dvc.cli import main
assert main(["add", "-q", "model.pkl"]) == 0
assert main(["push", "-q"]) == 0
pathlib.Path("model.pkl").unlink()
shutil.rmtree(".dvc/cache")
assert main(["pull", "-q"]) == 0
"""


def test_dvc_pushes_and_pulls(sshd: SshServer, tmp_path: Path) -> None:
    (tmp_path / "work/.dvc").mkdir(parents=True)
    (tmp_path / "work/.dvc/config").write_text(
        f"""[core]\nno_scm = true\nremote = store\n['remote "store"']\nurl = {sshd.url(tmp_path / "store")}\n"""
    )
    payload = tmp_path / "work/model.pkl"
    payload.write_bytes(b"weights")
    done = subprocess.run([sys.executable, "-c", THERE_AND_BACK], cwd=tmp_path / "work", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()] == [b"weights"]
    assert payload.read_bytes() == b"weights"


def test_another_key_is_not_let_in(sshd: SshServer, home: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "other"], check=True)
    settings = (home / ".ssh/config").read_text().replace(str(sshd.key), str(home / "other"))
    (home / "config").write_text(settings)
    command = ["ssh", "-F", home / "config", "-p", str(sshd.port), sshd.host, "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr
