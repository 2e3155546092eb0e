"""What could keep a registry from working on this machine, and the command that mends it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gitreg.errors import GitregError, NotFound
from gitreg.format.times import from_seconds
from gitreg.registry.journal import open_runs
from gitreg.registry.place import CONFIG_FILE, Registry, is_address, open_registry, where_meant
from gitreg.registry.start.attach import TAG_REFSPEC
from gitreg.registry.wishes import read_wishes
from gitreg.stores import git
from gitreg.stores.clock import now

_OLDEST_GIT = (2, 36)
_STALE = 600  # seconds: no git command that gitreg starts holds a lock that long
_CLOCK_TOLERANCE = 300  # seconds


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is well, what was found, and what to do (empty: nothing)."""

    name: str
    ok: bool
    message: str
    hint: str = ""

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return dict(self.__dict__)


Check = Callable[[], Iterator[Finding]]


def doctor(
    registry: str | os.PathLike[str] | Registry | None = None, *, offline: bool | None = None
) -> tuple[Finding, ...]:
    """All that was found, well or not; what is broken is a finding and never an error. Writes nothing.

    With `offline` neither the origin nor a payload store on another machine is asked.
    """
    findings = [*_look("git", _git), *_look("identity", partial(_identity, None))]
    opened: list[Registry] = []
    repository: list[git.Repository] = []

    def open_here() -> Iterator[Finding]:
        found = registry.git if isinstance(registry, Registry) else _repository(where_meant(registry))
        repository.extend([found] if found else [])
        opened.append(open_registry(registry, offline=offline))
        repository[:] = [opened[0].git]
        yield Finding("registry", True, f"{opened[0].where}, branch {opened[0].branch}")

    if any(not finding.ok and finding.name == "git" for finding in findings):
        return tuple(findings)
    findings += _look("registry", open_here)
    for found in repository:
        findings[1:2] = _look("identity", partial(_identity, found))
        findings += _look("locks", partial(_locks, found))
    for place in opened:
        for name, check in _CHECKS:
            findings += _look(name, partial(check, place))
    return tuple(findings)


def _look(name: str, check: Check) -> list[Finding]:
    """What a check finds; its failure is a finding too."""
    try:
        return list(check())
    except GitregError as error:
        return [Finding(name, False, error.message, error.hint)]
    except (OSError, ValueError, TypeError, KeyError, AssertionError) as error:  # files that nobody expects
        return [Finding(name, False, f"{type(error).__name__}: {error}")]


def _repository(where: str) -> git.Repository | None:
    if is_address(where.partition("#")[0]):
        return None
    path = Path(where.partition("#")[0].removeprefix("file://")).expanduser()
    return git.find_repository(path) if path.exists() else None


def _git() -> Iterator[Finding]:
    version = git.version()
    shown = ".".join(map(str, version))
    if version[:2] >= _OLDEST_GIT:
        yield Finding("git", True, f"git {shown}")
    else:
        yield Finding("git", False, f"git {shown} is older than 2.36", "install a newer git")


def _identity(repository: git.Repository | None) -> Iterator[Finding]:
    yield Finding("identity", True, repository.identity() if repository else git.identity())


def _config(registry: Registry) -> Iterator[Finding]:
    config = registry.config
    for unknown in config.unknown:
        yield Finding(CONFIG_FILE, False, unknown, "correct it, or leave it to a later gitreg that knows it")
    if not config.unknown:
        yield Finding(CONFIG_FILE, True, f"format {config.format}")


def _origin(registry: Registry) -> Iterator[Finding]:
    if not registry.remote:
        yield Finding("origin", True, "none: this repository is the registry", "gitreg init --origin PATH-OR-URL")
        return
    address = registry.git.address(registry.remote)
    if registry.offline:
        yield Finding("origin", True, f"{address} was not asked: this is offline")
        return
    branch = f"refs/heads/{registry.branch}"
    if branch not in registry.git.remote_refs(registry.remote, branch):
        raise NotFound(f"{address} has no branch {registry.branch}", f"git ls-remote {registry.remote}")
    yield Finding("origin", True, f"{address} answers")


def _refspec(registry: Registry) -> Iterator[Finding]:
    if not registry.remote or registry.mirror:
        return
    key = f"remote.{registry.remote}.fetch"
    known = registry.git.text("config", "--get-all", key).splitlines()
    forced = next((refspec for refspec in known if refspec.startswith("+refs/tags/")), "")
    if forced:
        change = f"git config --replace-all --fixed-value {key} '{forced.removeprefix('+')}' '{forced}'"
        yield Finding("tags", False, f"{key} has {forced}: a tag that was moved would be taken silently", change)
    elif TAG_REFSPEC in known:
        yield Finding("tags", True, "git fetch brings runs and versions, and no moved tag")
    else:
        add = f"git config --add {key} '{TAG_REFSPEC}'"
        yield Finding("tags", True, "gitreg fetch brings runs and versions; a plain git fetch leaves new ones out", add)


def _payloads(registry: Registry) -> Iterator[Finding]:
    if registry.payload_remote.url == str(registry.cache.root):
        yield Finding("payloads", True, "they lie in this repository")
        return
    store = registry.store
    if registry.offline and "://" in store.url:
        yield Finding("payloads", True, f"{store.url} was not asked: this is offline")
        return
    store.check()
    yield Finding("payloads", True, f"{store.url} answers")


def _locks(repository: git.Repository) -> Iterator[Finding]:
    """Locks that a killed git left, here and in an origin that is a folder of this machine."""
    folders = {repository.git_dir, repository.common_dir}
    for url in repository.remotes().values():
        if Path(url).is_absolute() and (Path(url) / "HEAD").is_file():
            folders.add(Path(url))
    until, stale = now().timestamp() - _STALE, []
    for folder in sorted(folders):
        for lock in [*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock")]:
            if lock.stat().st_mtime < until:
                stale.append(lock)
    for lock in dict.fromkeys(stale):
        since = from_seconds(lock.stat().st_mtime)
        hint = f"if no git is at work there: rm {shlex.quote(str(lock))}"
        yield Finding("locks", False, f"{lock} is left since {since}: git refuses to write", hint)
    if not stale:
        yield Finding("locks", True, "none left behind")


def _open(registry: Registry) -> Iterator[Finding]:
    left = [run.id for run in open_runs(registry.state) if run.status == "interrupted"]
    for run_id in left:
        hint = f'continue it: gitreg.start_run(run_id="{run_id}", resume=True)'
        yield Finding("runs", False, f"run {run_id} was interrupted and has not ended", hint)
    if not left:
        yield Finding("runs", True, "none interrupted")


def _wishes(registry: Registry) -> Iterator[Finding]:
    waiting = [str(wish) for wish in read_wishes(registry.state)]
    for wish in waiting:
        yield Finding("registrations", False, f"{wish} waits for the origin", "gitreg push")
    if not waiting:
        yield Finding("registrations", True, "none waiting")


def _clock(registry: Registry) -> Iterator[Finding]:
    asked = ["--sort=-creatordate", "--count=1", "--format=%(creatordate:unix) %(refname:lstrip=2)", "refs/tags/"]
    when, _, tag = registry.git.text("for-each-ref", *asked).partition(" ")
    behind = int(when or 0) - now().timestamp()
    if behind > _CLOCK_TOLERANCE:
        message = f"the newest tag, {tag}, is of {from_seconds(int(when))}: this clock is {int(behind)} s behind"
        yield Finding("clock", False, message, "timedatectl set-ntp true")
    else:
        yield Finding("clock", True, "not behind the newest tag")


_CHECKS: tuple[tuple[str, Callable[[Registry], Iterator[Finding]]], ...] = (
    (CONFIG_FILE, _config),
    ("origin", _origin),
    ("tags", _refspec),
    ("payloads", _payloads),
    ("runs", _open),
    ("registrations", _wishes),
    ("clock", _clock),
)
