"""What a push brings, read while git keeps it in quarantine: no ref has moved yet, and none will if it is refused.

A server starts its hook anew at each push, and whoever pushes waits. So this module, and what it is used by as long as
nothing is wrong, does without subprocess, typing and dataclasses: importing those takes longer than the reading.
"""

from __future__ import annotations

import os
import re

from gitreg.errors import Damaged, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NONE = "0" * 40
"""In git's words to a hook: no object."""

_LISTED = re.compile(rb"^([0-9a-f]{40}) (tree|commit|tag) ", re.MULTILINE)
_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
_MODES = frozenset({b"40000", b"100644", b"100664", b"100755", b"120000", b"160000"})
_BLOB = re.compile(rb"^([0-9a-f]{40}) blob (\d+)$", re.MULTILINE)


def _is_plain(content: bytes) -> bool:
    """Whether each entry of a tree stands once, in git's order, by a name and not a path, with a mode as git has it."""
    listed = _ENTRY.findall(content)
    names = [name for _, name, _ in listed]
    sorting = [name + b"/" if mode == b"40000" else name for mode, name, _ in listed]
    return (
        sum(map(len, names)) + sum(len(mode) + 22 for mode, _, _ in listed) == len(content)
        and {mode for mode, _, _ in listed} <= _MODES
        and sorting == sorted(sorting)
        and len(set(names)) == len(names)
        and b"/" not in b"".join(names)
    )


class Git:
    """A git at work beside this process; `out` waits for all that it prints."""

    def __init__(self, args: Sequence[str], env: Mapping[str, str], data: bytes = b"") -> None:
        reading, writing = os.pipe()
        given = _file_of(data) if data else os.open(os.devnull, os.O_RDONLY)
        try:
            actions = [(os.POSIX_SPAWN_DUP2, given, 0), (os.POSIX_SPAWN_DUP2, writing, 1)]
            self._pid = os.posix_spawnp("git", ["git", *args], env, file_actions=actions)
        except FileNotFoundError:
            os.close(reading)
            raise Unsupported("git is not installed", "apt install git (2.36 or newer)") from None
        finally:
            os.close(given)
            os.close(writing)
        self._reading = reading
        self._args = args

    def out(self, *codes: int) -> bytes:
        """What it printed; Damaged where it ended with another code than 0 and `codes`."""
        parts = []
        while part := os.read(self._reading, 1 << 20):
            parts.append(part)
        os.close(self._reading)
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        if code and code not in codes:
            raise Damaged(f"git {self._args[0]} ended with {code} in this repository", "git fsck")
        return b"".join(parts)


def _file_of(data: bytes) -> int:
    """An open file that holds `data` and has no name: a pipe would have to be fed while the answer is read."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("gitreg")
    else:
        import tempfile

        with tempfile.TemporaryFile() as other:
            file = os.dup(other.fileno())
    at = 0
    while at < len(data):
        at += os.write(file, data[at:])
    os.lseek(file, 0, os.SEEK_SET)
    return file


class Incoming:
    """The objects that came with a push, and those that were there before.

    It begins to list them at once, and reads only when it is asked.
    """

    def __init__(self) -> None:
        self.env = {**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0",
                    "LC_ALL": "C"}  # fmt: skip
        self.git_dir = os.path.abspath(os.environ.get("GIT_DIR", "."))
        self.quarantine = os.environ.get("GIT_QUARANTINE_PATH", "")
        self.known: dict[str, tuple[str, bytes]] = {}
        self.new: list[str] = []
        self.trees: list[str] = []
        self._parsed: dict[str, dict[bytes, tuple[bytes, bytes]]] = {}
        self._listed = b""
        self._listing: Git | None = None
        if self.quarantine:
            alone = {**self.env, "GIT_OBJECT_DIRECTORY": self.quarantine}
            alone.pop("GIT_ALTERNATE_OBJECT_DIRECTORIES", None)
            self._listing = Git(["cat-file", "--batch-all-objects", "--batch-check", "--unordered"], alone)

    def start(self, *args: str, data: bytes = b"") -> Git:
        """A git of this repository that sees what came, too."""
        return Git(args, self.env, data)

    def read_new(self, *also: str) -> None:
        """Read the trees, commits and tags that came, and objects (ids, or `<commit>:<path>`) besides."""
        if self._listing:
            self._listed = self._listing.out()
            found = [(oid.decode(), kind) for oid, kind in _LISTED.findall(self._listed)]
            self.new = [oid for oid, _ in found]
            self.trees = [oid for oid, kind in found if kind == b"tree"]
        self.read([*self.new, *also])

    def blobs_over(self, limit: int) -> dict[str, int]:
        """The blobs that came and are larger than `limit`: object id -> size, in bytes."""
        if not (self._listed and re.search(rb" blob \d{%d,}$" % len(str(limit)), self._listed, re.MULTILINE)):
            return {}
        sizes = ((oid.decode(), int(size)) for oid, size in _BLOB.findall(self._listed))
        return {oid: size for oid, size in sizes if size > limit}

    def read(self, wanted: Iterable[str]) -> None:
        """Read objects, so that `content` has them; those that are not there have the kind "missing"."""
        asked = [name for name in dict.fromkeys(wanted) if name not in self.known]
        if not asked:
            return
        out = self.start("cat-file", "--batch", "--buffer", data="\n".join([*asked, ""]).encode()).out()
        at, known = 0, self.known
        for name in asked:
            end = out.index(b"\n", at)
            if out.endswith((b" missing", b" ambiguous"), at, end):
                known[name] = ("missing", b"")
                at = end + 1
                continue
            head = out[at:end].split(b" ")
            start = end + 1
            at = start + int(head[2]) + 1
            known[name] = found = (head[1].decode(), out[start : at - 1])
            if len(name) != 40:
                known.setdefault(head[0].decode(), found)

    def content(self, name: str) -> tuple[str, bytes]:
        """Kind and content of an object; what was not read yet costs a process of its own."""
        if name not in self.known:
            self.read([name])
        return self.known[name]

    def at(self, tree: str, path: str) -> str:
        """The object at a path below a tree, or ""."""
        for name in path.encode("utf-8", "surrogateescape").split(b"/"):
            found = self._read_tree(tree).get(name)
            if found is None:
                return ""
            tree = found[1].hex()
        return tree

    def entries(self, tree: str) -> dict[str, tuple[str, str]]:
        """Name -> mode ("40000" is a tree) and object of each entry of a tree; empty where there is no such tree."""
        found = self._read_tree(tree).items()
        return {name.decode("utf-8", "surrogateescape"): (mode.decode(), oid.hex()) for name, (mode, oid) in found}

    def odd_trees(self) -> list[str]:
        """The trees that came and are not written as git writes them: another reader could find other files there."""
        return [oid for oid in self.trees if not _is_plain(self.known[oid][1])]

    def _read_tree(self, tree: str) -> dict[bytes, tuple[bytes, bytes]]:
        found = self._parsed.get(tree)
        if found is None:
            kind, content = self.content(tree)
            listed = _ENTRY.findall(content) if kind == "tree" else []
            self._parsed[tree] = found = {name: (mode, oid) for mode, name, oid in listed}
        return found

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether the commit `old` is part of the history of `new`."""
        return not self.start("rev-list", "--max-count=1", "--end-of-options", old, f"^{new}").out()

    def tree_of(self, commit: str) -> str:
        """The tree of a commit, or "" where it is none."""
        kind, content = self.content(commit)
        return content[5:45].decode() if kind == "commit" else ""
