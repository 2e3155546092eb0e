"""What is written to a repository: objects, refs, notes, settings; its index and work tree only by `check_out`."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import Conflict, GitregError, Refused
from gitreg.stores.git.program import environment, failed, guarded, write_git
from gitreg.stores.git.reading import Reading

_MANY_REFS = 300
_MANY_OBJECTS = 27  # in one of git's 256 folders: about 7,000 in all, where git's own automatic packing begins


@dataclass(frozen=True)
class NewCommit:
    """A commit to be made: `files` by path (None deletes) on top of `tree`; `when` is seconds since 1970, UTC."""

    message: str
    author: str
    when: int
    files: Mapping[str, bytes | None]
    tree: str = ""
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class RefChange:
    """`ref` shall go from `old` (empty: must not exist) to `new` (empty: is deleted)."""

    ref: str
    new: str
    old: str = ""


class Writing(Reading):
    """A repository as it is written to."""

    def write(self, *args: str, data: bytes = b"", what: str, env: Mapping[str, str] | None = None) -> bytes:
        """Run a git command that writes; where it fails, an error that begins with `what`."""
        answer = write_git(self._argv(args), data, env=environment(**(env or {})))
        if answer.code:
            raise failed(answer, what)
        return answer.out

    def write_commits(self, commits: Sequence[NewCommit]) -> list[str]:
        """Make commits (and their trees and blobs) in one git process, without any ref; their ids, in order."""
        parts: list[bytes] = []
        for mark, commit in enumerate(commits, 1):
            head = f"commit refs/gitreg/new\nmark :{mark}\nauthor {commit.author} {commit.when} +0000\n"
            parts.append(f"{head}committer {commit.author} {commit.when} +0000\n".encode())
            parts.append(_data(commit.message.encode()))
            for verb, parent in zip(["from", *["merge"] * len(commit.parents)], commit.parents, strict=False):
                parts.append(f"{verb} {parent}\n".encode())
            if commit.tree:
                parts.append(f"M 040000 {commit.tree} \n".encode())
            for path, content in sorted(commit.files.items()):
                if content is None:
                    parts.append(b"D " + path.encode() + b"\n")
                else:
                    parts.append(b"M 100644 inline " + path.encode() + b"\n" + _data(content))
            # A reset without `from` forgets the branch: the stream leaves no ref, and the next commit is an orphan.
            parts.append(f"\nreset refs/gitreg/new\n\nget-mark :{mark}\n".encode())
        parts.append(b"done\n")
        out = self.write("fast-import", "--quiet", "--done", "--cat-blob-fd=1", data=b"".join(parts),
                         what="cannot write a commit")  # fmt: skip
        return out.decode().split()

    def write_tag(self, name: str, target: str, message: str, author: str, when: int) -> str:
        """An annotated tag object on a commit, without a ref; its id."""
        text = f"object {target}\ntype commit\ntag {name}\ntagger {author} {when} +0000\n\n{message}"
        return self.write("mktag", data=text.encode(), what=f"cannot write the tag {name}").decode().strip()

    def write_blob(self, content: bytes) -> str:
        """A blob; its id."""
        return self.write("hash-object", "-w", "--stdin", data=content, what="cannot write a file").decode().strip()

    def write_note(self, ref: str, old: str, target: str, blob: str, author: str) -> bool:
        """Let `blob` be the note on `target`, if `ref` is still at `old`; whether it was."""
        return self._change_notes({ref: old}, author, "add", "-f", "-C", blob, target)

    def merge_notes(self, ref: str, old: str, theirs: str, author: str) -> bool:
        """Join the notes of `theirs` into `ref`, line by line, if it is still at `old`; whether it was."""
        refs = {ref: old, theirs: self.find_ref(theirs)}
        return self._change_notes(refs, author, "merge", "-q", "-s", "cat_sort_uniq", theirs)

    def _change_notes(self, refs: Mapping[str, str], author: str, *command: str) -> bool:
        """Let `git notes` change the first of the refs, if it is still what it is told to be; whether it was."""
        # git itself would overwrite what another program noted meanwhile: it is given refs of its own.
        name, _, email = author.removesuffix(">").rpartition(" <")
        env = {f"GIT_{kind}_{what}": value for kind in ("AUTHOR", "COMMITTER") for what, value in
               (("NAME", name), ("EMAIL", email))}  # fmt: skip
        env["GIT_OBJECT_DIRECTORY"] = str(self.common_dir / "objects")
        ref = next(iter(refs))
        with tempfile.TemporaryDirectory(prefix="gitreg-") as folder:
            draft = Path(folder)
            (draft / "refs/notes").mkdir(parents=True)
            (draft / "HEAD").write_text("ref: refs/heads/none\n")
            for each, oid in refs.items():
                if oid:
                    (draft / each).write_text(f"{oid}\n")
            argv = ["--git-dir", folder, *guarded(["notes", f"--ref={ref}", *command])]
            answer = write_git(argv, b"", env=environment(**env))
            if answer.code:
                raise failed(answer, "cannot write a note")
            made = (draft / ref).read_text().strip()
        try:
            self.change_refs([RefChange(ref, made, refs[ref])])
        except Conflict:
            return False
        return True

    def tidy(self) -> None:
        """Pack loose refs and objects once there are many, so that reading them does not grow slow.

        Where that fails, as on a full disk, nothing is lost: the next one tries again.
        """
        tags = self.common_dir / "refs" / "tags"
        loose = _count(tags) + _count(tags / "run")
        with contextlib.suppress(GitregError):
            if loose > _MANY_REFS:
                self.write("-c", "core.packedRefsTimeout=0", "pack-refs", "--all", what="cannot pack refs")
            if _count(self.common_dir / "objects" / "17") > _MANY_OBJECTS:
                self.write("repack", "-d", "-l", "-q", what="cannot pack objects")
                self.write("prune-packed", "-q", what="cannot prune packed objects")

    def change_refs(self, changes: Sequence[RefChange]) -> None:
        """All the changes or none. Conflict where a ref is not what it should have been."""
        lines = ["start\0"]  # so that an input cut short changes nothing
        for change in changes:
            if not change.new:
                lines.append(f"delete {change.ref}\0{change.old}\0")
            elif not change.old:
                lines.append(f"create {change.ref}\0{change.new}\0")
            else:
                lines.append(f"update {change.ref}\0{change.new}\0{change.old}\0")
        lines.append("commit\0")
        self.write("update-ref", "--no-deref", "-z", "--stdin", data="".join(lines).encode(), what="cannot change refs",
                   env={"GIT_COMMITTER_NAME": "gitreg", "GIT_COMMITTER_EMAIL": "gitreg@localhost"})  # fmt: skip

    def check_out(self, commit: str, old: str = "", *, dry_run: bool = False) -> None:
        """Bring index and work tree from the commit `old` to `commit`, or, without `old`, make them `commit`'s.

        Refused where a file that differs between the two was changed by hand. No branch is touched, no hook runs.
        """
        if self.work_tree is None:
            return
        there = ["--work-tree", str(self.work_tree)]
        how = ["-m", "-u", old, commit] if old else ["--reset", "-u", commit]
        if old:
            write_git(self._argv([*there, "update-index", "-q", "--refresh"]))
        answer = write_git(self._argv([*there, "read-tree", *(["-n"] if dry_run else []), *how]))
        if answer.code and ("not uptodate" in answer.err or "would be overwritten" in answer.err):
            file = re.search(r"Entry '([^']*)'|^\t(.*)$", answer.err, re.MULTILINE)
            named = (file[1] or file[2]) if file else "the work tree"
            raise Refused(f"{named} in {self.work_tree} has changes of its own", "commit or stash them first")
        if answer.code:
            raise failed(answer, f"cannot check out into {self.work_tree}")

    def set_config(self, key: str, value: str, *, add: bool = False) -> None:
        """Set one of this repository's own settings."""
        self.write("config", "--local", *(["--add"] if add else []), key, value, what=f"cannot set {key}")
        self.__dict__.pop("settings", None)


def _count(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(1 for _ in entries)
    except FileNotFoundError:
        return 0


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
