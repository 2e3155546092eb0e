"""Git's own text of tags and commits, as far as gitreg needs it (`git help cat-file`, gitformat)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gitreg.errors import Damaged

_WHO = re.compile(r"(.*) (\d{1,11}) [+-]\d{4}", re.ASCII)  # 11 digits reach the year 5138


@dataclass(frozen=True)
class TagObject:
    """An annotated tag: the object it points at, the name inside it, who made it and when (seconds since 1970)."""

    target: str
    kind: str
    name: str
    tagger: str
    when: int
    message: str


@dataclass(frozen=True)
class CommitObject:
    """A commit: its tree and parents, its author and when it was made (seconds since 1970)."""

    tree: str
    parents: tuple[str, ...]
    author: str
    when: int
    message: str


def parse_tag_object(content: bytes, what: str) -> TagObject:
    """The tag in `content`; Damaged, naming `what`, where it is none."""
    head, _, message = content.decode("utf-8", "replace").partition("\n\n")
    fields = dict(line.partition(" ")[::2] for line in head.split("\n"))
    try:
        tagger, when = _who(fields.get("tagger", " 0 +0000"))
        return TagObject(fields["object"], fields["type"], fields["tag"], tagger, when, message)
    except (KeyError, ValueError):
        raise Damaged(f"{what} is no annotated tag", "git cat-file -p it") from None


def parse_commit_object(content: bytes, what: str) -> CommitObject:
    """The commit in `content`; Damaged, naming `what`, where it is none."""
    head, _, message = content.decode("utf-8", "replace").partition("\n\n")
    tree, author, parents = "", "", []
    for line in head.split("\n"):
        key, _, value = line.partition(" ")
        if key == "parent":
            parents.append(value)
        elif key == "tree":
            tree = value
        elif key == "author" and not author:
            author = value
    try:
        name, when = _who(author)
        return CommitObject(tree, tuple(parents), name, when, message)
    except ValueError:
        raise Damaged(f"{what} is no commit", "git cat-file -p it") from None


def _who(text: str) -> tuple[str, int]:
    found = _WHO.fullmatch(text)
    if not found:
        raise ValueError(text)
    return found[1], int(found[2])
