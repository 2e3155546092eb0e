"""Google's object store as an emulator has it. It asks nobody who they are."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testing import serving

PROGRAM = "GITREG_TEST_GCS"

# gcsfs asks each bucket for a feature that the emulator does not know, and waits for ever.
CLIENT_ENVIRONMENT = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}


@dataclass(frozen=True)
class Gcs:
    """A running emulator."""

    port: int

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/storage/v1/b?project=models",
            data=json.dumps({"name": name}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=10):
            pass


@contextlib.contextmanager
def serving_gcs(folder: Path) -> Iterator[Gcs]:
    """The emulator, whose buckets are in memory; it runs as long as the block does."""
    emulator = serving.from_environment(PROGRAM)

    def command(port: int) -> list[str]:
        return [emulator, "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory"]

    with serving.listening("The emulator of GCS", command, folder / "gcs.log", cwd=folder) as port:
        yield Gcs(port)
