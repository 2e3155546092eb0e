"""Which registry is meant, and where its parts lie on this machine."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gitreg.errors import Damaged, NotFound, Refused, Unreachable, Unsupported
from gitreg.format.runs import check_format
from gitreg.format.times import format_time, parse_time
from gitreg.stores.cache import Cache
from gitreg.stores.clock import now
from gitreg.stores.git import Repository, create_repository, find_repository, without_credentials

# What a listing does not ask for is imported where it is used: importing it takes longer than the listing.
if TYPE_CHECKING:
    from gitreg.format.config import Config
    from gitreg.format.dvc_files import Remote
    from gitreg.stores.dvc import PayloadStore

CONFIG_FILE = "gitreg.yaml"
_DVC_CONFIG = ".dvc/config"
_FETCHED = "fetched"
_ADDRESS = re.compile(r"[a-z][a-z0-9+]*://.+|(?:[^/:@\s]+@)?[^/:@\s]+:(?!//).+")
_used: list[str] = []


@dataclass(frozen=True)
class Registry:
    """An open registry: a repository, the branch that is its main, and gitreg's own folders beside it.

    `remote` is the origin's name, or "" where this repository is itself the authority. `mirror` means that the
    repository is gitreg's own copy of an address: it holds only what was asked for.
    """

    git: Repository
    remote: str
    branch: str
    state: Path
    cache: Cache
    where: str
    mirror: bool = False
    offline: bool = False

    @property
    def main_ref(self) -> str:
        """The full ref of the registry's main: the origin's, as last fetched, where there is an origin."""
        return f"refs/remotes/{self.remote}/{self.branch}" if self.remote else f"refs/heads/{self.branch}"

    def main(self) -> str:
        """The commit that main is at."""
        found = self.git.find_ref(self.main_ref)
        if not found:
            raise NotFound(f"{self.where} has no branch {self.branch}", "gitreg init")
        return found

    @cached_property
    def _main_files(self) -> dict[str, bytes]:
        """gitreg.yaml and .dvc/config of main, as far as they are there."""
        names = (CONFIG_FILE, _DVC_CONFIG)
        found = zip(names, self.git.objects(f"{self.main_ref}:{name}" for name in names), strict=True)
        return {name: content for name, (_, kind, content) in found if kind == "blob"}

    @property
    def exists(self) -> bool:
        """Whether main is there and holds a gitreg.yaml."""
        return CONFIG_FILE in self._main_files

    def check_format(self) -> None:
        """Refuse a registry that a newer gitreg made. Looks at one line, so that listing reads no YAML."""
        found = re.search(rb"^format:[ \t]*(\d+)[ \t]*(?:#.*)?$", self._main_files[CONFIG_FILE], re.MULTILINE)
        check_format(found[1].decode() if found else str(self.config.format), CONFIG_FILE)

    @cached_property
    def config(self) -> Config:
        """What gitreg.yaml on main says."""
        from gitreg.format.config import parse_config

        if not self.exists:
            raise NotFound(f"{CONFIG_FILE} is not in {self.git.common_dir}")
        try:
            return parse_config(self._main_files[CONFIG_FILE].decode(errors="replace"))
        except Damaged as error:
            hint = f"mend {CONFIG_FILE} on {self.branch} and commit it; docs/format.md 1.1 tells its keys"
            raise Damaged(error.message, error.hint or hint) from None

    @property
    def payload_remote(self) -> Remote:
        """Where payloads are published: the consumer's own setting, else main's .dvc/config; never a tag's."""
        from gitreg.format.dvc_files import Remote

        own = os.environ.get("GITREG_PAYLOADS") or self.git.config("gitreg.payloads")
        return Remote("payloads", own) if own else self.stated_remote

    @cached_property
    def stated_remote(self) -> Remote:
        """Where main's .dvc/config says that payloads are: what everybody may read, and what runs tell plain DVC."""
        from gitreg.format.dvc_files import parse_dvc_config

        hint = "git config gitreg.payloads URL"
        if _DVC_CONFIG not in self._main_files:
            raise NotFound(f"{self.where} names no payload store: main has no {_DVC_CONFIG}", hint)
        stated = parse_dvc_config(self._main_files[_DVC_CONFIG].decode(errors="replace"))
        for remote in stated.remotes:
            if remote.name == stated.default or not stated.default:
                return self._where_it_is_now(self._absolute(remote))
        raise NotFound(f"{self.where} names no payload store: its {_DVC_CONFIG} has no core.remote", hint)

    def _absolute(self, remote: Remote) -> Remote:
        """DVC takes a relative address from the folder of its config; in a run's commit there is no such folder."""
        if "://" in remote.url or Path(remote.url).expanduser().is_absolute():
            return remote
        if self.git.work_tree is None:
            hint = "git config gitreg.payloads ABSOLUTE-FOLDER-OR-URL"
            raise Refused(f"{remote.url}, the payload store of {self.where}, is relative to a clone", hint)
        return replace(remote, url=os.path.normpath(self.git.work_tree / ".dvc" / remote.url))

    def _where_it_is_now(self, remote: Remote) -> Remote:
        """A store inside this repository moves with it, and a copy of the repository has its own."""
        inside = {"cache": self.cache.root, "payloads": self.git.common_dir / "payloads"}
        own = inside.get(Path(remote.url).name) if "://" not in remote.url and not self.remote else None
        if own is None or not own.is_dir() or Path(remote.url).parent.name not in {own.parent.name, "gitreg"}:
            return remote
        return replace(remote, url=str(own))

    @cached_property
    def store(self) -> PayloadStore:
        """The payload store, opened."""
        from gitreg.stores.dvc import open_store

        remote = self.payload_remote
        settings = {k: v for k, v in (("endpointurl", remote.endpointurl), ("region", remote.region)) if v}
        dvc = self.git.work_tree / ".dvc" if self.git.work_tree else self.state / "dvc"
        return open_store(remote.url, settings, dvc)

    def fetch(self, *patterns: str) -> None:
        """Bring refs of the origin that match (`refs/tags/churn@*`); nothing where there is none, or when offline."""
        if not self.remote or self.offline:
            return
        # Only gitreg's own mirrors are partial: git would make any other repository a partial clone for good.
        extra = ["--filter=tree:0"] if self.mirror else []
        self.git.fetch(self.remote, [f"{pattern}:{pattern}" for pattern in patterns], extra=extra)

    def fetch_main(self) -> None:
        """Bring the origin's main up to date."""
        if self.remote and not self.offline:
            self.git.fetch(self.remote, [f"+refs/heads/{self.branch}:{self.main_ref}"])
            for name in ("_main_files", "config", "stated_remote", "store"):
                self.__dict__.pop(name, None)

    def remember_fetch(self) -> None:
        """Note that all that the origin has was brought just now."""
        self.state.mkdir(parents=True, exist_ok=True)
        partial = self.state / f".{uuid.uuid4().hex}"
        partial.write_text(format_time(now()) + "\n", encoding="ascii")
        partial.replace(self.state / _FETCHED)

    def last_fetch(self) -> str:
        """When the origin was last fetched from here (RFC 3339), or ""."""
        try:
            text = (self.state / _FETCHED).read_text(encoding="ascii").strip()
            return format_time(parse_time(text))
        except (OSError, UnicodeDecodeError, Refused):
            return ""


def use(where: str | os.PathLike[str]) -> None:
    """Name the registry that every later call without `registry=` means, in this process."""
    _used[:] = [os.fspath(where)]


def where_meant(where: str | os.PathLike[str] | None = None) -> str:
    """The registry's path or address: the argument, `use`, GITREG_REGISTRY, pyproject.toml, or this folder."""
    if where is not None:
        if not os.fspath(where):
            raise Refused("the registry's name is empty", "name it: a path or an address")
        return os.fspath(where)
    if _used:
        return _used[0]
    if given := os.environ.get("GITREG_REGISTRY"):
        return given
    return _from_pyproject(Path.cwd()) or "."


def _from_pyproject(folder: Path) -> str:
    for parent in (folder, *folder.parents):
        found = parent / "pyproject.toml"
        if found.is_file():
            import tomllib

            try:
                named: object = tomllib.loads(found.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise Damaged(f"{found} cannot be read: {error}", "mend it, or name a registry with -R") from None
            for key in ("tool", "gitreg", "registry"):
                named = named.get(key, "") if isinstance(named, dict) else named if not named else 0
            if not isinstance(named, str):
                raise Damaged(f"{found}: tool.gitreg.registry is not text", 'write registry = "PATH-OR-URL"')
            if not named or is_address(named) or named.startswith("file://"):
                return named
            return str(parent / Path(named).expanduser())
    return ""


def is_address(text: str) -> bool:
    """Whether `text` is an address to connect to (a URL, or ssh's host:path) and no folder of this machine."""
    return bool(_ADDRESS.fullmatch(text)) and not text.startswith("file://") and not Path(text.split("#")[0]).exists()


def open_registry(where: str | os.PathLike[str] | Registry | None = None, *, offline: bool | None = None) -> Registry:
    """The registry at a path or address (`URL#branch` names its branch).

    NotFound where there is none, Unsupported for repositories that DVC and GTO cannot read, Unreachable where an
    address does not answer.
    """
    if isinstance(where, Registry):
        return where
    named = where_meant(where)
    cut_off = bool(os.environ.get("GITREG_OFFLINE")) if offline is None else offline
    address, _, branch = named.partition("#")
    registry = _open_mirror(address, branch, cut_off) if is_address(address) else _open_folder(address, branch, cut_off)
    _check(registry)
    return registry


def _open_folder(named: str, branch: str, offline: bool) -> Registry:
    path = Path(named.removeprefix("file://")).expanduser()
    if not path.exists():
        raise NotFound(f"no registry at {named}: there is no such folder", f"gitreg init {named}")
    git = find_repository(path)
    if git is None:
        hint = "gitreg init, or name a registry with -R PATH-OR-URL or GITREG_REGISTRY"
        raise NotFound(f"no registry here: {path.resolve()} is not in a git repository", hint)
    remote = git.config("gitreg.remote") or ("origin" if git.config("remote.origin.url") else "")
    if remote == "." or (git.work_tree is None and not git.config("gitreg.remote")):
        remote = ""  # a bare repository has no branches of others': what it shows is its own
    chosen = branch or git.config("gitreg.branch") or _default_branch(git, remote)
    return registry_in(git, remote, chosen, str(git.work_tree or git.common_dir), offline=offline)


def registry_in(git: Repository, remote: str, branch: str, named: str, *, offline: bool = False) -> Registry:
    """The registry on `branch` of a repository of this machine; whether there is one is not looked at."""
    if git.work_tree is None:
        name = f"{git.common_dir.name.removesuffix('.git')}-{_short(str(git.common_dir))}"
        return Registry(git, remote, branch, state_home() / name, Cache(cache_home() / name), named, offline=offline)
    state = git.common_dir / "gitreg"
    return Registry(git, remote, branch, state, Cache(state / "cache"), named, offline=offline)


def _default_branch(git: Repository, remote: str) -> str:
    if remote:
        head = git.symbolic_ref(f"refs/remotes/{remote}/HEAD")
        if head:
            return head.removeprefix(f"refs/remotes/{remote}/")
    return git.symbolic_ref("HEAD").removeprefix("refs/heads/") or "main"


def _open_mirror(address: str, branch: str, offline: bool) -> Registry:
    if address.startswith("-"):
        raise Refused(f"bad address {address!r}", "an address begins with a letter")
    home = cache_home() / "mirrors" / _short(address)
    git = find_repository(home) if (home / "HEAD").exists() else None
    if git is None:
        if offline:
            raise Unreachable(
                f"{address} was never read from here, and this is offline", "give the command online once"
            )
        home.parent.mkdir(parents=True, exist_ok=True)
        git = create_repository(home, bare=True)
        git.set_config("remote.origin.url", address)
    if not offline and not (branch or git.config("gitreg.branch")):
        head = git.remote_refs("origin", "HEAD").get("HEAD", "")
        if not head.startswith("ref: refs/heads/"):
            raise NotFound(f"no registry at {address}: it has no branch", "gitreg init --origin ADDRESS")
        git.set_config("gitreg.branch", head.removeprefix("ref: refs/heads/"))
    chosen = branch or git.config("gitreg.branch") or "main"
    registry = Registry(
        git, "origin", chosen, home / "gitreg", Cache(home / "gitreg" / "cache"), address, True, offline
    )
    registry.fetch_main()
    return registry


def _check(registry: Registry) -> None:
    """Refuse a branch that has no gitreg.yaml; the file itself is read when something asks for it."""
    if registry.exists:
        registry.check_format()
        return
    git = registry.git
    hint = "gitreg init, or name a registry with -R PATH-OR-URL or GITREG_REGISTRY"
    for ref in ("refs/remotes/origin/gitreg", "refs/heads/gitreg"):
        if registry.branch != "gitreg" and git.find_ref(f"{ref}:{CONFIG_FILE}"):
            hint = "git config gitreg.branch gitreg"
    raise NotFound(f"no registry at {registry.where}: its branch {registry.branch} has no {CONFIG_FILE}", hint)


def writable(registry: Registry) -> Registry:
    """`registry`, if it may be written to from here."""
    if registry.mirror:
        raise Unsupported(
            f"{registry.where} can be read by its address, but not yet written to",
            f"git clone {registry.where}, then name the clone with -R",
        )
    original = registry.git.config("remote.origin.url")
    if registry.git.work_tree is None and not registry.remote and original and not registry.git.config("gitreg.remote"):
        raise Refused(
            f"{registry.where} is a bare copy of {without_credentials(original)}",
            "write to a clone of that; or make this one the authority: git config gitreg.remote .",
        )
    _ = registry.config  # its mistakes are told before anything is written
    return registry


def cache_home() -> Path:
    """Where copies lie that can be made again: GITREG_CACHE, else gitreg/ in the user's cache folder."""
    if given := os.environ.get("GITREG_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gitreg"


def state_home() -> Path:
    """Where open runs lie when the registry has no work tree: gitreg/ in the user's state folder."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "gitreg"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
