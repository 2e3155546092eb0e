"""Which registry is meant, and where its parts lie on this machine."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gitreg.errors import Damaged, NotFound, Refused, Unreachable
from gitreg.format.runs import check_format
from gitreg.registry.freshness import MAIN, Freshness, last_fetch, max_stale_meant, remember_fetch
from gitreg.registry.homes import cache_home, state_home, state_of
from gitreg.registry.mirror import MAIN_ALONE, bring_main, open_mirror
from gitreg.registry.origin import default_branch, origin_of, unnamed_origin
from gitreg.stores.cache import Cache
from gitreg.stores.git import Repository, TagsMoved, find_repository, without_credentials
from gitreg.stores.git.partial import ONE_COMMIT, PartialRepository

# What a listing does not ask for is imported where it is used: importing it takes longer than the listing.
if TYPE_CHECKING:
    from gitreg.format.config import Config
    from gitreg.format.dvc_files import Remote
    from gitreg.stores.payloads import PayloadStore

CONFIG_FILE = "gitreg.yaml"
_DVC_CONFIG = ".dvc/config"
_ADDRESS = re.compile(r"[a-z][a-z0-9+]*://.+|(?:[^/:@\s]+@)?[^/:@\s]+:(?!//).+")
_used: list[tuple[str, float | None]] = []


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
    max_stale: float | None = None

    @cached_property
    def freshness(self) -> Freshness:
        """What the answers that were given rest on."""
        return Freshness()

    @property
    def noted(self) -> Path:
        """Where it is noted when things were fetched: beside them."""
        return self.git.common_dir / "gitreg" if self.mirror else self.state

    @property
    def written(self) -> Cache:
        """Where payloads are written that are only here: beside the state of a mirror, whose cache may be deleted."""
        return Cache(self.state / "payloads") if self.mirror else self.cache

    @property
    def main_ref(self) -> str:
        """The full ref of the registry's main: the origin's, as last fetched, where there is an origin."""
        ours = self.mirror or not self.remote
        return f"refs/heads/{self.branch}" if ours else f"refs/remotes/{self.remote}/{self.branch}"

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
        if own and "://" not in own and not Path(own).expanduser().is_absolute():  # another one in each folder
            raise Refused(f"{own}, the payload store, is relative", "git config gitreg.payloads ABSOLUTE-FOLDER-OR-URL")
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
        from gitreg.format.dvc_files import check_payload_url
        from gitreg.stores.payloads import open_store

        remote = self.payload_remote
        check_payload_url(remote.url)
        if "://" in remote.url and self.git.work_tree and self.git.find_ref("HEAD:.dvc/config.local"):
            hint = "see who put it there; then git rm --cached .dvc/config.local, and commit that"
            raise Refused(".dvc/config.local is committed: it would say for everybody what each says alone", hint)
        dvc = self.git.work_tree / ".dvc" if self.git.work_tree else self.state / "dvc"
        return open_store(remote.url, remote.settings, dvc)

    def fetch(self, *patterns: str, whole: bool = False) -> None:
        """Bring refs of the origin that match (`refs/tags/churn@*`); nothing where there is none, or when offline.

        Of `whole` ones a mirror gets all that is in their commits; of others the tags and commits alone. NotFound
        where a name that is no pattern is not there.
        """
        if not self.remote or self.offline:
            return
        extra: Sequence[str] = ()
        if self.mirror:  # git would make any other repository a partial clone for good
            extra = ONE_COMMIT if whole else ("--filter=tree:0", MAIN_ALONE)
        try:
            self.git.fetch(self.remote, [p if p.startswith("^") else f"{p}:{p}" for p in patterns], extra=extra)
        except TagsMoved as moved:
            from gitreg.registry.tombstones import accept_tombstones

            accept_tombstones(self, moved)

    def fetch_main(self, *, history: bool = False) -> None:
        """Bring the origin's main up to date; with `history` also the commits before it, of which a mirror has none."""
        if not self.remote or self.offline:
            return
        if isinstance(self.git, PartialRepository):
            bring_main(self.git, self.branch, files=(CONFIG_FILE, _DVC_CONFIG), history=history)
        else:
            self.git.fetch(self.remote, [f"+refs/heads/{self.branch}:{self.main_ref}"])
        self.remember_fetch(MAIN)
        for name in ("_main_files", "config", "stated_remote", "store"):
            self.__dict__.pop(name, None)

    def remember_fetch(self, thing: str = "") -> None:
        """Note that `thing` ("": all that the origin has) was brought just now."""
        remember_fetch(self, thing)

    def last_fetch(self, thing: str = "") -> str:
        """When `thing` was last fetched from here (RFC 3339), with everything or alone, or ""."""
        return last_fetch(self, thing)


def use(where: str | os.PathLike[str], *, max_stale: float | str | None = None) -> None:
    """Name the registry that every later call without `registry=` means, in this process.

    With `max_stale` (seconds, or text such as "24h") names that move are answered from here while the origin is away,
    if that was fetched no longer ago.
    """
    _used[:] = [(os.fspath(where), None if max_stale is None else max_stale_meant(max_stale))]


def where_meant(where: str | os.PathLike[str] | None = None) -> str:
    """The registry's path or address: the argument, `use`, GITREG_REGISTRY, pyproject.toml, or this folder."""
    if where is not None:
        if not os.fspath(where):
            raise Refused("the registry's name is empty", "name it: a path or an address")
        return os.fspath(where)
    if _used:
        return _used[0][0]
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


def open_registry(
    where: str | os.PathLike[str] | Registry | None = None,
    *,
    offline: bool | None = None,
    max_stale: float | str | None = None,
) -> Registry:
    """The registry at a path or address (`URL#branch` names its branch). Whoever has a mirror of it asks nobody.

    `max_stale` is as `use` has it. NotFound where there is none, Unsupported for repositories that DVC
    and GTO cannot read, Unreachable where an address does not answer.
    """
    if isinstance(where, Registry):
        return where
    if max_stale is None and where is None and _used:
        max_stale = _used[0][1]
    age = max_stale_meant(max_stale)
    named = where_meant(where)
    cut_off = bool(os.environ.get("GITREG_OFFLINE")) if offline is None else offline
    address, _, branch = named.partition("#")
    registry = _open_mirror(address, branch, cut_off) if is_address(address) else _open_folder(address, branch, cut_off)
    if age is not None:
        registry = replace(registry, max_stale=age)
    _check(registry)
    if registry.mirror and (registry.state / "runs").is_dir():
        from gitreg.registry.runs.recover import restore_runs

        restore_runs(registry)
    return registry


def _open_folder(named: str, branch: str, offline: bool) -> Registry:
    path = Path(named.removeprefix("file://")).expanduser()
    if not path.exists():
        raise NotFound(f"no registry at {named}: there is no such folder", f"gitreg init {named}")
    git = find_repository(path)
    if git is None:
        hint = "gitreg init, or name a registry with -R PATH-OR-URL or GITREG_REGISTRY"
        raise NotFound(f"no registry here: {path.resolve()} is not in a git repository", hint)
    remote = origin_of(git)
    chosen = branch or git.config("gitreg.branch") or default_branch(git, remote)
    return registry_in(git, remote, chosen, str(git.work_tree or git.common_dir), offline=offline)


def registry_in(git: Repository, remote: str, branch: str, named: str, *, offline: bool = False) -> Registry:
    """The registry on `branch` of a repository of this machine; whether there is one is not looked at."""
    if git.work_tree is None:
        name = state_of(str(git.common_dir))
        return Registry(git, remote, branch, state_home() / name, Cache(cache_home() / name), named, offline=offline)
    state = git.common_dir / "gitreg"
    return Registry(git, remote, branch, state, Cache(state / "cache"), named, offline=offline)


def _open_mirror(address: str, branch: str, offline: bool) -> Registry:
    git = open_mirror(address, branch, offline=offline, files=(CONFIG_FILE, _DVC_CONFIG))
    named = f"{address}#{branch}" if branch else address
    chosen = branch or git.symbolic_ref("HEAD").removeprefix("refs/heads/")
    kept = Cache(git.common_dir / "gitreg" / "cache")
    return Registry(git, "origin", chosen, state_home() / state_of(named), kept, named, True, offline)


def _check(registry: Registry) -> None:
    """Refuse a branch that has no gitreg.yaml; the file itself is read when something asks for it."""
    if registry.mirror and not registry.exists:
        registry.fetch_main()  # it may have become one since
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
        with contextlib.suppress(Unreachable):  # what is logged now can be published later
            registry.fetch_main()
        _check(registry)
    original = registry.git.config("remote.origin.url")
    if registry.git.work_tree is None and not registry.remote and original and not registry.git.config("gitreg.remote"):
        raise Refused(
            f"{registry.where} is a bare copy of {without_credentials(original)}",
            "write to a clone of that; or make this one the authority: git config gitreg.remote .",
        )
    if not registry.remote and (other := unnamed_origin(registry.git, registry.branch, CONFIG_FILE)):
        raise Refused(
            f"{registry.where} has no remote origin, and its remote {other} has this registry",
            f"git config gitreg.remote {other}; or make this one the authority: git config gitreg.remote .",
        )
    _ = registry.config  # its mistakes are told before anything is written
    return registry
