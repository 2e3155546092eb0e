"""Tree objects as git stores them (gitformat-pack, "tree objects"): mode, name and id of each entry."""

from __future__ import annotations

from typing import NamedTuple


class TreeEntry(NamedTuple):
    """An entry of one tree, not of those below it: `mode` as git prints it ("40000" is a tree)."""

    mode: str
    name: str
    oid: str


def parse_tree(content: bytes) -> tuple[TreeEntry, ...]:
    """The entries of a tree object of 40-digit ids; ValueError where it is none."""
    entries, at = [], 0
    while at < len(content):
        space = content.index(b" ", at)
        end = content.index(b"\0", space)
        oid = content[end + 1 : end + 21]
        if len(oid) != 20:
            raise ValueError("a tree that is cut short")
        name = content[space + 1 : end].decode("utf-8", "surrogateescape")
        entries.append(TreeEntry(content[at:space].decode("ascii", "replace"), name, oid.hex()))
        at = end + 21
    return tuple(entries)
