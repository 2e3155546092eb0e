"""ssh, for what git does not do by itself: looking at a folder of another machine, and making a repository there.

The command is the one that git would run: GIT_SSH_COMMAND, core.sshCommand, GIT_SSH, or ssh.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gitreg.errors import Refused, Unreachable
from gitreg.stores.git import environment

_SCP = re.compile(r"(?:([^@:/\s]+)@)?(\[[^\[\]@/\s]+\]|[^:/@\[\]\s]+):(?!:)(.+)")
_HOST = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]*")
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+@-]*")


@dataclass(frozen=True)
class SshAddress:
    """A folder of another machine; `path` is absolute, or begins in the home folder there (`~/` may lead)."""

    host: str
    path: str
    user: str = ""
    port: int | None = None

    @property
    def target(self) -> str:
        """`user@host`, as ssh's command line takes it."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def url(self, path: str) -> str:
        """The address of an absolute path there, as DVC reads it: nothing in it is percent-encoded."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user, port = f"{self.user}@" if self.user else "", f":{self.port}" if self.port else ""
        return f"ssh://{user}{host}{port}{path}"


def parse_ssh_address(text: str) -> SshAddress | None:
    """The address in `ssh://[user@]host[:port]/path` or `[user@]host:path`; None where it is another kind.

    Refused where a part of it could be taken for an option, or a password stands in it.
    """
    if text.startswith("ssh://"):
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise Refused(f"bad address {text!r}: {error}", "write it as ssh://host/path") from None
        if parts.password is not None:
            raise Refused("the address holds a password, which ssh does not take from there", "use a key: ssh-copy-id")
        path = unquote(text[6:].partition("/")[2])
        found = SshAddress(host, path if path.startswith("~") else f"/{path}", unquote(parts.username or ""), port)
    elif "://" not in text and (scp := _SCP.fullmatch(text)):
        found = SshAddress(scp[2].strip("[]"), scp[3], scp[1] or "")
    else:
        return None
    if not _HOST.fullmatch(found.host) or (found.user and not _USER.fullmatch(found.user)):
        raise Refused(f"bad host in the address {text!r}", "a host and a user begin with a letter or a digit")
    if found.path.startswith("-") or found.path == "/" or re.search(r"[\x00-\x1f\x7f]", found.path):
        raise Refused(f"bad path in the address {text!r}", "write it as ssh://host/path/to/registry.git")
    return found


def host_meant(host: str, *, ssh_command: str = "") -> str:
    """The host that `host` stands for in ssh's own settings, where it may be an alias; nobody is connected to."""
    shell = os.environ.get("GIT_SSH_COMMAND") or ssh_command or shlex.quote(os.environ.get("GIT_SSH") or "ssh")
    try:
        words = shlex.split(shell)
        if not words or Path(words[0]).name != "ssh" or not _HOST.fullmatch(host):
            return host  # another program may take -G for something else
        done = subprocess.run([*words, "-G", host], capture_output=True, text=True, env=environment(), check=False)
    except (OSError, ValueError):
        return host
    return next((line[9:].strip() for line in done.stdout.splitlines() if line.startswith("hostname ")), host) or host


@dataclass(frozen=True)
class Said:
    """What a command printed on the other machine. Code 255 is ssh's own: no connection."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The last thing it complained of."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        return re.sub(r"^(fatal|error): ", "", lines[-1]) if lines else f"it ended with {self.code}"


def run_ssh(address: SshAddress, script: str, *args: str, ssh_command: str = "") -> Said:
    """Run a script of the shell `sh` on the other machine; it sees `args` as $1, $2 ...

    `ssh_command` is git's setting core.sshCommand. Unreachable where there is no ssh on this machine.
    """
    port = ["-p", str(address.port)] if address.port else []
    # The other side's login shell, whichever it is, sees one quoted command.
    remote = shlex.join(["sh", "-c", script, "gitreg", *args])
    words = [*port, address.target, remote]
    shell = os.environ.get("GIT_SSH_COMMAND") or ssh_command
    argv = ["sh", "-c", f'{shell} "$@"', shell, *words] if shell else [os.environ.get("GIT_SSH") or "ssh", *words]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, env=environment(), check=False)
    except FileNotFoundError:
        raise Unreachable(f"{argv[0]} is not installed", "apt install openssh-client") from None
    return Said(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
