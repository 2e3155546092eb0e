"""A reference that is looked up again and again: what each look tells, what it costs, and what it outlives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Damaged, NotFound, Refused, Unreachable
from gitreg.format.versions import ModelVersion
from gitreg.registry.freshness import MAIN
from gitreg.registry.homes import mirror_home
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.use.look import Look, Watched
from gitreg.stores.disk import remove_folder
from testing.clock import Clock
from testing.counted import Counted
from testing.gitcli import git
from testing.plumbed import Builder, make_registry
from testing.smart_http import HttpServer, introduce

HOUR = 3600
EVERY = ("m0@production", "m0@v1", "models:/m0/latest")


@dataclass
class Followed:
    """A registry that is looked at from elsewhere: by its address, in a clone, or where it is."""

    builder: Builder
    where: str
    one: ModelVersion
    two: ModelVersion

    @property
    def place(self) -> Registry:
        return open_registry(self.where)

    @property
    def away(self) -> Path:
        return self.builder.path.with_name("away")

    def go(self) -> None:
        self.builder.path.rename(self.away)

    def come(self) -> None:
        self.away.rename(self.builder.path)


def begin(folder: Path) -> tuple[Builder, ModelVersion, ModelVersion]:
    builder = make_registry(folder)
    one = builder.version(builder.run("one"), "m0", "v1.0.0", 1)
    builder.stage("production", one)
    two = builder.version(builder.run("two"), "m0", "v0.9.0", 2)
    return builder, one, two


@pytest.fixture(params=["address", "clone", "relative clone"])
def followed(tmp_path: Path, http: HttpServer, request: pytest.FixtureRequest) -> Followed:
    builder, one, two = begin(tmp_path / "origin")
    address = http.url(builder.path)
    if request.param == "address":
        return Followed(builder, address, one, two)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", address if request.param == "clone" else str(builder.path), clone)
    if request.param == "relative clone":
        git(clone, "config", "remote.origin.url", "../origin")
    return Followed(builder, str(clone), one, two)


@pytest.fixture
def http(http_server: HttpServer, home: Path) -> HttpServer:
    return introduce(http_server, home)


def names(look: Look) -> str:
    assert look.away is None, look.away
    assert look.trouble is None, look.trouble
    return str(look.version)


@pytest.mark.parametrize("ref", EVERY)
def test_a_look_tells_what_the_origin_has_now(followed: Followed, ref: str) -> None:
    watched = Watched(followed.place, ref)
    if "latest" in ref and ref.startswith("models"):
        assert names(watched.look()) == "m0@v0.9.0"
    else:
        assert names(watched.look()) == "m0@v1.0.0"
    three = followed.builder.version(followed.builder.run("three"), "m0", "v1.1.0", 3)
    followed.builder.stage("production", three)
    assert names(watched.look()) == "m0@v1.1.0"
    assert names(watched.look()) == "m0@v1.1.0"


@pytest.mark.parametrize("ref", EVERY)
def test_a_look_at_what_did_not_change_is_one_git(
    followed: Followed, ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(followed.place, ref)
    watched.look()
    counted = Counted(tmp_path / "counted", monkeypatch)
    for _ in range(3):
        assert watched.look().away is None
        started = counted.started()
        assert len(started) == 1, started
        assert any(word in started[0] for word in ("remote-http", "ls-remote", "upload-pack")), started


def test_in_a_registry_of_its_own_a_look_is_one_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder, _, two = begin(tmp_path / "origin")
    watched = Watched(builder.registry, "m0@production")
    assert names(watched.look()) == "m0@v1.0.0"
    counted = Counted(tmp_path / "counted", monkeypatch)
    assert names(watched.look()) == "m0@v1.0.0"
    assert len(counted.started()) == 1
    builder.stage("production", two)
    assert names(watched.look()) == "m0@v0.9.0"


@pytest.mark.parametrize("ref", ["m0@production", "m0@latest"])
def test_what_changes_elsewhere_is_no_other_version(followed: Followed, ref: str) -> None:
    watched = Watched(followed.place, ref)
    first = watched.look()
    followed.builder.put({"README.md": "more\n"})
    followed.builder.version(followed.builder.run("else"), "m1", "v1.0.0", 1)
    second = watched.look()
    assert second.version == first.version
    assert second.away is None


@pytest.mark.parametrize("ref", ["m0@production", "m0@v1"])
def test_while_the_origin_is_away_the_last_answer_stays(followed: Followed, ref: str, fixed_clock: Clock) -> None:
    watched = Watched(followed.place, ref)
    before = watched.look()
    fixed_clock.advance(HOUR)
    followed.go()
    for _ in range(2):
        look = watched.look()
        assert isinstance(look.away, Unreachable)
        assert (look.version, look.checked) == (before.version, before.checked)
    followed.come()
    followed.builder.stage("production", followed.two)
    followed.builder.retire(followed.one, "old")
    found = Watched(followed.place, ref).look() if ref == "m0@v1" else watched.look()
    if ref == "m0@v1":
        assert isinstance(found.trouble, NotFound)
        assert isinstance(watched.look().trouble, NotFound)
    else:
        assert names(found) == "m0@v0.9.0"
    assert watched.look().checked == fixed_clock.now.replace("Z", ".000Z")


@pytest.mark.parametrize("ref", ["m0@production", "m0@v1"])
def test_a_first_look_while_the_origin_is_away_tells_what_is_here(
    followed: Followed, ref: str, fixed_clock: Clock
) -> None:
    before = Watched(followed.place, ref).look()
    fixed_clock.advance(3 * HOUR)
    followed.go()
    watched = Watched(followed.place, ref, max_stale=4 * HOUR)
    look = watched.look()
    assert look.version == before.version
    assert look.version is not None and look.version.stale
    assert look.checked == before.checked
    assert isinstance(look.away, Unreachable)
    late = Watched(followed.place, ref, max_stale=2 * HOUR).look()
    assert late.version is None
    assert isinstance(late.away, Unreachable)
    assert "fetched 3 hours ago" in late.away.message
    followed.come()
    assert names(watched.look()) == "m0@v1.0.0"
    assert names(watched.look()) == "m0@v1.0.0"


def test_what_was_never_fetched_is_not_there_while_the_origin_is_away(followed: Followed) -> None:
    place = followed.place
    followed.go()
    look = Watched(place, "m1@latest").look()
    assert look.version is None
    assert isinstance(look.away, Unreachable)
    followed.come()


def test_a_look_that_found_nothing_new_counts_as_a_fetch(followed: Followed, fixed_clock: Clock) -> None:
    place = followed.place
    watched = Watched(place, "m0@production")
    watched.look()
    later = fixed_clock.advance(HOUR).replace("Z", ".000Z")
    assert watched.look().checked == later
    assert place.last_fetch(MAIN) == later


def test_a_stage_that_is_emptied_and_filled_again(followed: Followed) -> None:
    watched = Watched(followed.place, "m0@production")
    watched.look()
    followed.builder.put({"stages/production/m0.yaml": None})
    for _ in range(2):
        look = watched.look()
        assert (look.version, look.away) == (None, None)
        assert isinstance(look.trouble, NotFound)
    followed.builder.stage("production", followed.one)
    assert names(watched.look()) == "m0@v1.0.0"


def test_a_version_that_is_retired_while_a_stage_runs_it(followed: Followed) -> None:
    watched = Watched(followed.place, "m0@production")
    watched.look()
    followed.builder.retire(followed.one, "old")
    for _ in range(2):
        look = watched.look()
        assert isinstance(look.trouble, Refused), look
        assert "retired" in look.trouble.message
    followed.builder.stage("production", followed.two)
    assert names(watched.look()) == "m0@v0.9.0"


def test_a_version_that_is_purged_while_a_stage_runs_it(followed: Followed) -> None:
    watched = Watched(followed.place, "m0@production")
    watched.look()
    followed.builder.purge(followed.one)
    for _ in range(2):
        assert isinstance(watched.look().trouble, Damaged | NotFound)


def test_a_tag_that_moved_is_trouble_and_not_an_answer(
    followed: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(followed.place, "m0@production")
    watched.look()
    git(followed.builder.path, "tag", "-f", "m0@v1.0.0", "m0@v0.9.0")
    look = watched.look()
    assert isinstance(look.trouble, Damaged), look
    counted = Counted(tmp_path / "counted", monkeypatch)
    assert watched.look().trouble is look.trouble
    assert len(counted.started()) == 1


def test_a_greater_version_that_is_retired_gives_way(followed: Followed) -> None:
    watched = Watched(followed.place, "m0@latest")
    assert names(watched.look()) == "m0@v1.0.0"
    followed.builder.retire(followed.one, "old")
    assert names(watched.look()) == "m0@v0.9.0"


def test_a_cache_that_is_deleted_is_made_again(http: HttpServer, tmp_path: Path) -> None:
    builder, _, _ = begin(tmp_path / "origin")
    address = http.url(builder.path)
    watched = Watched(open_registry(address), "m0@production")
    watched.look()
    remove_folder(mirror_home(address))
    assert names(watched.look()) == "m0@v1.0.0"
    builder.path.rename(tmp_path / "away")
    remove_folder(mirror_home(address))
    look = watched.look()
    assert (str(look.version), isinstance(look.away, Unreachable)) == ("m0@v1.0.0", True)
    (tmp_path / "away").rename(builder.path)
    builder.stage("production", builder.version(builder.run("three"), "m0", "v1.1.0", 3))
    assert names(watched.look()) == "m0@v1.1.0"


def test_offline_what_is_here_is_looked_at(followed: Followed) -> None:
    gitreg.resolve("m0@production", registry=followed.where)
    watched = Watched(open_registry(followed.where, offline=True), "m0@production")
    followed.go()
    first = watched.look()
    assert str(first.version) == "m0@v1.0.0"
    assert isinstance(first.away, Unreachable)
    assert first.checked
    followed.come()
    followed.builder.stage("production", followed.two)
    gitreg.resolve("m0@production", registry=followed.where)
    assert str(watched.look().version) == "m0@v0.9.0"


@pytest.mark.parametrize("ref", ["m0@v1.0.0", "m0@1", "models:/m0/1", "run:one", "run:one/model"])
def test_what_never_changes_is_refused(tmp_path: Path, ref: str) -> None:
    builder, _, _ = begin(tmp_path / "origin")
    with pytest.raises(Refused, match="never changes"):
        Watched(replace(builder.registry), ref)
