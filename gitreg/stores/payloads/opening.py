"""Which kind of store an address names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gitreg.stores.payloads.store import FolderStore, PayloadStore


def open_store(url: str, settings: Mapping[str, str], private: Path) -> PayloadStore:
    """The store at `url`; `settings` are DVC's for a remote, `private` a `.dvc` folder with secrets."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme in {"", "file"}:
        return FolderStore(Path(url.removeprefix("file://")).expanduser())
    from gitreg.stores.payloads.dvc import DvcStore  # with what speaks to it, slower than copying most models

    return DvcStore(url, dict(settings), private)
