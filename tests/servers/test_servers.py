"""Payload stores on the servers that people have: Ceph, Azure's and Google's emulators, and two kinds of WebDAV."""

from __future__ import annotations

from testing import shops
from testing.store_contract import FaultContract, StoreContract, at_once, here, there
from testing.story import Story

__all__ = ["at_once", "here", "there"]


class TestCeph(StoreContract, FaultContract, Story):
    serving = staticmethod(shops.ceph)


class TestAzure(StoreContract, FaultContract, Story):
    serving = staticmethod(shops.azure)


class TestGcs(StoreContract, FaultContract, Story):
    serving = staticmethod(shops.gcs)


class TestRcloneWebdav(StoreContract, FaultContract, Story):
    serving = staticmethod(shops.rclone)


class TestApacheWebdav(StoreContract, FaultContract, Story):
    serving = staticmethod(shops.apache)
