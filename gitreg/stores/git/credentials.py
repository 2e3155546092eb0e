"""Who this machine is to a Git server, and how long it waits: told to git for each call that travels, kept nowhere.

GITREG_TOKEN reaches git through a credential helper that is itself a variable of that one process: it is in no
argument, no file and no other server's reach, for git asks this helper for the origin's scheme, host and port alone.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gitreg.errors import Refused

TOKEN, TOKEN_USER, TIMEOUT = "GITREG_TOKEN", "GITREG_TOKEN_USER", "GITREG_TIMEOUT"
_USER = "x-access-token"
_SECONDS = 60
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?")
_HELPER = '!f() { test "$1" = get && printf \'%s\' "$GITREG_CREDENTIAL"; }; f'


@dataclass(frozen=True)
class Credentials:
    """What a server would be told, without the secret: `kind` is token, helper, ssh or none; `detail` says which."""

    kind: str
    detail: str


def travelling(address: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The variables for a git that talks to `address`; `settings` are git's own, as the repository has them."""
    told = _limits(settings)
    more: dict[str, str] = {}
    server = token_server(address)
    token = _token() if server else ""
    if token:
        # The empty one forgets the user's helpers for this server: they would be asked first, and told the token.
        told += [(f"credential.{server}.helper", ""), (f"credential.{server}.helper", _HELPER)]
        user = "" if urlsplit(address).username else f"username={_line(TOKEN_USER) or _USER}\n"
        more["GITREG_CREDENTIAL"] = f"{user}password={token}\n"
    if command := _ssh(settings):
        more["GIT_SSH_COMMAND"] = command
    given = os.environ.get("GIT_CONFIG_COUNT", "")
    count = int(given) if given.isdecimal() else 0
    for n, (key, value) in enumerate(told, count):
        more |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    return more | {"GIT_CONFIG_COUNT": str(count + len(told))}


def token_server(address: str) -> str:
    """`scheme://host:port` of an address that may be sent a token: https, or http of this machine; "" of others."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2].lower()
        name = parts.hostname or ""
    except ValueError:
        return ""
    if not _HOST.fullmatch(host) or not (parts.scheme == "https" or (parts.scheme == "http" and _loopback(name))):
        return ""
    return f"{parts.scheme}://{host}"


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def credentials_used(address: str, settings: Mapping[str, str]) -> Credentials:
    """What git would tell the server at `address`; nothing secret is in the answer, and nobody is asked."""
    server = token_server(address)
    user = _user(address)
    if server and _token():
        return Credentials("token", f"{TOKEN}, as {user or _line(TOKEN_USER) or _USER}, for {server}")
    if address.startswith(("https://", "http://")):
        if helpers := _helpers(server or "://".join(urlsplit(address)[:2]), settings):
            shown = f"git's credential helper {', '.join(helpers)}"
            return Credentials("helper", f"{shown}, as {user}" if user else shown)
        unsafe = f"{TOKEN} is not sent over plain http" if _token() else "no credential helper, no GITREG_TOKEN"
        return Credentials("none", unsafe)
    if address.startswith("ssh://") or ("://" not in address and re.match(r"(?:[^/:@\s]+@)?[^/:@\s]+:", address)):
        return Credentials("ssh", f"{_own_ssh(settings)}, with the keys and the agent it finds")
    return Credentials("none", "a folder of this machine")


def _user(address: str) -> str:
    try:
        return urlsplit(address).username or ""
    except ValueError:
        return ""


def _helpers(server: str, settings: Mapping[str, str]) -> list[str]:
    """The helpers that git would ask, by name: what a helper of one's own runs may hold a secret."""
    asked = [value for key, value in settings.items() if key in {"credential.helper", f"credential.{server}.helper"}]
    return ["a command" if value.startswith("!") else Path(value.split()[0]).name for value in asked if value.strip()]


def refused_hint(address: str, settings: Mapping[str, str]) -> str:
    """What to look at when the server at `address` did not like what it was told."""
    used = credentials_used(address, settings)
    if used.kind == "ssh":
        return "the key that ssh offers is not known there, or its host key not here: ssh -v tells; gitreg doctor"
    if used.kind == "token":
        return f"{TOKEN} was used: see that it is valid there, or unset it to use git's credential helper"
    if used.kind == "helper":
        return f"{used.detail} was used; set {TOKEN} to use a token"
    return f"{used.detail}: set {TOKEN}, or let git's credential helper know: git credential approve"


def _token() -> str:
    return _line(TOKEN)


def _line(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise Refused(f"{variable} holds more than one line", f"export {variable} without line ends")
    return value


def timeout() -> float:
    """How many seconds a server may be silent: GITREG_TIMEOUT, else 60."""
    given = os.environ.get(TIMEOUT, "").strip()
    try:
        seconds = float(given or _SECONDS)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise Refused(f"{TIMEOUT} is {given!r}", "a number of seconds, such as 60")
    return seconds


def _limits(settings: Mapping[str, str]) -> list[tuple[str, str]]:
    if settings.get("http.lowspeedtime") and not os.environ.get(TIMEOUT):
        return []
    return [("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", str(max(1, round(timeout()))))]


def _own_ssh(settings: Mapping[str, str]) -> str:
    own = os.environ.get("GIT_SSH_COMMAND") or settings.get("core.sshcommand")
    return own or shlex.quote(os.environ.get("GIT_SSH", "ssh"))


def _ssh(settings: Mapping[str, str]) -> str:
    """The ssh to run, told to give up on a server that is gone; "" where it is another program than OpenSSH's."""
    own = _own_ssh(settings)
    try:
        program = Path(shlex.split(own)[0]).name
    except (ValueError, IndexError):
        return ""
    if program != "ssh" or os.environ.get("GIT_SSH_VARIANT", "ssh") not in {"ssh", "auto"}:
        return ""
    seconds = max(1, round(timeout()))
    every = max(1, seconds // 3)
    limits = {"ConnectTimeout": seconds, "ServerAliveInterval": every, "ServerAliveCountMax": max(1, seconds // every)}
    return " ".join([own, *(f"-o {name}={value}" for name, value in limits.items())])
