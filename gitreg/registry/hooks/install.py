"""Putting gitreg's hooks into a repository, beside those that are there, and taking them away again."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gitreg.errors import Conflict, NotFound, Refused
from gitreg.stores.disk import write_whole
from gitreg.stores.git import environment, find_repository
from gitreg.stores.git.program import read_git

CLIENT, SERVER = ("pre-commit", "pre-push"), ("pre-receive",)
BEFORE = ".before-gitreg"
_OURS = b"# gitreg's hook: "
State = Literal["installed", "updated", "unchanged", "removed", "absent"]


@dataclass(frozen=True)
class Hook:
    """A hook of a repository after it was installed or removed; `chained`: one that was there before is kept."""

    stage: str
    path: str
    state: State
    chained: bool

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"stage": self.stage, "path": self.path, "state": self.state, "chained": self.chained}


def install(path: str | os.PathLike[str] = ".", *, server: bool = False, dry_run: bool = False) -> tuple[Hook, ...]:
    """Install the hooks of a clone, or with `server` that of a bare repository; twice is once.

    A hook that is there is kept as `<stage>.before-gitreg` and runs first. Refused where hooks lie outside of the
    repository, and for the wrong kind of repository.
    """
    folder = _folder(Path(path), server)
    found = []
    for stage in SERVER if server else CLIENT:
        file = folder / stage
        text = _stub(stage)
        there = _read(file)
        chained = os.path.lexists(_before(file))
        if there == text:
            found.append(Hook(stage, str(file), "unchanged", chained))
            continue
        state: State = "updated" if there.startswith(_start(text)) else "installed"
        if state == "installed" and os.path.lexists(file):
            if chained:
                hint = f"look at both, and delete the one that is not needed: {file}, {_before(file)}"
                raise Conflict(f"{file} is another hook again, and {_before(file)} is kept from before", hint)
            chained = True
            if not dry_run:
                file.rename(_before(file))
        if not dry_run:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(file, text)
            file.chmod(0o755)
        found.append(Hook(stage, str(file), state, chained))
    return tuple(found)


def uninstall(path: str | os.PathLike[str] = ".", *, server: bool = False, dry_run: bool = False) -> tuple[Hook, ...]:
    """Take gitreg's hooks away, and put back those that were there before."""
    folder = _folder(Path(path), server)
    found = []
    for stage in SERVER if server else CLIENT:
        file, text = folder / stage, _stub(stage)
        if not _read(file).startswith(_start(text)):
            found.append(Hook(stage, str(file), "absent", False))
            continue
        chained = os.path.lexists(_before(file))
        if not dry_run:
            if chained:
                _before(file).rename(file)
            else:
                file.unlink()
        found.append(Hook(stage, str(file), "removed", chained))
    return tuple(found)


def _before(file: Path) -> Path:
    return file.with_name(file.name + BEFORE)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _start(text: bytes) -> bytes:
    """By what a hook of gitreg's is known, whichever Python it was installed with."""
    return text[: text.index(_OURS) + len(_OURS)]


def _stub(stage: str) -> bytes:
    """The hook as it is installed, for the Python that runs this."""
    for folder in _stubs():
        file = folder / stage
        if file.is_file():
            return file.read_bytes().replace(b"@PYTHON@", shlex.quote(sys.executable).encode())
    raise NotFound(f"this gitreg was installed without its hook {stage}", "pip install --force-reinstall gitreg")


def _stubs() -> Iterator[Path]:
    """Where the stubs lie: in the package, or at the top of a checkout that is installed as it stands."""
    package = Path(__file__).parents[2]
    yield package / "hooks"
    yield package.parent / "hooks"


def _folder(path: Path, server: bool) -> Path:
    """The folder in which git looks for the hooks of the repository at `path`."""
    git = find_repository(path)
    if git is None:
        raise NotFound(f"{path.resolve()} is in no git repository", "name one: gitreg hooks install DIR")
    if server and git.work_tree is not None:
        raise Refused(f"{git.work_tree} is a clone, and no bare repository", "gitreg hooks install, without --server")
    if not server and git.work_tree is None:
        raise Refused(f"{git.common_dir} is a bare repository: nobody commits there", "gitreg hooks install --server")
    # Not through `git`: gitreg itself runs without any hook.
    asked = ["--git-dir", str(git.git_dir), "config", "--type=path", "--get", "core.hooksPath"]
    told = read_git(asked, env=environment()).out.decode(errors="surrogateescape").strip()
    if not told:
        return git.common_dir / "hooks"
    top = git.work_tree or git.common_dir
    folder = Path(os.path.normpath(top / told))
    if not any(folder.is_relative_to(home) for home in (top, git.common_dir, git.git_dir)):
        raise Refused(
            f"core.hooksPath is {told}, outside of this repository: others would get the hooks, too",
            "git config core.hooksPath .git/hooks, in this repository alone" if not server
            else "git config core.hooksPath hooks, in this repository alone",
        )  # fmt: skip
    return folder
