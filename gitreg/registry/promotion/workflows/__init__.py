"""What continuous integration is told to do: a workflow for each kind of forge, written to the work tree of main."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from gitreg import __version__
from gitreg.errors import Refused
from gitreg.registry.place import Registry, open_registry
from gitreg.stores.disk import write_whole

_PATHS = {
    "github": ".github/workflows/gitreg.yml",
    "gitlab": ".gitlab/gitreg.yml",
    "gitea": ".gitea/workflows/gitreg.yml",
}
KINDS = tuple(_PATHS)
_INCLUDING = ".gitlab-ci.yml"
_INCLUDE = f"include:\n  - local: {_PATHS['gitlab']}\n"


@dataclass(frozen=True)
class WorkflowFile:
    """A file of the work tree; whether writing `text` `changes` it."""

    path: str
    text: str
    changes: bool

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"path": self.path, "text": self.text, "changes": self.changes}


@dataclass(frozen=True)
class CiFiles:
    """The files that were written, and what is left to do by hand."""

    files: tuple[WorkflowFile, ...]
    to_do: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"files": [file.to_dict() for file in self.files], "to_do": list(self.to_do)}


def ci_init(
    forge: str,
    *,
    force: bool = False,
    dry_run: bool = False,
    registry: str | os.PathLike[str] | Registry | None = None,
) -> CiFiles:
    """Write the workflow of a kind of forge (one of KINDS) to the work tree, which has to be main's.

    Nothing is committed. Refused, with nothing written, where a file there says something else, unless `force`.
    """
    if forge not in KINDS:
        raise Refused(f"gitreg knows no workflow for {forge!r}", f"gitreg ci init {'|'.join(KINDS)}")
    place = open_registry(registry)
    top = _top(place)
    files = [_file(top, _PATHS[forge], workflow(forge, place.branch), force)]
    to_do = []
    if forge == "gitlab":
        if not (top / _INCLUDING).exists():
            files.append(_file(top, _INCLUDING, _INCLUDE, force))
        elif _PATHS["gitlab"] not in (top / _INCLUDING).read_text(encoding="utf-8", errors="replace"):
            to_do.append(f"add to {_INCLUDING}:\n{_INCLUDE.rstrip()}")
    changed = [file.path for file in files if file.changes]
    if changed:
        to_do.append(f"git add {' '.join(changed)}; git commit; git push: it counts once it is on {place.branch}")
    if not dry_run:
        for file in files:
            if file.changes:
                (top / file.path).parent.mkdir(parents=True, exist_ok=True)
                write_whole(top / file.path, file.text.encode())
    return CiFiles(tuple(files), tuple(to_do))


def workflow(forge: str, branch: str) -> str:
    """The text of the workflow for a registry on `branch`. Refused where a branch of that name cannot stand there."""
    if not branch.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise Refused(f"the branch {branch} has a name that a workflow cannot hold", "name it with letters and digits")
    text = resources.files(__name__).joinpath(f"{forge}.yml").read_text(encoding="utf-8")
    return text.replace("@BRANCH@", branch).replace("@VERSION@", __version__)


def _top(place: Registry) -> Path:
    """The work tree of main."""
    if place.git.work_tree is None:
        raise Refused(f"{place.where} has no work tree to write a workflow to", "give the command in a clone")
    if place.git.symbolic_ref("HEAD") != f"refs/heads/{place.branch}":
        hint = f"git switch {place.branch}; or git worktree add ../{place.branch} {place.branch}"
        raise Refused(f"{place.branch} is not checked out in {place.where}, and the workflow belongs there", hint)
    return place.git.work_tree


def _file(top: Path, path: str, text: str, force: bool) -> WorkflowFile:
    here = top / path
    if not here.exists():
        return WorkflowFile(path, text, True)
    if not here.is_file():
        raise Refused(f"{path} is there, and is no file", f"see what it is: ls -l {path}")
    known = here.read_text(encoding="utf-8", errors="replace")
    if known != text and not force:
        raise Refused(
            f"{path} is there, and says something else", "gitreg ci init --force writes over it; -n shows what"
        )
    return WorkflowFile(path, text, known != text)
