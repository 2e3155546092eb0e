"""Whose settings of DVC's a payload store is opened with, and which server is told a password."""

from __future__ import annotations

import base64
import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

import gitreg
from gitreg.errors import Refused
from gitreg.registry.care.status import status
from gitreg.registry.place import open_registry
from gitreg.stores.payloads import open_store
from gitreg.stores.payloads.dvc import DvcStore
from testing.gitcli import git

SECRET = "correct-horse"
LOGIN = {"auth": "basic", "user": "ana", "password": SECRET}


class Heard(http.server.SimpleHTTPRequestHandler):
    """A web server that remembers what it was told."""

    told: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.told.append(self.headers.get("Authorization", ""))
        super().do_HEAD()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A web server's address."""
    Heard.told.clear()
    (tmp_path / "shared").mkdir()
    made = functools.partial(Heard, directory=str(tmp_path / "shared"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        running = threading.Thread(target=server.serve_forever)
        running.start()
        yield f"http://127.0.0.1:{server.server_port}/store"
        server.shutdown()
        running.join()


def write(path: Path, **settings: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("['remote \"payloads\"']\n" + "".join(f"    {key} = {value}\n" for key, value in settings.items()))


def told(url: str, private: Path) -> bool:
    """Whether the server at `url` was told the password."""
    open_store(url, {}, private).check()
    expected = base64.b64encode(f"ana:{SECRET}".encode()).decode()
    assert {*Heard.told} <= {"", f"Basic {expected}"}
    return any(Heard.told)


def test_what_a_branch_brings_says_nothing_of_who_the_user_is(url: str, tmp_path: Path) -> None:
    write(tmp_path / ".dvc/config", **LOGIN)
    assert not told(url, tmp_path / ".dvc")
    write(tmp_path / ".dvc/config.local", **LOGIN)
    assert told(url, tmp_path / ".dvc")


@pytest.mark.parametrize(
    ("named", "expected"),
    [("", False), ("http://127.0.0.1:1/store", False), ("https://127.0.0.1:{port}/store", False), ("{url}/more", True)],
)
def test_a_password_for_all_registries_goes_to_the_server_that_it_names(
    named: str, expected: bool, url: str, home: Path, tmp_path: Path
) -> None:
    named = named.format(url=url, port=url.rpartition(":")[2].split("/")[0])
    write(home / ".config/dvc/config", **LOGIN, **({"url": named} if named else {}))
    assert told(url, tmp_path / "none") is expected


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A clone whose main names a web server."""
    gitreg.init(tmp_path / "clone", payloads="http://127.0.0.1:1/store")
    return tmp_path / "clone"


def test_settings_of_ones_own_that_a_registry_brings_are_refused(registry: Path) -> None:
    write(registry / ".dvc/config.local", ssl_verify="false")
    git(registry, "add", "-f", ".dvc/config.local")
    git(registry, "commit", "-q", "-m", "trust me")
    with pytest.raises(Refused, match=r"config\.local is committed") as refused:
        _ = open_registry(registry).store
    assert "git rm --cached .dvc/config.local" in refused.value.hint


def test_an_address_with_a_password_is_refused_and_not_shown(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITREG_PAYLOADS", f"webdavs://ana:{SECRET}@example.org/store")
    with pytest.raises(Refused, match="holds a password") as refused:
        _ = open_registry(registry).store
    assert SECRET not in f"{refused.value.message} {refused.value.hint}"
    assert status(registry=registry).payloads == "webdavs://ana@example.org/store"


def test_a_hint_names_a_command_that_works_where_there_is_no_clone(url: str, home: Path, tmp_path: Path) -> None:
    store = open_store(url, {}, tmp_path / "state/dvc")
    assert isinstance(store, DvcStore)
    for command in store.credentials().partition("others: ")[2].replace("...", "ana").split("; "):
        subprocess.run([sys.executable, "-m", *command.split()], check=True, capture_output=True)
    assert "user = ana" in (home / ".config/dvc/config").read_text()
    assert (
        open_store(url, {}, tmp_path / "clone/.dvc")
        .credentials()
        .endswith("dvc remote modify --local payloads user ...")
    )


def test_a_folder_of_ones_own_is_the_same_wherever_the_command_is_given(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITREG_PAYLOADS", "store")
    with pytest.raises(Refused, match="store, the payload store, is relative"):
        _ = open_registry(registry).store
