"""Where payloads are published: a folder, or any remote that DVC knows."""

from gitreg.stores.payloads.opening import open_store
from gitreg.stores.payloads.store import FolderStore, Item, PayloadStore, Progress, Stored

__all__ = ["FolderStore", "Item", "PayloadStore", "Progress", "Stored", "open_store"]
