"""GTO reads the versions of a registry, and gitreg those that GTO makes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gitreg
from gitreg.errors import NotFound
from testing.gitcli import git
from testing.registries import Place, cloned, log

if TYPE_CHECKING:
    from interop.conftest import Shared

Tool = Callable[[str], Path]


def run(tool: Tool, *arguments: str | Path, cwd: Path) -> str:
    done = subprocess.run([tool("gto"), *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shown(tool: Tool, where: Path, *what: str) -> Any:
    return json.loads(run(tool, "show", "-r", where, *what, "--json", cwd=where))


def test_gto_shows_models_and_versions(shared: Shared, tool: Tool) -> None:
    assert {name: found["version"] for name, found in shown(tool, shared.origin).items()} == {
        "area": "v1.0.0",
        "churn": "v1.0.1",
    }
    versions = shown(tool, shared.origin, "churn")
    assert [found["version"] for found in versions] == ["v1.0.1", "v1.0.0"]
    commits = [gitreg.resolve(f"churn@v1.0.{n}", registry=shared.clone).commit for n in (1, 0)]
    assert [found["commit_hexsha"] for found in versions] == commits
    assert run(tool, "show", "-r", shared.origin, "churn@latest", "--version", cwd=shared.origin).strip() == "v1.0.1"


def test_gto_knows_the_tags_and_their_history(shared: Shared, tool: Tool) -> None:
    found = json.loads(run(tool, "check-ref", "-r", shared.origin, "churn@v1.0.1", "--json", cwd=shared.origin))
    assert (found["artifact"], found["version"], found["event"]) == ("churn", "v1.0.1", "registration")
    history = json.loads(run(tool, "history", "-r", shared.origin, "churn", "--json", cwd=shared.origin))
    assert [event["version"] for event in history if event["event"] == "registration"] == ["v1.0.1", "v1.0.0"]


def test_a_retired_version_is_deregistered(tool: Tool, tmp_path: Path) -> None:
    place = cloned(tmp_path / "registry")
    log(2, "churn", registry=place.path)
    log(3, "churn", registry=place.path)
    gitreg.retire("churn@v0.2.0", "wrong", registry=place.path)
    assert place.origin
    assert shown(tool, place.origin)["churn"]["version"] == "v0.1.0"


@pytest.fixture
def registered(tool: Tool, tmp_path: Path) -> Place:
    """A registry with churn@v0.1.0 by gitreg and then churn@v1.5.0 and other@v0.0.1 by GTO, in a clone of a person."""
    place = cloned(tmp_path / "registry")
    log(2, "churn", registry=place.path)
    theirs = place.clone(tmp_path / "theirs")
    for name, version in (("churn", "v1.5.0"), ("other", "v0.0.1")):
        run(tool, "register", name, "main", "--version", version, cwd=theirs.path)
    git(theirs.path, "push", "-q", "origin", "churn@v1.5.0", "other@v0.0.1")
    return place


def test_what_gto_registered_is_listed_and_resolved_without_a_number(registered: Place) -> None:
    gitreg.use(registered.path)
    gitreg.fetch()
    found = gitreg.resolve("churn@latest")
    assert (found.version, found.number, found.run_id, found.digest) == ("v1.5.0", None, "", "")
    assert found.commit == git(registered.path, "rev-parse", "origin/main")
    assert [(str(v), v.number) for v in gitreg.search_versions()] == [
        ("churn@v0.1.0", 1), ("churn@v1.5.0", None), ("other@v0.0.1", None),
    ]  # fmt: skip
    assert {model.name for model in gitreg.models()} == {"churn", "other"}
    assert gitreg.resolve("churn@1").version == gitreg.resolve("models:/churn/latest").version == "v0.1.0"
    with pytest.raises(NotFound, match=r"churn@v1\.5\.0 was tagged without gitreg"):
        gitreg.load_model("churn")


def test_the_next_version_of_gitreg_is_above_that_of_gto(registered: Place, tool: Tool) -> None:
    gitreg.use(registered.path)
    again = log(3, "churn")
    assert again.version == "churn@v1.6.0"
    assert (gitreg.resolve("churn").number, gitreg.load_model("churn")(2)) == (2, 6)  # type: ignore[operator]
    assert log(4, "other").version == "other@v0.1.0"
    assert gitreg.resolve("other").number == 1
    assert registered.origin
    assert {name: found["version"] for name, found in shown(tool, registered.origin).items()} == {
        "churn": "v1.6.0",
        "other": "v0.1.0",
    }
