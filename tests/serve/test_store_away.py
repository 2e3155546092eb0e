"""A server that follows a stage while the payload store, which is S3, does not answer: it fetches when that is back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import gitreg
from serve.running import Serve
from testing.faults import Fault, always, faulty, fine
from testing.following import until
from testing.gitcli import git
from testing.models import put_stage
from testing.rclone import REGION, S3Server
from testing.registries import cloned, log, signature

CONFIG = """\
[core]
    remote = payloads
['remote "payloads"']
    url = s3://{bucket}/registry
    endpointurl = http://127.0.0.1:{port}
    region = {region}
"""


def test_a_version_whose_payload_cannot_be_fetched_is_served_once_it_can(
    s3_server: S3Server, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret)
    bucket = f"away-{os.getpid()}"
    s3_server.make_bucket(bucket)
    place = cloned(tmp_path / "registry")
    with faulty(s3_server.port) as proxy:
        (place.path / ".dvc/config").write_text(CONFIG.format(bucket=bucket, port=proxy.port, region=REGION))
        git(place.path, "commit", "-q", "-m", "payloads at S3", ".dvc/config")
        git(place.path, "push", "-q")
        gitreg.use(place.path)
        gitreg.fetch()
        for factor in (1, 2):
            log(factor, "churn", found=signature(a="long"))
        put_stage(place.path, "production", "churn@v1.0.0")
        here = place.clone(tmp_path / "here").path
        server = serve("churn@production", "--follow", "--every", "0.2s", "-R", here)
        proxy.rule = always(Fault(status=503))
        put_stage(place.path, "production", "churn@v1.0.1")
        until(lambda: server.ask("/health").json["failed"], "the failure on /health", 120)
        found = server.ask("/health").json
        assert (found["status"], found["version"], found["failed"]["version"]) == (
            "failed-to-update", "v1.0.0", "churn@v1.0.1",
        )  # fmt: skip
        assert server.predict({"dataframe_records": [{"a": 3}]}).predictions == [{"a": 3}]
        proxy.rule = fine
        until(lambda: server.ask("/health").json["version"] == "v1.0.1", "the store", 120)
        assert server.predict({"dataframe_records": [{"a": 3}]}).predictions == [{"a": 6}]
        assert server.ask("/health").json["failed"] is None
        assert "Traceback" not in server.said()
