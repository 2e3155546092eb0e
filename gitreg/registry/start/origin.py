"""Origins: what lies at an address, and making one there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from gitreg.errors import GitregError, NotFound, Refused, Unreachable, Unsupported
from gitreg.format.config import parse_config
from gitreg.format.dvc_files import CONFIG, parse_dvc_config
from gitreg.format.tags import TagName, parse_tag_name
from gitreg.registry.place import CONFIG_FILE, is_address
from gitreg.stores.git import Repository, create_repository, find_repository, without_credentials
from gitreg.stores.ssh import Said, SshAddress, parse_ssh_address, run_ssh

TAGS = "refs/tags/"
_HEADS = "refs/heads/"
_SETTINGS = {
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "receive.denyDeletes": "true",
    "receive.denyNonFastForwards": "true",
    "receive.fsckObjects": "true",
    "core.logAllRefUpdates": "true",
}
_FORGES = frozenset(
    {
        *("github.com", "ssh.github.com", "gitlab.com", "altssh.gitlab.com", "bitbucket.org", "altssh.bitbucket.org"),
        *("codeberg.org", "gitea.com", "git.sr.ht", "ssh.dev.azure.com", "vs-ssh.visualstudio.com"),
    }
)
_BRANCH = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|[./](?=[A-Za-z0-9_-]))*")

# $1 is the path; as git does, ~/ is the home folder, and the path with .git added is tried too.
_LOOK = """
case $1 in
    '~/'*) set -- "$HOME/${1#??}" ;;
    /*) ;;
    *) set -- "$(pwd)/$1" ;;
esac
echo gitreg
for place in "$1" "$1.git"; do
    if kind=$(git --git-dir="$place" rev-parse --is-bare-repository --show-object-format 2>/dev/null); then
        if [ -d "$place/reftable" ]; then kind="$kind reftable"; fi
        echo $kind
        printf '%s\\n' "$place"
        exit
    fi
done
if [ ! -e "$1" ] || { [ -d "$1" ] && [ -z "$(ls -A "$1")" ]; }; then echo none; else echo other; fi
printf '%s\\n' "$1"
"""
# $1 is the path, $2 the branch that HEAD names unless it is empty, then settings and their values.
_MAKE = """
set -e
place=$1
branch=$2
shift 2
if [ ! -e "$place/HEAD" ]; then
    git -c init.defaultObjectFormat=sha1 -c init.defaultRefFormat=files init -q --bare -- "$place"
fi
while [ $# -gt 1 ]; do
    git --git-dir="$place" config "$1" "$2"
    shift 2
done
if [ -n "$branch" ]; then git --git-dir="$place" symbolic-ref HEAD "refs/heads/$branch"; fi
"""


@dataclass(frozen=True)
class Origin:
    """An address and what is there.

    `kind`: a folder of this machine, a machine that ssh gives us a shell on, or a host that only speaks git.
    `folder` is where it lies on its machine, absolute ("" for a host). `there`: there is a repository. `branch` and
    `main` are the registry in it (the commit main is at), empty without one; `payloads` is what that registry states.
    """

    address: str
    kind: Literal["folder", "ssh", "host"]
    there: bool
    folder: str = ""
    ssh: SshAddress | None = None
    refs: Mapping[str, str] = field(default_factory=dict)
    branch: str = ""
    main: str = ""
    payloads: str = ""

    @property
    def shown(self) -> str:
        """The address for people to read."""
        return without_credentials(self.address)

    @property
    def has_branches(self) -> bool:
        """Whether something was pushed there already."""
        return any(name.startswith(_HEADS) for name in self.refs)


def registry_tags(refs: Mapping[str, str]) -> dict[str, TagName]:
    """The tags among `refs` (full names) that a registry, or GTO, makes."""
    parsed = ((name, parse_tag_name(name.removeprefix(TAGS))) for name in refs if name.startswith(TAGS))
    return {name: tag for name, tag in parsed if tag is not None}


def split_branch(text: str) -> tuple[str, str]:
    """(address, branch) of `ADDRESS` or `ADDRESS#BRANCH`; Refused where no branch can have that name."""
    address, mark, branch = text.partition("#")
    if mark and (not _BRANCH.fullmatch(branch) or branch.endswith(".lock")):
        raise Refused(f"bad branch {branch!r} in {text!r}", "write ADDRESS#BRANCH, such as ../origin.git#gitreg")
    return address, branch


def absolute_address(text: str) -> str:
    """`text` as every folder can use it: paths and file:// become absolute paths, URLs stay."""
    if not text or text.startswith("-") or re.search(r"[\x00-\x1f\x7f]", text) or re.match(r"[a-z0-9+]+::", text):
        raise Refused(f"bad address {text!r}", "a folder, ssh://host/path, host:path, or https://host/path")
    if text.startswith("file://"):
        return str(Path(unquote(urlsplit(text).path)).resolve())
    if is_address(text):
        if parse_ssh_address(text) is None and not text.startswith(("https://", "http://")):
            raise Refused(f"bad address {text!r}", "a folder, ssh://host/path, host:path, or https://host/path")
        return text
    return str(Path(text).expanduser().resolve())


def look_at_origin(address: str, branch: str, scratch: Repository, *, history: bool = False) -> Origin:
    """What is at `address` (made absolute already); the registry is looked for on `branch`, or on gitreg and HEAD.

    `scratch` is an empty repository to fetch into, with all of main's `history` where that is asked for. Refused
    where there is something else than a bare repository, Unsupported for its kind, Unreachable where nobody answers.
    """
    found = _kind(address, scratch)
    if found.there:
        refs = {name: oid for name, oid in scratch.remote_refs(address).items() if not name.endswith("^{}")}
        if any(len(oid) == 64 for oid in refs.values()):
            raise _foreign(found.shown, "SHA-256")
        found = replace(found, refs=refs)
    head = found.refs.get("HEAD", "").removeprefix("ref: refs/heads/")
    for name in [branch] if branch else dict.fromkeys(("gitreg", head)):
        if _HEADS + name in found.refs:
            ref = _HEADS + name
            scratch.fetch(address, [f"+{ref}:{ref}"], extra=[] if history else ["--depth=1"])
            if scratch.find_ref(f"{ref}:{CONFIG_FILE}"):
                parse_config(scratch.content(f"{ref}:{CONFIG_FILE}", CONFIG_FILE))
                return replace(found, branch=name, main=scratch.find_ref(ref), payloads=stated_payloads(scratch, ref))
    return found


def stated_payloads(git: Repository, commit: str) -> str:
    """The payload store that a main's .dvc/config names, or ""."""
    with contextlib.suppress(NotFound):
        stated = parse_dvc_config(git.content(f"{commit}:{CONFIG}", CONFIG).decode(errors="replace")).remote
        return stated.url if stated else ""
    return ""


def _foreign(what: str, kind: str) -> Unsupported:
    return Unsupported(f"{what} is a {kind} repository, which DVC, GTO and GitPython cannot read", "name another")


def _kind(address: str, scratch: Repository) -> Origin:
    ssh = parse_ssh_address(address) if is_address(address) else None
    if ssh:
        return _ssh_kind(address, ssh, scratch)
    if is_address(address):
        return Origin(address, "host", True)
    path = Path(address)
    if path.exists() and not path.is_dir():
        raise Refused(f"{address} is a file, not a bare repository", "name a folder that is not there yet")
    if not path.exists() or not any(path.iterdir()):
        return Origin(address, "folder", False, address)
    git = find_repository(path)
    if git is None or path not in {git.common_dir, git.work_tree}:
        raise Refused(f"{address} is not empty and no git repository", "name a folder that is not there yet")
    if not git.bare:
        raise Refused(
            f"{address} has a work tree, which a push would leave behind",
            f"name a bare repository, or a folder that is not there yet; {address} itself can be given to gitreg init",
        )
    return Origin(address, "folder", True, address)


def speaks_only_git(address: str) -> bool:
    """Whether an address is of a host that surely gives no shell: https, and the known forges."""
    ssh = parse_ssh_address(address) if is_address(address) else None
    return is_address(address) and (ssh is None or ssh.host.lower() in _FORGES)


def _ssh_kind(address: str, ssh: SshAddress, scratch: Repository) -> Origin:
    if speaks_only_git(address):
        return Origin(address, "host", True, ssh=ssh)
    if ssh.path.startswith("~") and not ssh.path.startswith("~/"):
        raise Refused(f"bad path {ssh.path!r}: it is in another user's home folder", "write the absolute path")
    said = run_ssh(ssh, _LOOK, ssh.path, ssh_command=scratch.config("core.sshcommand"))
    answer = said.out.splitlines()[-3:]  # the login shell may greet first
    if len(answer) != 3 or answer[0] != "gitreg":
        if said.code == 255:
            raise Unreachable(f"cannot reach {address}: {said.reason}", f"try: ssh {ssh.target} true")
        return Origin(address, "host", True, ssh=ssh)
    kind, folder = answer[1], str(PurePosixPath(answer[2]))
    if kind == "none":
        return Origin(address, "ssh", False, folder, ssh)
    if kind == "other":
        raise Refused(f"{address} is neither empty nor a git repository", "name a folder that is not there yet")
    if not kind.startswith("true"):
        raise Refused(f"{address} has a work tree, which a push would leave behind", "name a bare repository")
    if "reftable" in kind or "sha256" in kind:
        raise _foreign(address, "reftable" if "reftable" in kind else "SHA-256")
    return Origin(address, "ssh", True, folder, ssh)


def make_origin(origin: Origin, branch: str, *, ssh_command: str = "") -> None:
    """Make the bare repository if none is there, set what a registry needs of it, and let its HEAD name `branch`.

    A host that gives no shell is left as it is. Doing it twice does no harm. `ssh_command` is git's core.sshCommand.
    """
    head = "" if origin.has_branches else branch
    if origin.kind == "folder":
        path = Path(origin.folder)
        git = find_repository(path) if origin.there else create_repository(path, bare=True, branch=branch)
        if git is None:
            raise NotFound(f"{origin.folder} is not there any more", "give the command again")
        for key, value in _SETTINGS.items():
            git.set_config(key, value)
        if head:
            git.write("symbolic-ref", "HEAD", _HEADS + head, what=f"cannot set HEAD of {origin.folder}")
    elif origin.kind == "ssh" and origin.ssh:
        pairs = [word for pair in _SETTINGS.items() for word in pair]
        _made(origin, run_ssh(origin.ssh, _MAKE, origin.folder, head, *pairs, ssh_command=ssh_command))


def _made(origin: Origin, said: Said) -> None:
    if said.code == 255:
        raise Unreachable(f"cannot reach {origin.address}: {said.reason}", "give the command again")
    if said.code:
        raise GitregError(f"cannot make a repository at {origin.address}: {said.reason}")


def payloads_inside(origin: Origin) -> str:
    """The folder for payloads inside the origin; Refused, naming the choices, where there can be none."""
    if origin.kind == "host":
        raise payloads_elsewhere(origin.shown)
    inside = f"{origin.folder}/payloads"
    if origin.ssh and "?" in inside:
        raise Refused(f"{origin.shown} has a question mark, with which DVC cannot find payloads", "add --payloads URL")
    return origin.ssh.url(inside) if origin.ssh else inside


def payloads_elsewhere(address: str) -> Refused:
    """That payloads cannot lie beside the repository, and where they can."""
    return Refused(
        f"{address} keeps Git only: payloads must lie somewhere else",
        "add --payloads s3://BUCKET/FOLDER, --payloads ssh://HOST/FOLDER, or --payloads FOLDER that all machines see",
    )
