"""A training killed while its payload travels to S3: nothing half-done is seen, and running it again completes it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.care.fsck import fsck
from testing.faults import Fault, Proxy, Request, faulty
from testing.gitcli import git
from testing.killing import LARGE, run, start, train_large
from testing.rclone import REGION, S3Server
from testing.registries import Place

CONFIG = """\
[core]
    remote = payloads
['remote "payloads"']
    url = s3://{bucket}/registry
    endpointurl = http://127.0.0.1:{port}
    region = {region}
"""
SECRETS = """\
['remote "payloads"']
    access_key_id = {server.key_id}
    secret_access_key = {server.secret}
"""


@dataclass(frozen=True)
class Shop:
    """A clone whose payloads go to a bucket, through a proxy."""

    place: Place
    proxy: Proxy
    bucket: Path

    def clone(self, path: Path) -> Path:
        """Another clone of somebody who may write there."""
        made = self.place.clone(path).path
        (made / ".dvc/config.local").write_bytes((self.place.path / ".dvc/config.local").read_bytes())
        return made


@pytest.fixture
def shop(clone: Place, s3_server: S3Server, tmp_path: Path) -> Iterator[Shop]:
    """A registry at S3."""
    name = f"killed-{os.getpid()}-{tmp_path.name.replace('_', '-')}"[:60].strip("-")
    bucket = s3_server.make_bucket(name)
    with faulty(s3_server.port) as proxy:
        (clone.path / ".dvc/config").write_text(CONFIG.format(bucket=name, port=proxy.port, region=REGION))
        (clone.path / ".dvc/config.local").write_text(SECRETS.format(server=s3_server))
        git(clone.path, "commit", "-q", "-m", "payloads at S3", ".dvc/config")
        git(clone.path, "push", "-q")
        gitreg.fetch()
        yield Shop(clone, proxy, bucket)


@pytest.mark.parametrize("fault", [Fault(cut_request=True), Fault(cut_reply=True)], ids=["half sent", "all sent"])
def test_killed_while_a_payload_is_sent(shop: Shop, tmp_path: Path, fault: Fault) -> None:
    process = start(train_large, shop.place.path, "churn")

    def kill(request: Request) -> Fault | None:
        if request.method != "PUT" or request.size < LARGE or process.exitcode is not None:
            return None
        os.kill(process.pid, signal.SIGKILL)
        return fault

    shop.proxy.rule = kill
    process.join()
    assert process.exitcode == -9
    assert shop.place.at_origin() == []

    shop.proxy.forget()
    assert run(train_large, shop.place.path, "churn") == 0
    assert shop.place.at_origin() == ["churn@1", "churn@v0.1.0", "run/run-churn"]
    other = shop.clone(tmp_path / "other")
    assert (gitreg.pull("churn@1", tmp_path / "out", registry=other) / "model.pkl").stat().st_size > LARGE
    assert [fault for fault in fsck(remote=True, registry=other).faults if not fault.remark] == []
