"""Where pull requests are kept: one forge a module, and the table of them.

Such a module has NAME, HEADER (how its token travels), PAGE_SIZE (the parameter that asks for a longer page),
`api_base(host)` and `connect(api, path)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from gitreg.errors import Unsupported
from gitreg.forges._base import Forge

if TYPE_CHECKING:
    from gitreg.forges._http import Api

__all__ = ["FORGES", "HOSTS", "LOCAL", "Forge", "ForgeModule", "forge_module"]

LOCAL = "local"  # forges/local.py: pull requests kept in Git

# Kind -> the hosts that are known to be one. Each has a module of its name.
FORGES: Mapping[str, tuple[str, ...]] = {
    "github": ("github.com",),
    "gitlab": ("gitlab.com",),
    "gitea": ("codeberg.org", "gitea.com"),
    "pagure": ("pagure.io", "src.fedoraproject.org"),
}
HOSTS: Mapping[str, str] = {host: kind for kind, hosts in FORGES.items() for host in hosts}


class ForgeModule(Protocol):
    """What each module of the table offers."""

    NAME: str
    HEADER: tuple[str, str]
    PAGE_SIZE: str

    def api_base(self, host: str) -> str:
        """Where the API of a host (with its port) is."""

    def connect(self, api: Api, path: str) -> Forge:
        """The repository at `path` of that host."""


def forge_module(kind: str) -> ForgeModule:
    """The module of a kind. Unsupported where there is none."""
    if kind not in FORGES:
        known = ", ".join((*FORGES, LOCAL))
        raise Unsupported(f"{kind!r} is no forge that gitreg knows", f"git config gitreg.forge: one of {known}")
    return cast(ForgeModule, import_module(f"gitreg.forges.{kind}"))
