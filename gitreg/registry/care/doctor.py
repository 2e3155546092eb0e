"""What could keep a registry from working on this machine, and the command that mends it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from gitreg.errors import GitregError, NotFound
from gitreg.registry.care.machine import (
    Finding,
    look_at_clock,
    look_at_dvc,
    look_at_folders,
    look_at_git,
    look_at_identity,
    look_at_locks,
)
from gitreg.registry.homes import mirror_home
from gitreg.registry.journal import open_runs
from gitreg.registry.place import CONFIG_FILE, Registry, is_address, open_registry, where_meant
from gitreg.registry.seen import check_file
from gitreg.registry.settle import waiting_runs
from gitreg.registry.start.attach import TAG_REFSPEC
from gitreg.registry.wishes import read_wishes
from gitreg.stores import git
from gitreg.stores.git.credentials import credentials_used

__all__ = ["Finding", "doctor"]

Check = Callable[[], Iterator[Finding]]


def doctor(
    registry: str | os.PathLike[str] | Registry | None = None, *, offline: bool | None = None
) -> tuple[Finding, ...]:
    """All that was found, well or not; what is broken is a finding and never an error. Writes nothing.

    With `offline` neither the origin nor a payload store on another machine is asked.
    """
    findings = [*_look("git", look_at_git), *_look("identity", partial(look_at_identity, None))]
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
        findings[1:2] = _look("identity", partial(look_at_identity, found))
        findings += _look("locks", partial(look_at_locks, found))
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
        mirror = mirror_home(where.partition("#")[0])
        return git.find_repository(mirror) if (mirror / "HEAD").exists() else None
    path = Path(where.partition("#")[0].removeprefix("file://")).expanduser()
    return git.find_repository(path) if path.exists() else None


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
    used = credentials_used(registry.git.config(f"remote.{registry.remote}.url"), registry.git.settings)
    branch = f"refs/heads/{registry.branch}"
    if branch not in registry.git.remote_refs(registry.remote, branch):
        raise NotFound(f"{address} has no branch {registry.branch}", f"git ls-remote {registry.remote}")
    whose = f"; credentials: {used.detail}" if "://" in address or used.kind == "ssh" else ""
    yield Finding("origin", True, f"{address} answers{whose}")


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
    from gitreg.stores.payloads.dvc import DvcStore

    store = registry.store
    if registry.offline and "://" in store.url:
        yield Finding("payloads", True, f"{store.url} was not asked: this is offline")
        return
    store.check()
    whose = f"; credentials: {store.credentials()}" if isinstance(store, DvcStore) else ""
    yield Finding("payloads", True, f"{store.url} answers{whose}")


def _open(registry: Registry) -> Iterator[Finding]:
    left = [run.id for run in open_runs(registry.state) if run.status == "interrupted"]
    for run_id in left:
        hint = f'continue it: gitreg.start_run(run_id="{run_id}", resume=True)'
        yield Finding("runs", False, f"run {run_id} was interrupted and has not ended", hint)
    if not left:
        yield Finding("runs", True, "none interrupted")


def _wishes(registry: Registry) -> Iterator[Finding]:
    waiting = [str(wish) for wish in read_wishes(registry.state)]
    waiting += [f"run {run.id}" for run in waiting_runs(registry)] if registry.mirror else []
    for what in waiting:
        yield Finding("registrations", False, f"{what} waits for the origin", "gitreg push")
    if not waiting:
        yield Finding("registrations", True, "none waiting")


def _dvc(registry: Registry) -> Iterator[Finding]:
    with contextlib.suppress(NotFound):  # told with the payloads
        yield from look_at_dvc(registry.payload_remote.url)


def _folders(registry: Registry) -> Iterator[Finding]:
    yield from look_at_folders(dict.fromkeys((registry.state, registry.cache.root, registry.written.root)))


def _seen(registry: Registry) -> Iterator[Finding]:
    count = check_file(registry)
    yield Finding("seen", True, f"{count:,} tags are remembered: one that moves is noticed")


def _clock(registry: Registry) -> Iterator[Finding]:
    yield from look_at_clock(registry.git)


_CHECKS: tuple[tuple[str, Callable[[Registry], Iterator[Finding]]], ...] = (
    (CONFIG_FILE, _config),
    ("origin", _origin),
    ("tags", _refspec),
    ("dvc", _dvc),
    ("payloads", _payloads),
    ("runs", _open),
    ("registrations", _wishes),
    ("seen", _seen),
    ("folders", _folders),
    ("clock", _clock),
)
