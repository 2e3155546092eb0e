"""Git, spoken in plumbing: no index, no work tree, no hooks, no configuration is touched unless asked for.

GitPython runs what writes and what travels. What only reads starts git directly: importing GitPython takes longer
than reading ten thousand tags. Options are constants; what users name goes behind `--end-of-options`, into
standard input, or was checked by format/names.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gitreg.errors import Conflict, Damaged, GitregError, NotFound, Refused, Unreachable, Unsupported

if TYPE_CHECKING:
    import git

_KEPT = re.compile(
    r"GIT_(EXEC_PATH|SSH|SSH_COMMAND|SSH_VARIANT|SSL_.*|ASKPASS|AUTHOR_(NAME|EMAIL)|COMMITTER_(NAME|EMAIL)|CONFIG_GLOBAL"
    r"|CONFIG_NOSYSTEM|CONFIG_SYSTEM|CONFIG_COUNT|CONFIG_(KEY|VALUE)_\d+|CEILING_DIRECTORIES|HTTP_.*|PROXY_.*|TRACE.*)"
)
_GUARDS = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.ext.allow=never", "core.symlinks=false",
    "transfer.fsckObjects=true", "core.fsync=all", "core.quotePath=false", "advice.detachedHead=false",
    "user.useConfigOnly=true", "maintenance.auto=false", "gc.auto=0", "submodule.recurse=false", "push.gpgSign=false",
)  # fmt: skip
_UNREACHABLE = re.compile(
    r"Could not (?:read from remote|resolve host)|unable to access|Connection (?:refused|reset|timed out|closed)"
    r"|does not appear to be a git repository|early EOF|hung up unexpectedly|[Nn]etwork is unreachable"
    r"|repository '.*' (?:not found|does not exist)|Permission denied|Authentication failed"
    r"|could not read (?:User|Pass)"
)
_BUSY = re.compile(r"Unable to create '.*\.lock'|cannot lock ref|failed to update ref|unable to lock|File exists")
_TAKEN = re.compile(r"stale info|already exists|fetch first|non-fast-forward|needs force")
_PUSH = (
    *("push", "--quiet", "--atomic", "--porcelain", "--no-verify"),
    *("--no-follow-tags", "--no-recurse-submodules"),  # only what is named, whatever push.followTags says
)
_MANY_REFS = 300
_MANY_OBJECTS = 27  # in one of git's 256 folders: about 7,000 in all, where git's own automatic packing begins


@dataclass(frozen=True)
class Ref:
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
class NewCommit:
    """A commit to be made: `files` by path (bytes) on top of `tree`; `when` is seconds since 1970, UTC."""

    message: str
    author: str
    when: int
    files: Mapping[str, bytes]
    tree: str = ""
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class RefChange:
    """`ref` shall go from `old` (empty: must not exist) to `new` (empty: is deleted)."""

    ref: str
    new: str
    old: str = ""


@dataclass(frozen=True)
class _Answer:
    code: int
    out: bytes
    err: str = field(default="")


def environment(**more: str) -> dict[str, str]:
    """The caller's environment without what would point git elsewhere; English, and no prompts."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or _KEPT.fullmatch(k)}
    return {**kept, "LC_ALL": "C", "LANGUAGE": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", **more}


def _read(argv: Sequence[str], data: bytes | None = None, cwd: Path | None = None) -> _Answer:
    try:
        done = subprocess.run(
            ["git", *argv], input=data if data is not None else b"", capture_output=True, env=environment(), cwd=cwd,
            check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise Unsupported("git is not installed", "apt install git (2.36 or newer)") from None
    return _Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())


def _write(
    argv: Sequence[str], data: bytes = b"", cwd: Path | None = None, env: dict[str, str] | None = None
) -> _Answer:
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import git

    try:
        running = git.Git(cwd).execute(
            ["git", *argv], istream=subprocess.PIPE, as_process=True, env=env or environment(), universal_newlines=False
        )
    except git.GitCommandNotFound:
        raise Unsupported("git is not installed", "apt install git (2.36 or newer)") from None
    child = _child(running)
    out, err = child.communicate(data)
    return _Answer(child.returncode, out, err.decode(errors="replace").strip())


def _child(running: git.Git.AutoInterrupt) -> subprocess.Popen[bytes]:
    if running.proc is None:  # it ended between two lines of GitPython
        raise GitregError("git ended before it was asked")
    return running.proc


def find_repository(path: Path) -> Repository | None:
    """The repository that `path` lies in or is, or None. Unsupported for kinds that DVC and GTO cannot read."""
    start = path if path.is_dir() else path.parent
    if not start.is_dir():
        return None
    asked = [
        "--absolute-git-dir",
        "--git-common-dir",
        "--is-bare-repository",
        "--show-object-format",
        "--show-toplevel",
    ]
    answer = _read(["-c", "safe.bareRepository=all", "rev-parse", *asked], cwd=start)
    lines = answer.out.decode(errors="surrogateescape").splitlines()
    if len(lines) < 4:  # in a bare repository the last answer is missing, and git has failed
        if "not a git repository" in answer.err:
            return None
        if "reftable" in answer.err or "refstorage" in answer.err.lower():
            raise _foreign(start, "reftable", "git init --ref-format=files")
        raise Unsupported(f"git cannot read {start}: {answer.err.removeprefix('fatal: ')}", _owner_hint(answer.err))
    git_dir, common, bare, kind = lines[:4]
    if kind != "sha1":
        raise _foreign(start, kind.upper().replace("SHA", "SHA-"), "git init --object-format=sha1")
    common_dir = (start / common).resolve()
    if (common_dir / "reftable").exists():
        raise _foreign(start, "reftable", "git init --ref-format=files")
    top = Path(lines[4]) if bare != "true" and len(lines) > 4 else None
    return Repository(Path(git_dir), common_dir, top)


def _foreign(path: Path, kind: str, command: str) -> Unsupported:
    return Unsupported(
        f"{path} is a {kind} repository, which DVC, GTO and GitPython cannot read", f"use one made by {command}"
    )


def _owner_hint(error: str) -> str:
    return "git config --global --add safe.directory PATH" if "dubious ownership" in error else ""


def identity() -> str:
    """`Name <email>` of whoever writes, where there is no repository yet; Refused where nothing tells it."""
    guards = [word for guard in _GUARDS for word in ("-c", guard)]
    answer = _read([*guards, "var", "GIT_AUTHOR_IDENT"])
    return _identity(answer.out.decode(errors="replace").strip() if answer.code == 0 else "")


def version() -> tuple[int, ...]:
    """Git's version: (2, 39, 5). Unsupported where git is not installed."""
    found = re.search(rb"\d+(?:\.\d+)+", _read(["version"]).out)
    return tuple(int(part) for part in found[0].split(b".")) if found else ()


def _identity(shown: str) -> str:
    if shown:
        return shown.rsplit(" ", 2)[0]
    for variable, host in (
        ("GITREG_USER", ""),
        ("GITHUB_ACTOR", "users.noreply.github.com"),
        ("GITLAB_USER_EMAIL", ""),
    ):
        if given := os.environ.get(variable, "").strip():
            given = f"{given} <{given}@{host}>" if host else given
            found = re.fullmatch(r"(?:([^<>\x00-\x1f]+?) *<)?([^<>\s\x00-\x1f]+@[^<>\s\x00-\x1f]+?)>?", given)
            if not found:
                raise Refused(f"{variable} is {given!r}", "write it as: Ana Analyst <ana@example.org>")
            return f"{found[1] or found[2].split('@')[0]} <{found[2]}>"
    raise Refused(
        "nobody is named as the author",
        'git config --global user.name "Your Name"; git config --global user.email you@example.org',
    )


def create_repository(path: Path, *, bare: bool, branch: str = "main") -> Repository:
    """A new repository at `path`, whose default branch is `branch`."""
    kind = ["--bare"] if bare else []
    argv = ["init", "-q", "--object-format=sha1", f"--initial-branch={branch}", *kind, "--", str(path)]
    answer = _write(argv)
    if answer.code:
        raise _failed(answer, f"cannot make a repository at {path}")
    found = find_repository(path)
    if found is None:
        raise NotFound(f"no repository at {path}")
    return found


@dataclass(frozen=True)
class Repository:
    """One repository: where its own files lie, what its work trees share, and its work tree (None where bare)."""

    git_dir: Path
    common_dir: Path
    work_tree: Path | None

    # reading

    def _argv(self, args: Sequence[str]) -> list[str]:
        guards = [word for guard in _GUARDS for word in ("-c", guard)]
        return ["--git-dir", str(self.git_dir), *guards, *args]

    def read(self, *args: str, data: bytes | None = None) -> _Answer:
        """What a git command that only reads prints; its failure is an answer too."""
        return _read(self._argv(args), data)

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

    def find_ref(self, name: str) -> str:
        """The object that the ref `name` (full) names, or ""."""
        answer = self.read("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        return answer.out.decode().strip() if answer.code == 0 else ""

    def objects(self, oids: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
        """(id, type, content) of each object, in order; type "missing" where it is not there."""
        asked = "".join(f"{oid}\n" for oid in oids).encode()
        if not asked:
            return
        answer = self.read("cat-file", "--batch", "--buffer", data=asked)
        out, at = answer.out, 0
        while at < len(out):
            end = out.index(b"\n", at)
            head = out[at:end].decode()
            if head.endswith(" missing") or head.endswith(" ambiguous"):
                yield head.rsplit(" ", 1)[0], "missing", b""
                at = end + 1
                continue
            oid, kind, size = head.split(" ")
            start = end + 1
            yield oid, kind, out[start : start + int(size)]
            at = start + int(size) + 1
        if answer.code:
            raise Damaged(f"git cannot read objects of {self.common_dir}: {answer.err}", "git fsck")

    def content(self, oid: str, what: str) -> bytes:
        """The content of one object (or `<commit>:<path>`); NotFound, naming `what`, where it is not there."""
        for _, kind, content in self.objects([oid]):
            if kind != "missing":
                return content
        raise NotFound(f"{what} is not in {self.common_dir}")

    def tree(self, treeish: str, under: str = "") -> list[Entry]:
        """The files of a commit or tree, below `under`. Refused where it holds a symlink, submodule or odd mode."""
        spec = f"{treeish}:{under}" if under else treeish
        answer = self.read("ls-tree", "-r", "-z", "-l", "--full-tree", spec)
        if answer.code:
            raise NotFound(f"{under or 'the tree'} is not in {treeish[:12]}")
        entries = []
        for line in answer.out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            facts, path = line.split("\t", 1)
            mode, _, oid, size = facts.split()
            if mode not in {"100644", "100755"}:
                raise Refused(f"{path} in {treeish[:12]} is a symlink or submodule", "gitreg reads plain files only")
            entries.append(Entry(path, oid, int(size)))
        return entries

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
        answer = _read(["--work-tree", str(self.work_tree), *self._argv(asked)])
        return answer.code != 0 or bool(answer.out)

    def identity(self) -> str:
        """`Name <email>` of whoever writes; Refused where git, GITREG_USER and the forges' variables tell none."""
        return self._author

    @cached_property
    def _author(self) -> str:
        return _identity(self.text("var", "GIT_AUTHOR_IDENT"))

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
        asked = ["rev-list", "--first-parent", "-1", f"--before={moment}", "--end-of-options", ref]
        return self.text(*asked)

    def notes(self, ref: str) -> dict[str, str]:
        """Annotated object -> blob of its note."""
        lines = self.text("notes", f"--ref={ref}", "list").splitlines()
        return {line.split()[1]: line.split()[0] for line in lines}

    # writing

    def write(self, *args: str, data: bytes = b"", what: str, env: Mapping[str, str] | None = None) -> bytes:
        """Run a git command that writes; where it fails, an error that begins with `what`."""
        answer = _write(self._argv(args), data, env=environment(**(env or {})))
        if answer.code:
            raise _failed(answer, what)
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
        return self._change_notes(ref, old, author, "add", "-f", "-C", blob, target)

    def merge_notes(self, ref: str, old: str, theirs: str, author: str) -> bool:
        """Join the notes of `theirs` into `ref`, line by line, if it is still at `old`; whether it was."""
        return self._change_notes(ref, old, author, "merge", "-q", "-s", "cat_sort_uniq", theirs)

    def _change_notes(self, ref: str, old: str, author: str, *command: str) -> bool:
        # git itself would overwrite what another program noted meanwhile: it works on a draft instead.
        name, _, email = author.removesuffix(">").rpartition(" <")
        who = {f"GIT_{kind}_{what}": value for kind in ("AUTHOR", "COMMITTER") for what, value in
               (("NAME", name), ("EMAIL", email))}  # fmt: skip
        draft = f"refs/notes/gitreg-draft-{uuid.uuid4().hex}"
        if old:
            self.change_refs([RefChange(draft, old)])
        try:
            self.write("notes", f"--ref={draft}", *command, what="cannot write a note", env=who)
            self.change_refs([RefChange(ref, self.find_ref(draft), old)])
        except Conflict:
            return False
        finally:
            if made := self.find_ref(draft):
                self.change_refs([RefChange(draft, "", made)])
        return True

    def tidy(self) -> None:
        """Pack loose refs and objects once there are many, so that reading them does not grow slow."""
        tags = self.common_dir / "refs" / "tags"
        loose = _count(tags) + _count(tags / "run")
        if loose > _MANY_REFS:
            self.write("pack-refs", "--all", what="cannot pack refs")
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
            _write(self._argv([*there, "update-index", "-q", "--refresh"]))
        answer = _write(self._argv([*there, "read-tree", *(["-n"] if dry_run else []), *how]))
        if answer.code and ("not uptodate" in answer.err or "would be overwritten" in answer.err):
            file = re.search(r"Entry '([^']*)'|^\t(.*)$", answer.err, re.MULTILINE)
            named = (file[1] or file[2]) if file else "the work tree"
            raise Refused(f"{named} in {self.work_tree} has changes of its own", "commit or stash them first")
        if answer.code:
            raise _failed(answer, f"cannot check out into {self.work_tree}")

    def set_config(self, key: str, value: str, *, add: bool = False) -> None:
        """Set one of this repository's own settings."""
        self.write("config", "--local", *(["--add"] if add else []), key, value, what=f"cannot set {key}")
        self.__dict__.pop("settings", None)

    # travelling

    def fetch(self, remote: str, refspecs: Sequence[str], *, extra: Sequence[str] = ()) -> None:
        """Fetch just `refspecs`. Damaged where a tag seen before has moved; Unreachable where nobody answers."""
        argv = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",  # a run that only this machine has is no leftover, whatever fetch.prune says
            "--no-prune-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            *extra,
            "--",
            remote,
        ]
        answer = _write(self._argv([*argv, *refspecs]), env=environment())
        if answer.code:
            if moved := re.search(r"! \[rejected\]\s+(\S+)\s.*would clobber existing tag", answer.err):
                raise Damaged(
                    f"the tag {moved[1]} at {remote} is not the one seen before: a tag never moves",
                    f"ask who changed it; git ls-remote {remote} 'refs/tags/{moved[1]}'",
                )
            raise _failed(answer, f"cannot fetch from {self.address(remote)}", travelling=True)

    def push(self, remote: str, changes: Sequence[RefChange]) -> None:
        """Push all the changes or none. Conflict where a ref of the remote is not what it should have been."""
        leases = [f"--force-with-lease={change.ref}:{change.old}" for change in changes]
        refspecs = [f"{change.new}:{change.ref}" for change in changes]
        argv = [*_PUSH, *leases, "--", remote, *refspecs]
        answer = _write(self._argv(argv), env=environment())
        if answer.code:
            said = answer.out.decode(errors="replace") + answer.err
            if (
                "stale info" in said
                or "already exists" in said
                or "reference already exists" in said
                or "fetch first" in said
            ):
                raise Conflict(f"{remote} has one of {', '.join(c.ref.split('/', 2)[-1] for c in changes)} already")
            raise _failed(_Answer(answer.code, b"", said), f"cannot push to {self.address(remote)}", travelling=True)

    def push_new(self, address: str, refs: Sequence[RefChange]) -> None:
        """Push refs that must not exist there, all or none, however many they are; Conflict where one does."""
        # A command line is limited, a file of settings is not. Of a tag git itself refuses another value.
        leases = [f"--force-with-lease={ref.ref}:" for ref in refs if not ref.ref.startswith("refs/tags/")]
        quoted = address.replace("\\", "\\\\").replace('"', '\\"')
        lines = [f'[remote "gitreg-push"]\n\turl = "{quoted}"\n', *(f"\tpush = {ref.new}:{ref.ref}\n" for ref in refs)]
        with tempfile.NamedTemporaryFile("w", prefix="gitreg-", suffix=".config") as listed:
            listed.write("".join(lines))
            listed.flush()
            argv = [*_PUSH, *leases, "gitreg-push"]
            answer = _write(self._argv(["-c", f"include.path={listed.name}", *argv]), env=environment())
        if answer.code:
            said = answer.out.decode(errors="replace") + answer.err
            if _TAKEN.search(said):
                taken = re.findall(r"^!\t[^:]*:(\S+)\t\[rejected\] \((?!atomic)", said, re.MULTILINE)
                shown = ", ".join(name.split("/", 2)[-1] for name in taken[:8]) or "a registry"
                raise Conflict(f"{without_credentials(address)} has {shown} already")
            raise _failed(
                _Answer(answer.code, b"", said), f"cannot push to {without_credentials(address)}", travelling=True
            )

    def remote_refs(self, remote: str, *patterns: str) -> dict[str, str]:
        """The refs a remote has (`ls-remote`), by name; HEAD's branch as "HEAD" -> "ref: refs/heads/main"."""
        answer = _write(self._argv(["ls-remote", "--symref", "--", remote, *patterns]), env=environment())
        if answer.code:
            raise _failed(answer, f"cannot reach {self.address(remote)}", travelling=True)
        found: dict[str, str] = {}
        for line in answer.out.decode(errors="replace").splitlines():
            value, _, name = line.partition("\t")
            if name not in found:
                found[name] = value
        return found

    def address(self, remote: str) -> str:
        """The remote's address, without credentials, for people to read."""
        return without_credentials(self.config(f"remote.{remote}.url") or remote)


def without_credentials(url: str) -> str:
    """`url` without the secret parts that https addresses may carry."""
    return re.sub(r"^(https?://)[^/@]*@", r"\1", url)


def _count(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(1 for _ in entries)
    except FileNotFoundError:
        return 0


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _failed(answer: _Answer, what: str, *, travelling: bool = False) -> GitregError:
    lines = [line for line in answer.err.splitlines() if line.strip()]
    reason = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    reason = re.sub(r"^(fatal|error): ", "", reason)
    if "No space left" in answer.err or "File too large" in answer.err:
        return GitregError(f"{what}: no space left on the disk", "free some space and give the same command again")
    if re.search(r"Read-only file system|insufficient permission|Permission denied", answer.err) and not travelling:
        return Refused(f"{what}: {reason}", "the folder cannot be written by you: ls -ld it, or work in a clone")
    if travelling and _UNREACHABLE.search(answer.err):
        return Unreachable(f"{what}: {reason}", "check the address with git remote -v, then try again")
    if _BUSY.search(answer.err):
        return Conflict(f"{what}: {reason}", "another git is at work here, or was killed: gitreg doctor")
    return GitregError(f"{what}: {reason or 'git ended with ' + str(answer.code)}")
