"""One repository: what it fetches from its remotes and pushes there, beside what it reads and writes here."""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gitreg.errors import Conflict, Damaged, GitregError, NotFound, Refused, Unsupported
from gitreg.stores.git.credentials import Credentials, credentials_used, refused_hint, travelling
from gitreg.stores.git.program import (
    Answer,
    busy,
    environment,
    failed,
    passing,
    read_git,
    without_credentials,
    write_git,
)
from gitreg.stores.git.writing import RefChange, Writing

_LATE = "gitreg: this push came too late"  # a registry's own hook: registry/hooks/receive.py
_TAKEN = re.compile(rf"stale info|already exists|fetch first|non-fast-forward|needs force|{_LATE}")
_REJECTED = re.compile(r"^!\t[^:]*:(\S+)\t\[(?:remote )?rejected\] \((?!atomic)", re.MULTILINE)
_BEATEN = re.compile(r"cannot lock ref '([^']+)': (?:reference already exists|is at)")
_PIECEMEAL: set[tuple[Path, str]] = set()  # remotes of repositories, seen to have no atomic pushes
_TRIES = 6
_PATIENCE = 4.0  # seconds that refs here may be locked: each git waits for a while already
_PAUSES = (0.5, 1.5, 4.5)  # seconds, before a server that stumbled is asked again
_PUSH = (
    *("push", "--quiet", "--porcelain", "--no-verify"),
    "--no-thin",  # looking for what to send less of would fetch, in a mirror, the trees of everything else
    *("--no-follow-tags", "--no-recurse-submodules"),  # only what is named, whatever push.followTags says
)


class TagsMoved(Damaged):
    """Tags that a remote has under another object than this repository: `names`, without refs/tags/."""

    def __init__(self, message: str, hint: str, names: tuple[str, ...]) -> None:
        super().__init__(message, hint)
        self.names = names


class Taken(Conflict):
    """Refs of a remote (`refs`, or one of them) are not what they should have been."""

    def __init__(self, message: str, *, refs: tuple[str, ...]) -> None:
        super().__init__(message)
        self.refs = refs


class _NotAtomicError(Exception):
    """The host has no atomic pushes; nothing was pushed."""


class Repository(Writing):
    """One repository, and the remotes it knows."""

    def fetch(self, remote: str, refspecs: Sequence[str], *, extra: Sequence[str] = ()) -> None:
        """Fetch just `refspecs`.

        NotFound where a ref is not there; Damaged where a tag seen before has moved; Unreachable where nobody answers.
        """
        argv = [
            "fetch",
            "--no-tags",
            "--no-prune",  # a run that only this machine has is no leftover, whatever fetch.prune says
            "--no-prune-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            *extra,
            "--",
            remote,
        ]
        answer = self._travel(remote, [*argv, *refspecs])
        until = time.monotonic() + _PATIENCE
        for attempt in range(_TRIES):
            if not answer.code or not busy(answer) or time.monotonic() > until:
                break
            # Another program fetches the same refs at this moment.
            time.sleep(random.uniform(0, 0.02 * 2**attempt))
            answer = self._travel(remote, [*argv, *refspecs])
        if answer.code:
            if moved := re.findall(r"! \[rejected\]\s+(\S+)\s.*would clobber existing tag", answer.err):
                raise TagsMoved(
                    f"the tag {moved[0]} at {remote} is not the one seen before: a tag never moves",
                    f"ask who changed it; git ls-remote {remote} 'refs/tags/{moved[0]}'",
                    tuple(moved),
                )
            if absent := re.search(r"couldn't find remote ref (?:refs/(?:tags|heads)/)?(\S+)", answer.err):
                raise NotFound(f"{self.address(remote)} has no {absent[1]}")
            raise self.away(answer, remote, "fetch from")

    def push(self, remote: str, changes: Sequence[RefChange]) -> None:
        """Push all the changes or none. Conflict where a ref of the remote is not what it should have been.

        A host without atomic pushes gets them one by one, in order, up to the first that it refuses.
        """
        if self._takes_all_at_once(remote, lambda: self._push(remote, changes, "--atomic")):
            return
        for change in changes:
            self._push(remote, [change])

    def push_new(self, address: str, refs: Sequence[RefChange]) -> None:
        """Push refs that must not exist there, all or none, however many they are; Conflict where one does.

        To a host without atomic pushes the branch goes last: it is what makes a registry.
        """
        if self._takes_all_at_once(address, lambda: self._push_new(address, refs, "--atomic")):
            return
        heads = [ref for ref in refs if ref.ref.startswith("refs/heads/")]
        for group in filter(None, ([ref for ref in refs if ref not in heads], heads)):
            self._push_new(address, group)

    def _takes_all_at_once(self, remote: str, push: Callable[[], None]) -> bool:
        """Do an atomic push; False, with nothing pushed, where the host has none."""
        if (self.git_dir, remote) not in _PIECEMEAL:
            try:
                push()
                return True
            except _NotAtomicError:
                _PIECEMEAL.add((self.git_dir, remote))
        return False

    def _push(self, remote: str, changes: Sequence[RefChange], *how: str) -> None:
        leases = [f"--force-with-lease={change.ref}:{change.old}" for change in changes]
        refspecs = [f"{change.new}:{change.ref}" for change in changes]
        argv = [*_PUSH, *how, *leases, "--", remote, *refspecs]
        said = self._said_of_push(argv, remote, lambda: self._arrived(remote, changes))
        if _TAKEN.search(said):
            refs = _REJECTED.findall(said) or _BEATEN.findall(said) or [change.ref for change in changes]
            raise Taken(f"{remote} has {', '.join(ref.split('/', 2)[-1] for ref in refs)} already", refs=tuple(refs))

    def _push_new(self, address: str, refs: Sequence[RefChange], *how: str) -> None:
        # A command line is limited, a file of settings is not. Of a tag git itself refuses another value.
        leases = [f"--force-with-lease={ref.ref}:" for ref in refs if not ref.ref.startswith("refs/tags/")]
        quoted = address.replace("\\", "\\\\").replace('"', '\\"')
        lines = [f'[remote "gitreg-push"]\n\turl = "{quoted}"\n', *(f"\tpush = {ref.new}:{ref.ref}\n" for ref in refs)]
        with tempfile.NamedTemporaryFile("w", prefix="gitreg-", suffix=".config") as listed:
            listed.write("".join(lines))
            listed.flush()
            argv = ["-c", f"include.path={listed.name}", *_PUSH, *how, *leases, "gitreg-push"]
            said = self._said_of_push(argv, address, lambda: self._arrived(address, refs))
        if _TAKEN.search(said):
            taken = _REJECTED.findall(said)
            shown = ", ".join(name.split("/", 2)[-1] for name in taken[:8]) or "a registry"
            raise Conflict(f"{without_credentials(address)} has {shown} already")

    def _said_of_push(self, argv: Sequence[str], remote: str, arrived: Callable[[], bool]) -> str:
        """What git says of refs that were refused, "" where none was; any other failure is an error."""
        answer = self._travel(remote, argv, arrived, pushing=True)
        if answer.code == 0:
            return ""
        said = answer.out.decode(errors="replace") + answer.err
        if "does not support --atomic" in said:
            raise _NotAtomicError
        if "hook declined" in said and _LATE not in said:
            raise _declined(self.address(remote), said)
        if not _TAKEN.search(said):
            raise self.away(Answer(answer.code, b"", said), remote, "push to")
        return said

    def _arrived(self, remote: str, changes: Sequence[RefChange]) -> bool:
        """Whether a push did all it was to do, though its answer was lost."""
        try:
            there = self.remote_refs(remote, *(change.ref for change in changes))
        except GitregError:
            return False
        return all(there.get(change.ref, "") == change.new for change in changes)

    def _travel(
        self, remote: str, argv: Sequence[str], arrived: Callable[[], bool] = lambda: False, *, pushing: bool = False
    ) -> Answer:
        """Run a git that talks to `remote`; again where the server only stumbled, unless what was sent `arrived`."""
        env = environment(**travelling(self.url(remote, pushing=pushing), self.settings))
        named = self.config(f"remote.{remote}.url")
        # Wherever it is given, git's own command takes a remote's relative address from the top of the work tree.
        home = (self.work_tree or self.git_dir) if named and ":" not in named and named[0] not in "/~" else None
        answer = write_git(self._argv(argv), env=env, cwd=home)
        for pause in _PAUSES:
            if not passing(answer):
                break
            if arrived():
                return Answer(0, b"")
            time.sleep(random.uniform(pause / 2, pause))
            answer = write_git(self._argv(argv), env=env, cwd=home)
        return answer

    def away(self, answer: Answer, remote: str, verb: str) -> GitregError:
        """The error that an answer of a remote means; `verb` says what could not be done (reach, fetch from)."""
        who = refused_hint(self.url(remote), self.settings)
        return failed(answer, f"cannot {verb} {self.address(remote)}", travelling=True, who=who)

    def url(self, remote: str, *, pushing: bool = False) -> str:
        """The address that git will use for `remote`, which is a name or an address."""
        named = self.config(f"remote.{remote}.url")
        if any(key.startswith("url.") or key == f"remote.{remote}.pushurl" for key in self.settings):
            asked = ["remote", "get-url", *(["--push"] if pushing else [])] if named else ["ls-remote", "--get-url"]
            return self.text(*asked, "--", remote)
        return named or remote

    def remote_refs(self, remote: str, *patterns: str) -> dict[str, str]:
        """The refs a remote has (`ls-remote`), by name; HEAD's branch as "HEAD" -> "ref: refs/heads/main"."""
        answer = self._travel(remote, ["ls-remote", "--symref", "--", remote, *patterns])
        if answer.code:
            raise self.away(answer, remote, "reach")
        found: dict[str, str] = {}
        for line in answer.out.decode(errors="replace").splitlines():
            value, _, name = line.partition("\t")
            if name not in found:
                found[name] = value
        return found

    def credentials(self, remote: str) -> Credentials:
        """What `remote` is told of who asks; nobody is asked, and nothing secret is in the answer."""
        return credentials_used(self.url(remote), self.settings)

    def address(self, remote: str) -> str:
        """The remote's address, without credentials, for people to read."""
        return without_credentials(self.config(f"remote.{remote}.url") or remote)


def _declined(where: str, said: str) -> Refused:
    """The error of a push that a hook of the server refused: in the hook's own words, if it said any."""
    lines = [line.rstrip() for line in re.findall(r"^remote: ?(.*?)(?:\x1b\[K)?$", said, re.MULTILINE)]
    told = [line for line in lines if line and not line.startswith("gitreg: this push is refused")]
    hint = told.pop().strip().removeprefix("hint: ") if len(told) == 2 and "hint: " in told[1] else ""
    words = f" {told[0].strip()}" if len(told) == 1 else "\n".join(["", *told]) if told else " a hook, without a reason"
    return Refused(f"{where} refuses this push:{words}", hint)


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
    answer = read_git(["-c", "safe.bareRepository=all", "rev-parse", *asked], cwd=start)
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


def create_repository(path: Path, *, bare: bool, branch: str = "main") -> Repository:
    """A new repository at `path`, whose default branch is `branch`."""
    kind = ["--bare"] if bare else []
    argv = ["init", "-q", "--object-format=sha1", f"--initial-branch={branch}", *kind, "--", str(path)]
    answer = write_git(argv)
    if answer.code:
        raise failed(answer, f"cannot make a repository at {path}")
    found = find_repository(path)
    if found is None:
        raise NotFound(f"no repository at {path}")
    return found
