"""Where a registry's pull requests are kept: the forge of its origin, or Git itself."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from gitreg.errors import Unreachable
from gitreg.forges import HOSTS, LOCAL, Forge, forge_module
from gitreg.forges._detect import Detected, Site, found_at, known, parse_site, stated, told_by_ci
from gitreg.registry.place import Registry
from gitreg.stores.disk import write_whole
from gitreg.stores.ssh import host_meant

if TYPE_CHECKING:
    from gitreg.forges._http import Api

__all__ = ["Detected", "api_of", "forge_of", "open_forge"]

_KEPT = "forges.json"  # in the registry's own folder of state: host -> kind, as it was found by asking
_PULLS = "refs/gitreg/pulls/"


def open_forge(place: Registry) -> Forge:
    """The forge of `place`. Unreachable where it is another machine's and `place` is offline."""
    found = forge_of(place)
    if found.kind == LOCAL:
        from gitreg.forges.local import LocalForge

        return LocalForge(place.git, place.remote, place.branch, offline=place.offline)
    if place.offline:
        raise Unreachable(f"{found.host} keeps the pull requests, and this is offline", "leave out --offline")
    return forge_module(found.kind).connect(api_of(place, found), found.path)


def api_of(place: Registry, found: Detected) -> Api:
    """The API of a forge that `forge_of` found, with the token for it."""
    from gitreg.forges._http import Api
    from gitreg.forges._tokens import find_token

    module = forge_module(found.kind)
    token = find_token(found, place.git)
    return Api(found.kind, found.base, token, module.HEADER, module.PAGE_SIZE, _authorities(place))


def _authorities(place: Registry) -> str:
    """The certificates that git trusts instead of the usual ones."""
    return os.environ.get("GIT_SSL_CAINFO") or place.git.config("http.sslcainfo")


def forge_of(place: Registry) -> Detected:
    """Which forge it is: as the settings say, by the name of its host, by CI's variables, else by asking the host."""
    address = place.git.url(place.remote) if place.remote else ""
    where = _where_ssh_goes(place, parse_site(address)) if address else None
    settings = place.git.settings
    if found := stated(where, settings):
        return found
    if where is None:
        return Detected(LOCAL, "", "", "", "the origin is a folder" if address else "there is no origin")
    if found := known(where) or told_by_ci(where, os.environ):
        return found
    if place.git.refs(_PULLS):
        return Detected(LOCAL, where.host, "", "", "its pull requests are in Git")
    return _asked(place, where)


def _where_ssh_goes(place: Registry, where: Site | None) -> Site | None:
    """The site whose host is the one that an alias in ~/.ssh/config stands for."""
    if where is None or where.scheme != "ssh" or where.host in HOSTS:
        return where
    meant = host_meant(where.host, ssh_command=place.git.config("core.sshcommand"))
    return where if meant == where.host else parse_site(f"ssh://{meant}/{where.path}")


def _asked(place: Registry, where: Site) -> Detected:
    """What the host says of itself; it is asked once, and remembered."""
    kept = _read_kept(place)
    if where.host not in kept:
        if place.offline:
            raise Unreachable(
                f"whether {where.host} is a forge is not known here, and this is offline",
                f"git config gitreg.forge {LOCAL}, if its pull requests are kept in Git",
            )
        from gitreg.forges._probe import probe

        kept[where.host] = probe(where, _authorities(place))
        with contextlib.suppress(OSError):  # it is asked again then
            write_whole(place.state / _KEPT, json.dumps(kept, indent=1, sort_keys=True).encode())
    kind = kept[where.host]
    if kind == LOCAL:
        return Detected(LOCAL, where.host, "", "", f"{where.host} is no forge that gitreg knows")
    return found_at(where, kind, f"{where.host} says so")


def _read_kept(place: Registry) -> dict[str, str]:
    try:
        found = json.loads((place.state / _KEPT).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(host): str(kind) for host, kind in found.items()} if isinstance(found, dict) else {}
