"""Payload stores on real servers that `make test-servers` installs, described as the contracts want them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from testing.azurite import serving_azurite
from testing.ceph import serving_ceph
from testing.gcs import serving_gcs
from testing.store_contract import At
from testing.webdav import WebDav, serving_apache, serving_rclone_webdav

BUCKET = "models"

Making = Callable[[str], At]
"""The store in a folder `name` of its own on a server."""


@contextlib.contextmanager
def ceph(folder: Path) -> Iterator[Making]:
    """Ceph's S3."""
    with serving_ceph(folder) as server:
        server.make_bucket(BUCKET)

        def made(name: str, port: int = server.port) -> At:
            settings = {
                "endpointurl": f"http://127.0.0.1:{port}",
                "region": "us-east-1",
                "access_key_id": server.key_id,
                "secret_access_key": server.secret,
            }
            wrong = {**settings, "secret_access_key": "the-secret-of-another"}
            absent = f"s3://nothing-here/{name}"
            return At(f"s3://{BUCKET}/{name}", settings, wrong, absent, server.port, partial(made, name))

        yield made


@contextlib.contextmanager
def azure(folder: Path) -> Iterator[Making]:
    """Azure's emulator."""
    with serving_azurite(folder) as server:
        server.make_container(BUCKET)

        def made(name: str, port: int = server.port) -> At:
            settings = {"connection_string": server.connection_string(port=port)}
            wrong = {"connection_string": server.connection_string(port=port, key="dGhlIGtleSBvZiBhbm90aGVy")}
            absent = f"azure://nothing-here/{name}"
            return At(f"azure://{BUCKET}/{name}", settings, wrong, absent, server.port, partial(made, name))

        yield made


@contextlib.contextmanager
def gcs(folder: Path) -> Iterator[Making]:
    """Google's, as an emulator has it, which asks nobody who they are."""
    with serving_gcs(folder) as server:
        server.make_bucket(BUCKET)

        def made(name: str, port: int = server.port) -> At:
            settings = {"endpointurl": f"http://127.0.0.1:{port}", "allow_anonymous_login": "true"}
            absent = f"gs://nothing-here/{name}"
            return At(f"gs://{BUCKET}/{name}", settings, {}, absent, server.port, partial(made, name))

        yield made


def _webdav(server: WebDav) -> Making:
    def made(name: str, port: int = server.port) -> At:
        server.make_folder(name)
        url = f"webdav://127.0.0.1:{port}/{name}"
        settings = {"user": server.user, "password": server.password}
        wrong = {**settings, "password": "the-password-of-another"}
        return At(url, settings, wrong, f"{url}/no/such", server.port, partial(made, name))

    return made


@contextlib.contextmanager
def rclone(folder: Path) -> Iterator[Making]:
    """rclone's WebDAV."""
    with serving_rclone_webdav(folder) as server:
        yield _webdav(server)


@contextlib.contextmanager
def apache(folder: Path) -> Iterator[Making]:
    """Apache's WebDAV."""
    with serving_apache() as server:
        yield _webdav(server)


def tell(settings: Mapping[str, str], config: Path) -> None:
    """Have whoever reads `config`, a file of DVC's settings, know how to come in."""
    config.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f'    {key} = "{value}"\n' for key, value in settings.items())
    config.write_text(f"['remote \"payloads\"']\n{lines}")
    config.chmod(0o600)
