"""What a check of a registry finds."""

from __future__ import annotations

from dataclasses import dataclass

REPAIR = "gitreg fsck --repair"
FETCH = "gitreg fetch"


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it should be: which rule, which thing, what is wrong, and the command that mends it.

    A `remark` is told and is no error: nothing is lost, and nobody reads anything wrong.
    """

    rule: str
    thing: str
    message: str
    hint: str = ""
    remark: bool = False

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return dict(self.__dict__)
