"""What git tells of a repository: refs, objects, trees, settings."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from gitreg.errors import Damaged, NotFound, Refused
from gitreg.format.times import parse_time
from gitreg.stores.git.kept import KeptGit
from gitreg.stores.git.program import Answer, guarded, identity_from, read_git
from gitreg.stores.git.refs import read_ref
from gitreg.stores.git.trees import parse_tree

_FEW = 64  # objects that are asked for one after another
_DEEP = 16  # folders in folders
_PLAIN = frozenset({"100644", "100755"})
_ONE_PROCESS = 2000  # objects, read in about the time that another process takes to start


class Ref(NamedTuple):
    """A ref by its full name, and the object it names (of an annotated tag: the tag object)."""

    name: str
    oid: str


@dataclass(frozen=True)
class Entry:
    """One file of a tree."""

    path: str
    oid: str
    size: int


@dataclass(frozen=True)
class Reading:
    """A repository as it is read: where its own files lie, what its work trees share, and its work tree, if any."""

    git_dir: Path
    common_dir: Path
    work_tree: Path | None

    def _argv(self, args: Sequence[str]) -> list[str]:
        return ["--git-dir", str(self.git_dir), *guarded(args)]

    def read(self, *args: str, data: bytes | None = None) -> Answer:
        """What a git command that only reads prints; its failure is an answer too."""
        return read_git(self._argv(args), data)

    def text(self, *args: str) -> str:
        """One line of a git command that only reads, or "" where it fails."""
        answer = self.read(*args)
        return answer.out.decode(errors="replace").strip() if answer.code == 0 else ""

    def refs(self, *patterns: str) -> list[Ref]:
        """The refs that match (globs of for-each-ref), sorted by name."""
        answer = self.read("for-each-ref", "--format=%(objectname) %(refname)", "--", *patterns)
        if answer.code:
            raise Damaged(f"git cannot list the refs of {self.common_dir}: {answer.err}", "git fsck")
        lines = answer.out.decode(errors="replace").splitlines()
        return [Ref(line[41:], line[:40]) for line in lines]

    def read_ref(self, name: str) -> str:
        """The object that the ref `name` (full) names, or "", however many refs there are."""
        found = read_ref(self.common_dir, name)
        if found is None:
            return next((ref.oid for ref in self.refs(name) if ref.name == name), "")
        return found

    def find_ref(self, name: str) -> str:
        """The object that the ref `name` (full) names, or ""."""
        answer = self.read("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        return answer.out.decode().strip() if answer.code == 0 else ""

    def objects(self, oids: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
        """(id, type, content) of each object, in order; type "missing" where it is not there."""
        asked = list(oids)
        few = self._kept.contents(asked) if self._kept and len(asked) <= _FEW else None
        if few is not None:
            yield from ((told.oid, told.kind, told.content) for told in few)
            return
        for answer in self._batches([f"{oid}\n" for oid in asked]):
            out, at = answer.out, 0
            while at < len(out):
                end = out.index(b"\n", at)
                head = out[at:end].decode()
                if head.endswith(" missing") or head.endswith(" ambiguous"):
                    yield head.rsplit(" ", 1)[0], "missing", b""
                    at = end + 1
                    continue
                oid, kind, size = head.split(" ")
                start, at = end + 1, end + 2 + int(size)
                if at > len(out):  # git ends in the middle of what it cannot unpack
                    break
                yield oid, kind, out[start : at - 1]
            if answer.code:
                raise Damaged(f"git cannot read objects of {self.common_dir}: {answer.err}", "git fsck")

    def _batches(self, asked: list[str]) -> Iterator[Answer]:
        """What `cat-file --batch` prints; of very many objects two processes print a half each, at the same time."""
        if len(asked) <= _ONE_PROCESS:
            if asked:
                yield self._batch(asked)
            return
        half, rest = len(asked) // 2, list[Answer]()
        reading = threading.Thread(target=lambda: rest.append(self._batch(asked[half:])))
        reading.start()
        yield self._batch(asked[:half])
        reading.join()
        yield from rest

    def _batch(self, asked: list[str]) -> Answer:
        return self.read("cat-file", "--batch", "--buffer", data="".join(asked).encode())

    def content(self, oid: str, what: str) -> bytes:
        """The content of one object (or `<commit>:<path>`); NotFound, naming `what`, where it is not there."""
        for _, kind, content in self.objects([oid]):
            if kind != "missing":
                return content
        raise NotFound(f"{what} is not in {self.common_dir}")

    def tree(self, treeish: str, under: str = "") -> list[Entry]:
        """The files of a commit or tree, below `under`. Refused where it holds a symlink, submodule or odd mode."""
        spec = f"{treeish}:{under}" if under else treeish
        small = self._small_tree(f"{treeish}:{under}")
        if small is not None:
            return small
        answer = self._list_tree(spec)
        if answer.code:
            raise NotFound(f"{under or 'the tree'} is not in {treeish[:12]}")
        entries = []
        for line in answer.out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            facts, path = line.split("\t", 1)
            mode, _, oid, size = facts.split()
            if mode not in _PLAIN:
                raise Refused(f"{path} in {treeish[:12]} is a symlink or submodule", "gitreg reads plain files only")
            if not size.isdecimal():
                raise Damaged(f"git does not have the content of {path} in {treeish}", "git fsck")
            entries.append(Entry(path, oid, int(size)))
        return entries

    def paths(self, treeish: str, under: str = "") -> dict[str, str]:
        """Path -> blob of the plain files of a commit or tree, below `under`; no blob is looked at."""
        spec = f"{treeish}:{under}" if under else treeish
        answer = self.read("ls-tree", "-r", "-z", "--full-tree", spec)
        if answer.code:
            raise NotFound(f"{under or 'the tree'} is not in {treeish[:12]}")
        lines = (line.partition("\t") for line in answer.out.decode("utf-8", "surrogateescape").split("\0")[:-1])
        return {path: facts.split()[2] for facts, _, path in lines if facts.startswith("100")}

    def _small_tree(self, spec: str) -> list[Entry] | None:
        """The files of a tree of few, plain ones; None of any other, and where git does not tell."""
        with contextlib.suppress(ValueError):  # a tree that is none
            return self._walked(spec)
        return None

    def _walked(self, spec: str) -> list[Entry] | None:
        trees, blobs = [("", spec)], list[tuple[str, str]]()
        while trees:
            told = self._kept.contents([name for _, name in trees]) if self._kept else None
            if told is None or {each.kind for each in told} != {"tree"}:
                return None
            found = [
                (at, entry) for (at, _), each in zip(trees, told, strict=True) for entry in parse_tree(each.content)
            ]
            blobs += [(at + entry.name, entry.oid) for at, entry in found if entry.mode in _PLAIN]
            trees = [(f"{at}{entry.name}/", entry.oid) for at, entry in found if entry.mode == "40000"]
            if len(blobs) + len(trees) > _FEW or not {entry.mode for _, entry in found} <= {*_PLAIN, "40000"}:
                return None
            if any(at.count("/") > _DEEP for at, _ in trees) or not all(entry.name for _, entry in found):
                return None
        sizes = self._kept.facts([oid for _, oid in blobs]) if self._kept else None
        if sizes is None or {each.kind for each in sizes} - {"blob"}:
            return None
        entries = [Entry(path, oid, each.size) for (path, oid), each in zip(blobs, sizes, strict=True)]
        return sorted(entries, key=lambda entry: entry.path.encode("utf-8", "surrogateescape"))

    @cached_property
    def _kept(self) -> KeptGit | None:
        return KeptGit(str(self.git_dir))

    def _list_tree(self, spec: str) -> Answer:
        return self.read("ls-tree", "-r", "-z", "-l", "--full-tree", spec)

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """All of git's settings as they were when first asked for: names in lower case, the last value of each."""
        out = self.read("config", "--list", "-z").out.decode(errors="replace")
        pairs = (entry.partition("\n") for entry in out.split("\0") if entry)
        return {key: value for key, _, value in pairs}

    def config(self, key: str) -> str:
        """The last value of a setting (its name in lower case but for the middle), or ""."""
        return self.settings.get(key, "")

    def dirty(self) -> bool:
        """Whether the work tree holds changes, or files, that no commit has."""
        if self.work_tree is None:
            return False
        asked = ["status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none"]
        answer = read_git(["--work-tree", str(self.work_tree), *self._argv(asked)])
        return answer.code != 0 or bool(answer.out)

    def identity(self) -> str:
        """`Name <email>` of whoever writes; Refused where git, GITREG_USER and the forges' variables tell none."""
        return self._author

    @cached_property
    def _author(self) -> str:
        return identity_from(self.text("var", "GIT_AUTHOR_IDENT"))

    def symbolic_ref(self, name: str) -> str:
        """The ref that the symbolic ref `name` (HEAD, refs/remotes/origin/HEAD) stands for, or ""."""
        # These are always files of their own: git packs only refs that name objects.
        folder = self.git_dir if name == "HEAD" else self.common_dir
        try:
            text = (folder / name).read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
        return text.removeprefix("ref:").strip() if text.startswith("ref:") else ""

    @property
    def bare(self) -> bool:
        """Whether the repository is made to have no work tree."""
        return self.config("core.bare") == "true"

    def remotes(self) -> dict[str, str]:
        """Name -> address of each remote that is set."""
        found = (re.fullmatch(r"remote\.(.+)\.url", key) for key in self.settings)
        return {name[1]: self.settings[name[0]] for name in found if name}

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether the commit `old` is part of the history of `new`."""
        return self.read("merge-base", "--is-ancestor", old, new).code == 0

    def commit_at(self, ref: str, moment: str) -> str:
        """The commit a branch's first-parent line was at when it was `moment` (RFC 3339), or ""."""
        seconds = int(parse_time(moment).timestamp())  # git would take a date for that day at this hour
        asked = ["rev-list", "--first-parent", "-1", f"--before=@{max(seconds, 0)}", "--end-of-options", ref]
        return self.text(*asked)

    def notes(self, ref: str) -> dict[str, str]:
        """Annotated object -> blob of its note."""
        lines = self.text("notes", f"--ref={ref}", "list").splitlines()
        return {line.split()[1]: line.split()[0] for line in lines}
