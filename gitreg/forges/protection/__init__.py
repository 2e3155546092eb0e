"""The rules by which a forge itself keeps a registry: one forge a module.

Such a module has `steps(wanted)`: what is to be set, in order, without asking anybody; and `apply(api, path, wanted)`,
which sets what is not so yet and gives the steps with what became of each. LIMITS tells what that forge cannot do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Literal, Protocol, cast

from gitreg.forges._http import Api

STATUS = "gitreg/check"
TAGS = ("*@*", "*#*", "run/*")

State = Literal["wanted", "set", "there", "impossible"]


@dataclass(frozen=True)
class Wanted:
    """What a registry asks for: its main, how many must approve, the check that must have passed, the tags to keep."""

    branch: str
    approvals: int
    status: str = STATUS
    tags: tuple[str, ...] = TAGS


@dataclass(frozen=True)
class Step:
    """One rule: a name, what it is for, and the request or the command that sets it.

    `path` is relative to the repository's own in the API. `why` tells why it was not possible.
    """

    name: str
    about: str
    method: str = ""
    path: str = ""
    body: Mapping[str, object] = field(default_factory=dict)
    command: str = ""
    state: State = "wanted"
    why: str = ""

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        request = {"method": self.method, "path": self.path, "body": dict(self.body)} if self.method else None
        return {
            "name": self.name,
            "about": self.about,
            "state": self.state,
            "why": self.why or None,
            "request": request,
            "command": self.command or None,
        }


class Protection(Protocol):
    """What each module offers."""

    LIMITS: str

    def steps(self, wanted: Wanted) -> Sequence[Step]:
        """What is to be set."""

    def apply(self, api: Api, path: str, wanted: Wanted) -> Sequence[Step]:
        """Set it. Refused where the token may not."""


def protection_of(kind: str) -> Protection:
    """The module of a kind of forge."""
    return cast(Protection, import_module(f"gitreg.forges.protection.{kind}"))
