"""A real OpenSSH server on loopback, for git and for DVC's ssh remotes."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

SERVER_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/hostkey
PidFile none
AuthorizedKeysFile {folder}/clientkey.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitUserRC no
AcceptEnv GIT_PROTOCOL
SetEnv "HOME={home}" "PATH={path}" GIT_CONFIG_NOSYSTEM=1 "GIT_CONFIG_GLOBAL={home}/.gitconfig"
Subsystem sftp internal-sftp
MaxStartups 100
LogLevel VERBOSE
"""

CLIENT_CONFIG = """\
Host 127.0.0.1
    User {user}
    IdentityFile {folder}/clientkey
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel ERROR
"""


@dataclass(frozen=True)
class SshServer:
    """A running server. It lets in whoever holds `clientkey`, as the user the tests run as."""

    host: str
    port: int
    user: str
    folder: Path

    @property
    def key(self) -> Path:
        """The client's private key."""
        return self.folder / "clientkey"

    def url(self, path: str | Path) -> str:
        """The address of an absolute path on this machine, through the server."""
        return f"ssh://{self.user}@{self.host}:{self.port}{quote(str(path))}"

    def log(self) -> str:
        """What the server has said: who connected, why it refused."""
        return (self.folder / "sshd.log").read_text(errors="replace")


@contextlib.contextmanager
def serving(folder: Path, home: Path) -> Iterator[SshServer]:
    """A server with its keys in `folder`, whose commands see `home`; it runs as long as the block does."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.fail("no sshd: run `make test`, which installs openssh-server", pytrace=False)
    for name in ("hostkey", "clientkey"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)  # sshd insists on it as root

    process = None
    for _ in range(5):  # another program may take the port between our asking and sshd's
        port = _free_port()
        process = _started(program, folder, port, home)
        if _answers(port, process):
            break
        _stop(process)
    else:
        pytest.fail(f"sshd does not start: {(folder / 'sshd.log').read_text()}", pytrace=False)

    host_key = " ".join((folder / "hostkey.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    server = SshServer("127.0.0.1", port, getpass.getuser(), folder)
    (folder / "client_config").write_text(CLIENT_CONFIG.format(user=server.user, folder=folder))
    try:
        yield server
    finally:
        _stop(process)


def trust(server: SshServer, home: Path, patch: pytest.MonkeyPatch) -> SshServer:
    """Let git and DVC of the user at `home` know the server and its key."""
    # DVC's library reads ~/.ssh/config of $HOME; OpenSSH's own client goes by the password file, so git is told.
    settings = home / ".ssh" / "config"
    settings.parent.mkdir(mode=0o700)
    shutil.copy(server.folder / "client_config", settings)
    patch.setenv("GIT_SSH_COMMAND", f"ssh -F {shlex.quote(str(settings))}")
    return server


@pytest.fixture(scope="session")
def sshd_server(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """The server itself, one for all tests of a process. Tests ask for `sshd`."""
    with serving(tmp_path_factory.mktemp("sshd"), sealed_session) as server:
        yield server


@pytest.fixture
def sshd(sshd_server: SshServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> SshServer:
    """A real OpenSSH server that git and DVC in this test can use: `sshd.url(path)`."""
    return trust(sshd_server, home, monkeypatch)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _started(program: str, folder: Path, port: int, home: Path) -> subprocess.Popen[bytes]:
    config = folder / "sshd_config"
    config.write_text(SERVER_CONFIG.format(port=port, folder=folder, home=home, path=os.environ["PATH"]))
    with (folder / "sshd.log").open("ab") as log:
        return subprocess.Popen(
            [program, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=log, start_new_session=True
        )


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait, at most ten seconds, until the server shows its banner."""
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.settimeout(5)
            if connection.recv(8).startswith(b"SSH-2.0"):
                return process.poll() is None
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and the connections it still serves: they are in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
