"""Azure's blob storage as Microsoft's own emulator, Azurite, has it."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from testing import serving

ACCOUNT = "ana"
KEY = base64.b64encode(b"not the key of anything").decode()
PROGRAM = "GITREG_TEST_AZURITE"


@dataclass(frozen=True)
class Azurite:
    """A running emulator of one account."""

    port: int
    account: str = ACCOUNT
    key: str = field(default=KEY, repr=False)

    def connection_string(self, *, port: int | None = None, key: str | None = None) -> str:
        """What clients are told; another `port` for one that stands in front, another `key` for one who lies."""
        at = f"http://127.0.0.1:{port or self.port}/{self.account}"
        who = f"AccountName={self.account};AccountKey={key or self.key}"
        return f"DefaultEndpointsProtocol=http;{who};BlobEndpoint={at};"

    def make_container(self, name: str) -> None:
        """Make a container."""
        from azure.storage.blob import BlobServiceClient

        with BlobServiceClient.from_connection_string(self.connection_string()) as client:
            client.create_container(name)


@contextlib.contextmanager
def serving_azurite(folder: Path) -> Iterator[Azurite]:
    """The emulator, with its own files in `folder`; it runs as long as the block does."""
    azurite = Path(serving.from_environment(PROGRAM))
    node = azurite.parents[2] / "bin" / "node"  # the one it was installed with

    def command(port: int) -> list[str | Path]:
        # Its list of Azure's own versions ends before that of today's clients.
        options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", folder, "--skipApiVersionCheck"]
        return [node, azurite, *options, "--disableTelemetry"]

    seen = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with serving.listening("Azurite", command, folder / "azurite.log", cwd=folder, env=seen, seconds=60) as port:
        yield Azurite(port)
