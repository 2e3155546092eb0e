"""A real S3: Ceph's object gateway over one monitor and one disk that is in memory, all on loopback."""

from __future__ import annotations

import contextlib
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testing import serving

KEY_ID = "ana"
SECRET = "not-the-secret-of-anything"

CONFIG = """\
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor}
public network = 127.0.0.0/8
ms bind ipv6 = false
keyring = {folder}/keyring
admin socket =
pid file =
run dir = {folder}
crash dir = {folder}
log file = {folder}/$name.log
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
[mon]
mon data = {folder}/mon
mon data avail crit = 1
mon data avail warn = 1
paxos propose interval = 0.05
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd max object name len = 256
osd max object namespace len = 64
[client]
rgw data = {folder}
rgw frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
rgw thread pool size = 32
"""

# Who takes part in the cluster, and the services that each may ask.
KEYS = {
    "mon.": ["mon"],
    "client.admin": ["mon", "osd", "mgr"],
    "client.gateway": ["mon", "osd"],
    "osd.0": ["mon", "osd"],
}


@dataclass(frozen=True)
class Ceph:
    """A running gateway: S3 on `port` of this machine, for whoever has the key."""

    port: int
    key_id: str = KEY_ID
    secret: str = field(default=SECRET, repr=False)

    def make_bucket(self, name: str) -> None:
        """Make a bucket; nothing where it is there."""
        from botocore.session import get_session

        client = get_session().create_client(
            "s3", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=self.key_id, aws_secret_access_key=self.secret,
        )  # fmt: skip
        client.create_bucket(Bucket=name)


@contextlib.contextmanager
def serving_ceph(folder: Path) -> Iterator[Ceph]:
    """A cluster that keeps its own files in `folder`; it runs as long as the block does. Takes some seconds."""
    monitor_port, gateway_port = serving.free_port(), serving.free_port()
    config = folder / "ceph.conf"
    fsid = str(uuid.uuid4())
    config.write_text(CONFIG.format(fsid=fsid, folder=folder, monitor=monitor_port, gateway=gateway_port))
    for name in ("mon", "osd"):
        (folder / name).mkdir()
    log = folder / "said.log"

    def run(name: str, *args: str, package: str = "ceph-common") -> str:
        command = [serving.program(name, package, "make test-servers"), "-c", str(config), *args]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            pytest.fail(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}", pytrace=False)
        return done.stdout

    def daemon(name: str, *args: str, package: str) -> subprocess.Popen[bytes]:
        command = [serving.program(name, package, "make test-servers"), "-c", config, "-f", *args]
        return serving.start(command, log, cwd=folder)

    running: list[subprocess.Popen[bytes]] = []
    try:
        run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{monitor_port}]", "monmap")
        for at, (name, services) in enumerate(KEYS.items()):
            allowed = [word for service in services for word in ("--cap", service, "allow *")]
            run("ceph-authtool", "keyring", *([] if at else ["--create-keyring"]), "--gen-key", "-n", name, *allowed)
        run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring", package="ceph-mon")
        running.append(daemon("ceph-mon", "-i", "a", package="ceph-mon"))
        disk = str(uuid.uuid4())
        run("ceph", "--connect-timeout", "30", "osd", "new", disk)
        run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk, package="ceph-osd")
        running.append(daemon("ceph-osd", "-i", "0", package="ceph-osd"))
        run("radosgw-admin", "user", "create", f"--uid={KEY_ID}", "--display-name=Ana", f"--access-key={KEY_ID}",
            f"--secret-key={SECRET}", package="radosgw")  # fmt: skip
        running.append(daemon("radosgw", "-n", "client.gateway", package="radosgw"))
        if not serving.becomes(lambda: _answers(gateway_port), running[-1], 30):
            pytest.fail(f"Ceph does not start: {log.read_text(errors='replace')[-2000:]}", pytrace=False)
        yield Ceph(gateway_port)
    finally:
        serving.stop(*reversed(running), grace=0)  # what it holds is in memory


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
