"""The origin does not answer: what is answered from here, how old that may be, and what says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Refused, Unreachable
from gitreg.registry.place import open_registry, use
from testing.clock import Clock
from testing.commandline import gitreg as typed
from testing.gitcli import git
from testing.plumbed import Builder, make_registry
from testing.smart_http import introduce, serving_http

MOVING = ("m0", "m0@latest", "m0@v1", "models:/m0/latest", "m0@production")
EXACT = ("m0@v1.1.0", "m0@2", "run:two")
READ = "2026-03-02T09:30:00.000Z"
HOUR = 3600


class Origin:
    """A registry behind a server that can be stopped and started again, and a plain clone of it."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home, self.builder = folder, home, make_registry(folder / "origin")
        (folder / "http").mkdir()
        self._running = serving_http(folder / "http")
        server = introduce(self._running.__enter__(), home)
        self.address, self.port = server.url(self.builder.path), server.port

    def stop(self) -> None:
        self._running.__exit__(None, None, None)

    def start(self) -> None:
        self._running = serving_http(self.folder / "http", port=self.port)
        self._running.__enter__()


@pytest.fixture
def origin(tmp_path: Path, home: Path, fixed_clock: Clock) -> Iterator[Origin]:
    found = Origin(tmp_path, home)
    builder: Builder = found.builder
    builder.version(builder.run("one"), "m0", "v1.0.0", 1)
    builder.stage("production", builder.version(builder.run("two"), "m0", "v1.1.0", 2))
    yield found
    found.stop()


@pytest.fixture(params=["address", "clone"])
def where(origin: Origin, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A registry that was read completely at READ: by its address, or in a clone."""
    if request.param == "address":
        read(origin.address)
        return origin.address
    git(tmp_path, "clone", "-q", origin.address, "clone")
    gitreg.fetch(registry=tmp_path / "clone")
    read(str(tmp_path / "clone"))
    return str(tmp_path / "clone")


def read(where: str) -> None:
    for ref in MOVING:
        gitreg.resolve(ref, registry=where)
    for ref in EXACT:
        show(where, ref)
    gitreg.search_versions(registry=where)


def show(where: str, *args: str) -> None:
    said = typed("-R", where, "show", *args)
    assert said.code == 0, said


def test_while_it_answers_names_that_move_are_as_of_now(origin: Origin, where: str, fixed_clock: Clock) -> None:
    fixed_clock.advance(HOUR)
    for ref in MOVING:
        found = gitreg.resolve(ref, registry=where)
        assert (str(found), found.as_of, found.stale) == ("m0@v1.1.0", "2026-03-02T10:30:00.000Z", False)


def test_names_that_move_end_with_75_and_say_how_old_the_copy_is(
    origin: Origin, where: str, fixed_clock: Clock
) -> None:
    origin.stop()
    fixed_clock.advance(3 * HOUR)
    for ref in MOVING:
        with pytest.raises(Unreachable) as away:
            gitreg.resolve(ref, registry=where)
        assert away.value.exit_code == 75
        assert f"--offline answers from what was fetched 3 hours ago ({READ})" in away.value.hint
        assert "--max-stale 24h" in away.value.hint
    origin.start()


def test_exact_names_need_nobody(origin: Origin, where: str) -> None:
    origin.stop()
    for ref in EXACT:
        show(where, ref)
    assert not gitreg.resolve("m0@v1.1.0", registry=where).stale
    origin.start()


def test_within_max_stale_the_copy_answers_with_a_warning(
    origin: Origin, where: str, fixed_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.stop()
    fixed_clock.advance(3 * HOUR)
    for ref in MOVING:
        with pytest.warns(UserWarning, match="answered from what was fetched 3 hours ago"):
            found = gitreg.resolve(ref, registry=open_registry(where, max_stale=4 * HOUR))
        assert (str(found), found.as_of, found.stale) == ("m0@v1.1.0", READ, True)
        with pytest.raises(Unreachable):
            gitreg.resolve(ref, registry=open_registry(where, max_stale=2 * HOUR))
    monkeypatch.setenv("GITREG_MAX_STALE", "4h")
    with pytest.warns(UserWarning, match="3 hours ago"):
        assert gitreg.resolve("m0", registry=where).stale
    monkeypatch.delenv("GITREG_MAX_STALE")
    use(where, max_stale="4h")
    with pytest.warns(UserWarning, match="3 hours ago"):
        assert gitreg.resolve("m0").stale
    use(where)
    with pytest.raises(Unreachable):
        gitreg.resolve("m0")
    origin.start()


def test_offline_always_answers(origin: Origin, where: str, fixed_clock: Clock) -> None:
    origin.stop()
    fixed_clock.advance(1000 * HOUR)
    for ref in MOVING:
        found = gitreg.resolve(ref, registry=where, offline=True)
        assert (str(found), found.as_of, found.stale) == ("m0@v1.1.0", READ, True)
    assert {version.stale for version in gitreg.search_versions(registry=where, offline=True)} == {True}
    origin.start()


def test_the_command_line_says_how_fresh_it_is(origin: Origin, where: str, fixed_clock: Clock) -> None:
    fixed_clock.advance(HOUR)
    said = json.loads(typed("-R", where, "show", "m0@v1", "--json").out)
    assert said["as_of"] in {READ, "2026-03-02T10:30:00.000Z"}
    origin.stop()
    fixed_clock.advance(HOUR)
    said_away = typed("-R", where, "show", "m0@production", "--json")
    assert said_away.code == 75 and "--max-stale" in said_away.err
    for given in (("--max-stale", "3h"), ("--offline",)):
        found = typed("-R", where, "show", "m0@production", "--json", *given)
        assert found.code == 0
        answer = json.loads(found.out)
        assert (answer["stale"], answer["version"]["ref"]) == (True, "m0@v1.1.0")
    assert typed("-R", where, "show", "m0@production", "--max-stale", "30m").code == 75
    origin.start()


@pytest.mark.parametrize("age", ["soon", "3", "-1h", "1w", ""])
def test_a_bad_age_is_a_mistake_of_usage(age: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = typed("show", "m0", "--max-stale", age)
    assert said.code == 2 and "write it as 90s, 15m, 24h or 7d" in said.err
    if age:
        monkeypatch.setenv("GITREG_MAX_STALE", age)
        with pytest.raises(Refused, match="bad GITREG_MAX_STALE"):
            open_registry(".")


@pytest.mark.parametrize("age", ["soon", -1, float("nan"), []])
def test_a_bad_age_is_refused(age: object) -> None:
    with pytest.raises(Refused, match="bad max_stale"):
        use(".", max_stale=age)  # type: ignore[arg-type]


def test_what_was_never_fetched_is_not_answered(origin: Origin) -> None:
    gitreg.resolve("m0@v1.0.0", registry=origin.address)
    origin.stop()
    with pytest.raises(Unreachable) as away:
        gitreg.resolve("m0", registry=open_registry(origin.address, max_stale=HOUR))
    assert "nothing of it was fetched here before" in away.value.hint
    with pytest.raises(Unreachable, match="was never read from here"):
        open_registry(f"{origin.address}-other", offline=True)
    with pytest.raises(Unreachable):
        open_registry(f"{origin.address}-other")
    origin.start()
