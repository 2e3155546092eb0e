"""The rules that keep others from going round pull requests: on the forge, or on the server of bare Git."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from gitreg.checks.policy import strictest
from gitreg.errors import NotFound, Unreachable
from gitreg.forges import LOCAL
from gitreg.forges.protection import Step, Wanted, protection_of
from gitreg.format.policy import parse_policy
from gitreg.registry.hooks.install import install
from gitreg.registry.place import CONFIG_FILE, Registry, open_registry
from gitreg.registry.promotion.forge import Detected, api_of, forge_of
from gitreg.stores.git import find_repository

_BARE = "what the hook refuses depends on the policy in gitreg.yaml alone; it sees who pushes by their commits and keys"

_SETTINGS = {
    "receive.denyNonFastForwards": "no branch moves back, where there is no hook either",
    "receive.denyDeletes": "no branch is deleted by a push",
    "receive.fsckObjects": "what is pushed is looked through",
}


@dataclass(frozen=True)
class Protected:
    """The rules of one forge, and what became of each; `limits` is what they cannot do."""

    forge: Detected
    steps: tuple[Step, ...]
    limits: str
    applied: bool

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "forge": self.forge.kind,
            "host": self.forge.host or None,
            "applied": self.applied,
            "rules": [step.to_dict() for step in self.steps],
            "limits": self.limits,
        }


def protect(*, apply: bool = False, registry: str | os.PathLike[str] | Registry | None = None) -> Protected:
    """The branch and tag rules that fit the policy on main; with `apply` they are set, which needs an admin's token.

    Refused where the token may not; Conflict where the forge does not take a rule.
    """
    place = open_registry(registry)
    place.fetch_main()
    policy = parse_policy(place.git.content(f"{place.main()}:{CONFIG_FILE}", CONFIG_FILE))
    wanted = Wanted(place.branch, strictest(policy).approvals)
    found = forge_of(place)
    if found.kind == LOCAL:
        return _bare(place, found, apply)
    rules = protection_of(found.kind)
    if not apply:
        return Protected(found, tuple(rules.steps(wanted)), rules.LIMITS, False)
    if place.offline:
        raise Unreachable(f"{found.host} is to be told, and this is offline", "leave out --offline")
    return Protected(found, tuple(rules.apply(api_of(place, found), found.path, wanted)), rules.LIMITS, True)


def _bare(place: Registry, found: Detected, apply: bool) -> Protected:
    """Bare Git has a hook, and settings that know branches alone."""
    about = f"{place.branch}, stages and tags change as the policy says"
    steps = [
        Step("server hook", about, command="gitreg hooks install --server"),
        *(Step(key, about, command=f"git config {key} true") for key, about in _SETTINGS.items()),
    ]
    if not apply:
        return Protected(found, tuple(steps), _BARE, False)
    folder = Path(place.git.url(place.remote).removeprefix("file://")) if place.remote else place.git.common_dir
    server = find_repository(folder) if folder.is_dir() else None
    if server is None:
        raise NotFound(
            f"{place.git.address(place.remote)} is another machine's: its rules are set there",
            "run these commands in the repository there: gitreg protect lists them",
        )
    install(folder, server=True)
    for key in _SETTINGS:
        server.set_config(key, "true")
    return Protected(found, tuple(replace(step, state="set") for step in steps), _BARE, True)
