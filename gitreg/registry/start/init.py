"""Beginning a registry: a repository of its own, or a branch beside code; with an origin, at one, or without."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from gitreg.errors import Conflict, Refused, Unreachable
from gitreg.format.config import format_config
from gitreg.format.dvc_files import CONFIG, PAYLOADS, DvcConfig, Remote, check_payload_url, format_dvc_config
from gitreg.format.tags import NumberTag, RunTag
from gitreg.registry.notes import merge_notes
from gitreg.registry.place import CONFIG_FILE, is_address, registry_in
from gitreg.registry.start.attach import fetch_registry, holds_all_of, keep_remote, own_tags, publish
from gitreg.registry.start.here import BESIDE_CODE, HEADS, Here, look_here
from gitreg.registry.start.origin import (
    Origin,
    absolute_address,
    look_at_origin,
    make_origin,
    payloads_elsewhere,
    payloads_inside,
    registry_tags,
    speaks_only_git,
    split_branch,
    stated_payloads,
)
from gitreg.stores.clock import now
from gitreg.stores.git import NewCommit, RefChange, Repository, create_repository, identity

_ATTRIBUTES = "* text eol=lf\n"
_PRIVATE = "/config.local\n/tmp\n/cache\n"  # as `dvc init` has it: what is each user's own, secrets too


@dataclass(frozen=True)
class Initialised:
    """A registry that was begun or joined: where, its branch, its origin and payload store ("" without an origin).

    `created_origin`: there was no repository at the origin before. `joined`: the origin held the registry already.
    """

    path: str
    branch: str
    origin: str
    payloads: str
    created_origin: bool
    joined: bool

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class _Plan:
    here: Here
    branch: str
    payloads: str
    own_payloads: bool  # the user's own choice for a registry that states another
    author: str
    origin: Origin | None = None
    remote: str = ""
    ssh_command: str = ""

    @property
    def joined(self) -> bool:
        return bool(self.origin and self.origin.branch)


def init(
    path: str | os.PathLike[str] = ".",
    *,
    origin: str | os.PathLike[str] | None = None,
    payloads: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
) -> Initialised:
    """Begin a registry in a new or empty folder, or on a branch `gitreg` of the code repository that `path` is in.

    `origin` is made if nothing is there (a folder, or by ssh); where it holds a registry, that one is joined. Given
    for a registry without an origin, everything moves there. `payloads` is a folder or a URL; without it payloads
    lie in a folder inside the origin, or in this repository. An init that was interrupted can be given again. With
    `dry_run` nothing is written anywhere.

    Conflict where there is a registry already, Refused where payloads would have no place or a text is empty.
    """
    _check_given(path, origin, payloads)
    here = look_here(path)
    with _scratch(here) as scratch:
        plan = _plan(here, os.fspath(origin or ""), os.fspath(payloads or ""), scratch)
    folder = _carry_out(plan) if not dry_run else here.folder
    there = plan.origin
    made = there is not None and not there.there
    return Initialised(str(folder), plan.branch, there.shown if there else "", plan.payloads, made, plan.joined)


def _check_given(
    path: str | os.PathLike[str], origin: str | os.PathLike[str] | None, payloads: str | os.PathLike[str] | None
) -> None:
    """Refuse an empty text, which most likely is a variable that nobody set."""
    if not os.fspath(path):
        raise Refused("the folder of the registry is empty", "name a folder, or . for this one")
    if origin is not None and not os.fspath(origin):
        raise Refused("the origin is empty", "name a folder or an address, or leave it out")
    if payloads is not None and not os.fspath(payloads):
        raise Refused("the payload store is empty", "name a folder or a URL, or leave it out")


@contextmanager
def _scratch(here: Here) -> Iterator[Repository]:
    """An empty repository to look at origins with, which speaks to them as the one at PATH does."""
    with tempfile.TemporaryDirectory(prefix="gitreg-") as folder:
        scratch = create_repository(Path(folder) / "scratch", bare=True)
        for key, value in (here.git.settings if here.git else {}).items():
            if key not in scratch.settings and (key == "core.sshcommand" or key.startswith("url.")):
                scratch.set_config(key, value)
        yield scratch


def _plan(here: Here, asked: str, payloads: str, scratch: Repository) -> _Plan:
    address, branch = _address(here, asked)
    if here.registry and here.registry.remote and not here.unfinished:
        _already(here, here.registry.git.address(here.registry.remote) if asked else "")
    if here.registry and not address and not here.unfinished:
        _already(here, "")
    store = _payload_url(payloads) if payloads else ""
    there: Origin | None = None
    if address:
        there = _look_there(here, address, branch, store, scratch)
    branch = _branch(here, there, branch)
    remote = _remote_name(here, address) if there else ""
    joined = bool(there and there.branch)
    author = "" if joined else (here.git.identity() if here.git else identity())
    stated = there.payloads if there and joined else ""
    if store and store != stated:
        _check_folder(store)
    url = store or (stated if joined else _default_payloads(here, there))
    own = joined and url != stated
    if not joined:
        _dvc_config(url)  # refuses what cannot be written there, before anything is
    return _Plan(here, branch, url, own, author, there, remote, scratch.config("core.sshcommand"))


def _already(here: Here, origin: str) -> NoReturn:
    if origin:
        raise Conflict(f"{here.folder} is a registry, and its origin is {origin}", "gitreg status")
    raise Conflict(f"{here.folder} is a registry already", "gitreg status")


def _address(here: Here, asked: str) -> tuple[str, str]:
    """The origin that is meant, absolute, and the branch named behind its #; both may be empty."""
    remotes = here.git.remotes() if here.git else {}
    if asked in remotes:
        return _remote_address(here, remotes[asked]), ""
    if asked:
        address, branch = split_branch(asked)
        return absolute_address(address), branch
    if here.git is None or (here.registry and here.registry.remote):
        return "", ""
    known = here.git.config("gitreg.remote") or "origin"
    if not here.code and known in remotes:  # a clone of an empty origin, or an origin added by hand
        return _remote_address(here, remotes[known]), ""
    if here.code and not here.registry:
        for name, url in remotes.items():  # somebody began the registry of this code already
            if here.git.find_ref(f"refs/remotes/{name}/{BESIDE_CODE}:{CONFIG_FILE}"):
                return _remote_address(here, url), BESIDE_CODE
    return "", ""


def _remote_address(here: Here, url: str) -> str:
    # git takes a remote's relative path from the repository's own folder.
    return absolute_address(url if is_address(url) or "://" in url else str(here.folder / Path(url).expanduser()))


def _look_there(here: Here, address: str, branch: str, store: str, scratch: Repository) -> Origin:
    for one, other in ((here.folder, Path(address)), (Path(address), here.folder)):
        if not is_address(address) and one.is_relative_to(other):
            raise Refused(f"the origin {address} and {here.folder} lie in each other", "name a folder beside it")
    mine = here.main
    try:
        found = look_at_origin(address, branch, scratch, history=bool(mine))
    except Unreachable:
        # Of a host that never has a place for payloads the next question is known, whether it answers or not.
        if speaks_only_git(address) and not store:
            raise payloads_elsewhere(address) from None
        raise
    if found.branch and here.registry and not holds_all_of(found, here.registry, mine, scratch):
        raise Conflict(f"{found.shown} holds another registry", "name an empty origin, or clone that one")
    if not found.branch:
        _check_free(found, here)
    return found


def _check_free(origin: Origin, here: Here) -> None:
    """Refuse an origin that has the branch that is to be pushed, or tags of another registry."""
    registry = here.registry
    if registry and HEADS + registry.branch in origin.refs:
        raise Conflict(f"{origin.shown} has a branch {registry.branch}, without {CONFIG_FILE}", "name an empty origin")
    models = {tag.model for tag in (own_tags(registry.git) if registry else {}).values() if not isinstance(tag, RunTag)}
    for name, tag in registry_tags(origin.refs).items():
        theirs = isinstance(tag, RunTag | NumberTag) or tag.model in models
        if theirs and (here.git is None or here.git.find_ref(name) != origin.refs[name]):
            raise Conflict(
                f"{origin.shown} has the tag {name.removeprefix('refs/tags/')}, but no branch with {CONFIG_FILE}",
                "name an empty origin, or the registry's branch: ADDRESS#BRANCH",
            )


def _branch(here: Here, origin: Origin | None, asked: str) -> str:
    if origin and origin.branch:
        return origin.branch
    if here.registry:
        return here.registry.branch
    chosen = asked or (BESIDE_CODE if here.code or (origin and origin.has_branches) else "main")
    if here.git is not None and here.git.find_ref(HEADS + chosen):
        raise Conflict(f"there is a branch {chosen} without {CONFIG_FILE}", f"git branch -m {chosen} OTHER-NAME")
    if origin and HEADS + chosen in origin.refs:
        raise Conflict(f"{origin.shown} has a branch {chosen} without {CONFIG_FILE}", "name another: ADDRESS#BRANCH")
    return chosen


def _remote_name(here: Here, address: str) -> str:
    """The remote of the repository at PATH that is, or will be, the origin."""
    remotes = here.git.remotes() if here.git else {}
    for name, url in remotes.items():
        with suppress(Refused):
            if _remote_address(here, url) == address:
                return name
    for name in ("origin", "gitreg") if here.code else ("origin",):
        if name not in remotes:
            return name
    name = "gitreg" if here.code else "origin"
    raise Conflict(f"{here.folder} has a remote {name} with another address", f"git remote set-url {name} {address}")


def _payload_url(text: str) -> str:
    check_payload_url(text)
    if "://" in text and not text.startswith("file://"):
        return text
    if is_address(text):
        raise Refused(f"bad address of a payload store {text!r}", "write it as ssh://host/folder")
    return absolute_address(text)


def _check_folder(url: str) -> None:
    path = Path(url)
    if "://" not in url and not path.is_dir() and not path.parent.is_dir():
        raise Refused(
            f"payloads cannot lie in {url}: there is no folder {path.parent}", f"mkdir -p {path.parent}, or mount it"
        )


def _default_payloads(here: Here, origin: Origin | None) -> str:
    """Where payloads lie if nobody says: where they are, inside the origin, or in this repository."""
    git = here.git
    local = _local_payloads(git, here.folder)
    stated = stated_payloads(here.registry.git, here.main) if here.registry else ""
    if stated and (origin is None or stated != local):
        return stated
    return payloads_inside(origin) if origin else local


def _local_payloads(git: Repository | None, folder: Path) -> str:
    if git is not None and git.work_tree is None:
        return str(git.common_dir / "payloads")
    return str((git.common_dir if git else folder / ".git") / "gitreg" / "cache")


# doing it: the origin first, the settings that make open_registry look there last, so that any step can be repeated


def _carry_out(plan: _Plan) -> Path:
    here, origin, branch = plan.here, plan.origin, plan.branch
    if origin and not plan.joined:
        make_origin(origin, branch, ssh_command=plan.ssh_command)
    git = here.git or create_repository(here.folder, bare=False, branch=branch)
    if origin and plan.joined:
        commit = fetch_registry(git, origin, plan.remote)
    else:
        commit = _first_commit(git, plan)
        if plan.here.main and _shows(git, branch):
            git.check_out(commit, plan.here.main, dry_run=True)
        if origin:
            moved = here.registry or registry_in(git, "", branch, str(here.folder))
            publish(moved, origin, commit, plan.payloads)
    if not here.code or not plan.joined:
        _keep_branch(git, plan, commit)
    if here.code and not origin:
        git.set_config("gitreg.remote", ".")  # a remote that the code has, or will have, is not the registry's
    git.set_config("gitreg.branch", branch)
    if plan.own_payloads:
        git.set_config("gitreg.payloads", plan.payloads)
    if origin:
        keep_remote(git, plan.remote, origin.address, branch, commit, upstream=not here.code)
        if plan.remote != "origin" or git.config("gitreg.remote"):
            git.set_config("gitreg.remote", plan.remote)
        registry = registry_in(git, plan.remote, branch, str(here.folder))
        if plan.joined:
            merge_notes(registry)
        registry.remember_fetch()
    return git.work_tree or git.common_dir


def _first_commit(git: Repository, plan: _Plan) -> str:
    """The registry's first commit; of one that is here already its main, with the payload store it moves to."""
    old = plan.here.main
    stated = stated_payloads(git, old) if old else ""
    if old and stated == plan.payloads:
        return old
    files = {CONFIG: _dvc_config(plan.payloads)}
    if not old:
        own = {CONFIG_FILE: format_config(), ".gitattributes": _ATTRIBUTES, ".dvc/.gitignore": _PRIVATE}
        files |= {name: text.encode() for name, text in own.items()}
    message = f"Keep payloads at {plan.payloads}\n" if old else "Begin a model registry\n"
    tree = git.text("rev-parse", f"{old}^{{tree}}") if old else ""
    when = int(now().timestamp())
    return git.write_commits([NewCommit(message, plan.author, when, files, tree, (old,) if old else ())])[0]


def _dvc_config(payloads: str) -> bytes:
    return format_dvc_config(DvcConfig((Remote(PAYLOADS, payloads),), PAYLOADS)).encode()


def _keep_branch(git: Repository, plan: _Plan, commit: str) -> None:
    """Let the branch be at `commit`, and where it is what this folder shows, the files too."""
    ref, old = HEADS + plan.branch, plan.here.main
    if plan.here.registry is None and not plan.here.code:
        git.write("symbolic-ref", "HEAD", ref, what="cannot set HEAD")
    fresh = not (git.git_dir / "index").exists()
    if old != commit:
        git.change_refs([RefChange(ref, commit, old)])
    if _shows(git, plan.branch) and (fresh or old != commit):
        git.check_out(commit, "" if fresh else old)


def _shows(git: Repository, branch: str) -> bool:
    """Whether the work tree is the branch's."""
    return git.work_tree is not None and git.text("symbolic-ref", "--quiet", "HEAD") == HEADS + branch
