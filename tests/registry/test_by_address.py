"""A registry that is only known by its address: what is brought of it, and what is answered without it."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Damaged, NotFound, Refused, Unreachable
from gitreg.registry.homes import mirror_home, state_home
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.queries.describe import describe
from gitreg.registry.queries.search import search_versions
from gitreg.stores.git import NewCommit, RefChange
from testing.commandline import gitreg as typed
from testing.gitcli import git
from testing.plumbed import AUTHOR, Builder, make_registry
from testing.smart_http import HttpServer, introduce, serving_http
from testing.sshd import SshServer
from testing.work import processes

EXACT = ("m0@v2.0.0", "m0@4", "models:/m0/4", "run:served/model")
OVER_BOTH = pytest.mark.parametrize("address", ["sshd", "smart_http"], indirect=True)
MOVING = ("m0", "m0@latest", "m0@v2", "models:/m0/latest", "m0@production")


@pytest.fixture
def origin(tmp_path: Path) -> Builder:
    """A registry with m0@v1.0.0 to v1.2.0, v2.0.0 that production runs, and other@v1.0.0."""
    builder = make_registry(tmp_path / "origin")
    git(builder.path, "config", "uploadpack.allowFilter", "true")
    for n, version in enumerate(("v1.0.0", "v1.1.0", "v1.2.0"), 1):
        builder.version(builder.run(f"r{n}", metrics={"accuracy": n / 10}), "m0", version, n)
    served = builder.version(builder.run("served", metrics={"accuracy": 0.9}), "m0", "v2.0.0", 4)
    builder.version(builder.run("other"), "other", "v1.0.0", 1)
    builder.stage("production", served)
    return builder


@pytest.fixture
def address(origin: Builder, request: pytest.FixtureRequest) -> str:
    """The origin's address, over HTTP unless a test asks for ssh."""
    server: SshServer | HttpServer = request.getfixturevalue(getattr(request, "param", "smart_http"))
    return server.url(origin.path)


def travels(call: Callable[[], object]) -> list[list[str]]:
    """The commands by which `call` talks to the origin."""
    words = {"fetch", "clone", "ls-remote", "remote-http", "remote-https", "git-upload-pack", "push"}
    return [argv for argv in processes(call) if any(word.split()[0] in words for word in argv if word.strip())]


def tags(registry: Registry) -> set[str]:
    return {ref.name.removeprefix("refs/tags/") for ref in registry.git.refs("refs/tags/")}


@OVER_BOTH
@pytest.mark.parametrize("ref", EXACT)
def test_an_exact_name_brings_its_commit_whole_and_then_needs_nobody(address: str, origin: Builder, ref: str) -> None:
    first = describe(ref, registry=address)
    assert first.files and first.run and first.run.id == "served"
    known = {"run/served"} if ref.startswith("run") else {"m0@v2.0.0", *({"m0@4"} if "4" in ref else ())}
    place = open_registry(address)
    assert tags(place) == known
    for tag in known:
        assert "?" not in git(mirror_home(address), "rev-list", "--objects", "--missing=print", f"refs/tags/{tag}")
    shutil.move(origin.path, origin.path.with_name("away"))
    assert travels(lambda: describe(ref, registry=address)) == []
    assert len(processes(lambda: describe(ref, registry=address))) <= 13
    assert describe(ref, registry=address) == first == describe(ref, registry=address, offline=True)


@OVER_BOTH
def test_a_name_that_moves_brings_what_it_names_alone(address: str) -> None:
    for ref in MOVING:
        assert str(gitreg.resolve(ref, registry=address)) == "m0@v2.0.0"
        assert tags(open_registry(address)) == {"m0@v2.0.0"}
        shutil.rmtree(mirror_home(address))


def test_a_name_that_moved_is_seen(address: str, origin: Builder) -> None:
    assert [str(gitreg.resolve(ref, registry=address)) for ref in ("m0@v2", "m0@production")] == ["m0@v2.0.0"] * 2
    later = origin.version(origin.run("later"), "m0", "v2.1.0", 5)
    origin.stage("production", later)
    assert [str(gitreg.resolve(ref, registry=address)) for ref in MOVING] == ["m0@v2.1.0"] * len(MOVING)
    origin.retire(later, "wrong")
    assert str(gitreg.resolve("m0@v2", registry=address)) == "m0@v2.0.0"


def test_a_tag_that_is_known_by_a_list_is_made_whole(address: str) -> None:
    assert len(search_versions(registry=address)) == 5
    assert describe("m0@v1.1.0", registry=address).files
    missing = git(mirror_home(address), "rev-list", "--objects", "--missing=print", "refs/tags/m0@v1.1.0")
    assert "?" not in missing


def test_a_retirement_comes_with_its_version(address: str, origin: Builder) -> None:
    version = gitreg.resolve("m0@v1.0.0", registry=str(origin.path))
    origin.retire(version, "old")
    assert gitreg.resolve("m0@v1.0.0", registry=address).retired
    assert gitreg.resolve("m0@1", registry=address).retired


def test_a_server_without_filters_sends_one_version_too(origin: Builder, http_off: HttpServer) -> None:
    address = http_off.url(origin.path)
    for ref in ("m0@v2", "m0@v1.1.0", "m0@production"):
        assert describe(ref, registry=address).files
    assert tags(open_registry(address)) == {"m0@v2.0.0", "m0@v1.1.0"}
    assert len(search_versions(registry=address)) == 5


@pytest.fixture
def http_off(home: Path, tmp_path: Path) -> Iterator[HttpServer]:
    (tmp_path / "http").mkdir()
    with serving_http(tmp_path / "http", allow_filter=False) as server:
        yield introduce(server, home)


def test_blobs_of_main_come_in_one_batch(address: str, origin: Builder) -> None:
    open_registry(address)
    other = gitreg.resolve("other@v1.0.0", registry=str(origin.path))
    for n in range(6):
        origin.stage(f"stage{n}", other)
    assert len(travels(lambda: gitreg.stages(registry=address))) == 2  # main, and what its stages say
    assert len(travels(lambda: gitreg.stages(registry=address))) == 1
    assert len(gitreg.stages(registry=open_registry(address, offline=True))) == 7


def test_a_stage_as_it_was_needs_the_history_of_main(address: str, origin: Builder) -> None:
    gitreg.resolve("m0@production", registry=address)
    before = origin.tick()
    origin.stage("production", origin.version(origin.run("later"), "m0", "v2.1.0", 5))
    assert len(git(mirror_home(address), "rev-list", "refs/heads/main").splitlines()) == 1
    assert str(gitreg.resolve("m0@production", at=before, registry=address)) == "m0@v2.0.0"
    assert str(gitreg.resolve("m0", at=before, registry=address)) == "m0@v2.0.0"
    assert str(gitreg.resolve("m0@production", registry=address)) == "m0@v2.1.0"


def test_main_never_moves_without_what_every_answer_needs(address: str, origin: Builder) -> None:
    describe("m0@v2.0.0", registry=address)
    origin.put({"gitreg.yaml": "format: 1\n# another\n"})
    gitreg.resolve("m0@production", registry=address)
    shutil.move(origin.path, origin.path.with_name("away"))
    assert travels(lambda: gitreg.resolve("m0@v2.0.0", registry=address)) == []
    assert gitreg.resolve("m0@production", registry=address, offline=True).stale


@OVER_BOTH
def test_what_is_not_there_is_told(address: str) -> None:
    with pytest.raises(NotFound, match=r"m0 has no version v9\.9\.9") as missing:
        gitreg.resolve("m0@v9.9.9", registry=address)
    assert "v1.0.0" in missing.value.hint
    with pytest.raises(NotFound, match="m0 has no version number 9") as missing:
        gitreg.resolve("m0@9", registry=address)
    assert missing.value.hint == "the numbers are 1 to 4"
    with pytest.raises(NotFound, match="no model m1 in"):
        gitreg.resolve("m1@v1.0.0", registry=address)
    with pytest.raises(NotFound, match="no run nobody"):
        gitreg.get_run("nobody", registry=address)
    with pytest.raises(NotFound, match="short for 3 runs"):
        gitreg.get_run("r", registry=address)
    assert gitreg.get_run("serv", registry=address).id == "served"


@OVER_BOTH
def test_a_branch_is_named_behind_the_address(address: str, origin: Builder) -> None:
    git(origin.path, "branch", "registry", "main")
    made = origin.registry.git.write_commits([NewCommit("code\n", AUTHOR, 0, {"train.py": b""})])[0]
    origin.registry.git.change_refs([RefChange("refs/heads/code", made)])
    git(origin.path, "symbolic-ref", "HEAD", "refs/heads/code")
    with pytest.raises(NotFound, match="its branch code has no"):
        open_registry(address)
    place = open_registry(f"{address}#registry")
    assert (place.branch, place.where) == ("registry", f"{address}#registry")
    assert str(gitreg.resolve("m0@production", registry=place)) == "m0@v2.0.0"
    with pytest.raises(NotFound, match="has no branch nothing"):
        open_registry(f"{address}#nothing")
    assert not [path for path in mirror_home(address).parent.iterdir() if path.name.startswith(".")]


def test_a_mirror_that_was_left_half_made_is_made_again(address: str) -> None:
    gitreg.resolve("m0@v2.0.0", registry=address)
    home = mirror_home(address)
    (home / "gitreg/mirror").unlink()
    (home / "config").write_text("[core]\n")
    assert str(gitreg.resolve("m0@v2.0.0", registry=address)) == "m0@v2.0.0"
    shutil.rmtree(home)
    home.mkdir()
    assert str(gitreg.resolve("m0@v2.0.0", registry=address)) == "m0@v2.0.0"
    assert sorted(path.name for path in home.parent.iterdir()) == [home.name]


READERS: tuple[tuple[str, ...], ...] = (
    ("ls",), ("ls", "m0"), ("ls", "m0", "--where", "metrics.accuracy > 0.1"), ("runs",), ("show", "m0"),
    ("show", "run:served"), ("log",), ("log", "m0"), ("diff", "m0@1", "m0@v2"), ("diff", "run:r1", "run:r2"),
    ("status",),
)  # fmt: skip


def test_every_reading_command_takes_an_address(address: str, origin: Builder) -> None:
    for command in READERS:
        said = typed("-R", address, *command, "--json")
        assert said.code == 0, said
        answer = json.loads(said.out)
        assert answer["registry"] == address and answer["as_of"], command
    assert typed("-R", address, "cat", "m0@v1.1.0:MLmodel").code == 0
    assert typed("-R", address, "fetch").code == 0
    for command in READERS:
        said = typed("-R", address, "--offline", *command, "--json")
        assert said.code == 0, said
        assert json.loads(said.out)["stale"] is True, command


def test_two_at_once_make_one_mirror(address: str) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(str(gitreg.resolve("m0@v2.0.0", registry=address))))
        for _ in range(3)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["m0@v2.0.0"] * 3
    assert sorted(path.name for path in mirror_home(address).parent.iterdir()) == [mirror_home(address).name]


def test_a_failed_beginning_leaves_nothing(smart_http: HttpServer, tmp_path: Path) -> None:
    address = smart_http.url(tmp_path / "nothing")
    with pytest.raises((NotFound, Unreachable)):
        open_registry(address)
    mirrors = mirror_home(address).parent
    assert not mirrors.exists() or not list(mirrors.iterdir())


@pytest.mark.parametrize(
    "named",
    [
        "https://ana:s3cret@example.org/r.git",
        "ssh://ana:s3cret@example.org/r.git",
        "https://ana:s#3cret@example.org/r.git",
    ],
)
def test_an_address_with_a_password_is_refused_and_not_repeated(named: str) -> None:
    with pytest.raises(Refused, match=r"example\.org/r\.git holds a password") as refused:
        open_registry(named)
    assert "3cret" not in refused.value.message + refused.value.hint
    said = typed("-R", named, "show", "m0@v1.0.0")
    assert said.code == 128 and "3cret" not in said.out + said.err


def test_the_address_of_a_payload_store_is_no_registry() -> None:
    with pytest.raises(Refused, match="s3://bucket/models is no address of a Git repository") as refused:
        open_registry("s3://bucket/models")
    assert "payloads lie at s3://" in refused.value.hint


def test_a_token_is_enough(origin: Builder, http_server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    http_server.admit("x-access-token", "a-token")
    address = http_server.url(origin.path)
    monkeypatch.setenv("GITREG_TOKEN", "a-token")
    assert describe("m0@v2", registry=address).files
    monkeypatch.setenv("GITREG_TOKEN", "another")
    for ref in ("m0@v2", "m0@v1.0.0", "m0@production"):
        with pytest.raises(Unreachable, match="the server refused who you are") as refused:
            gitreg.resolve(ref, registry=address)
        assert "GITREG_TOKEN was used" in refused.value.hint
    assert describe("m0@v2.0.0", registry=address).files
    http_server.expel("x-access-token")


def test_a_tag_that_was_moved_is_noticed(address: str, origin: Builder) -> None:
    gitreg.resolve("m0@v2", registry=address)
    tag = git(origin.path, "rev-parse", "m0@v1.0.0")
    git(origin.path, "update-ref", "refs/tags/m0@v2.0.0", tag)
    for where in (address, open_registry(address)):
        with pytest.raises(Damaged):
            gitreg.resolve("m0@v2", registry=where)
    shutil.rmtree(mirror_home(address))
    assert state_home().is_dir()
    with pytest.raises(Damaged):
        gitreg.resolve("m0@v2", registry=address)


def test_the_state_is_not_in_the_cache(address: str) -> None:
    place = open_registry(address)
    assert place.state.parent == state_home() and place.state.name.startswith("origin-")
    assert place.written.root == place.state / "payloads"
    assert mirror_home(address) in place.cache.root.parents
    assert not mirror_home(address).is_relative_to(state_home())
