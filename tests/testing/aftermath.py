"""What must hold after programs were killed, wherever it was, and run again."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import gitreg
from gitreg.registry.care.fsck import fsck
from gitreg.registry.catalog import parse_runs, read_tags, read_versions
from gitreg.registry.journal import open_runs
from gitreg.registry.place import open_registry
from gitreg.registry.wishes import read_wishes
from testing.gitcli import git
from testing.registries import Place, times


def clean(place: Place) -> None:
    """Assert that nothing half-done is left anywhere."""
    registry = open_registry(place.path)
    assert list(open_runs(registry.state)) == [] == list(read_wishes(registry.state))
    for folder in (registry.state / "runs", registry.state / "tmp", registry.cache.root / "tmp"):
        assert [path for path in folder.glob("*") if not path.name.startswith(".")] == []
    for top in filter(None, (place.path / ".git", place.origin)):
        assert [path for path in top.rglob("*.lock")] == []
        git(top, "fsck", "--strict", "--no-dangling")
        assert "draft" not in git(top, "for-each-ref", "refs/notes")
    if place.origin:
        assert place.at_origin() == place.tags()
        assert [path for path in place.payloads.rglob(".*") if path.is_file()] == []
    assert fsck(remote=True, registry=place.path).faults == ()


def complete(place: Place, names: list[str]) -> None:
    """Assert that `train` was done once under each name, and nothing else."""
    registry = open_registry(place.path)
    tags = read_tags(registry)
    assert sorted(tags) == sorted(names)
    for version in read_versions(registry, tags.values()).versions:
        assert (version.version, version.number, version.run_id) == ("v1.0.0", 1, f"run-{version.model}")
    runs = list(parse_runs(registry, [ref.oid for ref in registry.git.refs("refs/tags/run/")]))
    assert sorted(one.id for one in runs) == sorted(f"run-{name}" for name in names)
    for one in runs:
        assert (one.status, one.params, one.metrics) == ("finished", {"depth": "3"}, {"loss": 0.5})
    for name in {names[0], names[-1]}:
        assert gitreg.load_model(f"{name}@1")(2) == times(sum(name.encode()))(2)


def kill_everywhere(place: Place, kill: Callable[[str, int], int], again: Callable[[str], int], stride: int = 1) -> int:
    """Kill a program at its first step, its second ... and run it again each time; how many times it was killed."""
    names: list[str] = []
    for n in itertools.count(1, stride):
        names.append(f"m{n}")
        code = kill(names[-1], n)
        assert code in {0, -9}
        if code == 0:
            break
    assert all(again(name) == 0 for name in names)
    complete(place, names)
    clean(place)
    return len(names) - 1
