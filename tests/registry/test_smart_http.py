"""Git servers that refuse, stumble, fall silent or die half way: nothing is half done, and the same call completes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Unreachable
from gitreg.registry.care.status import status
from gitreg.registry.place import open_registry
from gitreg.stores.git import names as git_names
from gitreg.stores.git import repository as git_store
from testing.addresses import TOKEN, Remote
from testing.commandline import gitreg as typed
from testing.faults import Fault, Proxy, Request, Rule, faulty
from testing.gitcli import git
from testing.registries import cloned, log
from testing.severing import Wire, wired
from testing.smart_http import HttpServer
from testing.sshd import SshServer

TAGS = ["churn@1", "churn@v0.1.0"]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stumbled is asked again without a pause."""
    monkeypatch.setattr(git_store, "_PAUSES", (0.01,))
    monkeypatch.setattr(git_names, "_PAUSES", (0.01,))


@pytest.fixture
def proxy(http_server: HttpServer) -> Iterator[Proxy]:
    with faulty(http_server.port) as found:
        yield found


@pytest.fixture
def behind(proxy: Proxy, http_server: HttpServer, over_http: Remote, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """The registry that is meant, by an address that goes through the proxy."""
    address = over_http.address.replace(f":{http_server.port}/", f":{proxy.port}/")
    monkeypatch.setenv("GITREG_REGISTRY", address)
    return Remote(address, over_http.place)


def on(service: str, fault: Fault, count: int = 1 << 30) -> Rule:
    """The fault with the first `count` requests that go to a service of git: upload-pack, receive-pack."""
    left = [count]

    def rule(request: Request) -> Fault | None:
        if service not in request.path or not left[0]:
            return None
        left[0] -= 1
        return fault

    return rule


def register_in_vain(remote: Remote, ref: str, message: str = "cannot ") -> Unreachable:
    """Register while that cannot be; assert that it says so, and that nobody sees anything of it."""
    with pytest.raises(Unreachable, match=message) as told:
        gitreg.register(ref, "churn")
    assert told.value.exit_code == 75
    assert TOKEN not in f"{told.value.message} {told.value.hint}"
    assert remote.published("churn*") == []
    assert open_registry().git.refs("refs/tags/churn@*") == []
    return told.value


def completes(remote: Remote, ref: str) -> None:
    """Assert that the same call makes exactly one version now, and that nothing waits any more."""
    version = gitreg.register(ref, "churn")
    assert (version.number, remote.published("churn*")) == (1, TAGS)
    told = status()
    assert (told.wishes, told.unpushed, told.open_runs) == ((), (), ())
    assert gitreg.push().versions == ()
    git(remote.origin, "fsck", "--strict")


@pytest.mark.parametrize("service", ["upload-pack", "receive-pack"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(status=401), "refused who you are"),
        (Fault(status=403), "refused who you are: it answers 403"),
        (Fault(status=404), "there is no repository|returned error: 404"),
        (Fault(status=429), "429"),
        (Fault(status=500), "500"),
        (Fault(status=502), "502"),
        (Fault(status=503), "503"),
        (Fault(cut_request=True), "cannot "),
        (Fault(cut_reply=True), "cannot "),
    ],
    ids=lambda value: (
        f"{value.status or ('cut-request' if value.cut_request else 'cut-reply')}" if isinstance(value, Fault) else ""
    ),
)
def test_a_server_that_fails_leaves_nothing_half_done(
    behind: Remote, proxy: Proxy, service: str, fault: Fault, message: str
) -> None:
    ref = str(log(2))
    proxy.rule = on(service, fault)
    if service == "receive-pack" and fault.cut_reply:
        proxy.rule = on("/git-receive-pack", Fault(cut_request=True))
    register_in_vain(behind, ref, message)
    assert status(offline=True).wishes == (f"{ref} as churn",)
    proxy.forget()
    completes(behind, ref)


def test_an_answer_that_is_lost_is_no_failure(behind: Remote, proxy: Proxy) -> None:
    ref = str(log(2))
    proxy.rule = on("/git-receive-pack", Fault(cut_reply=True), 1)
    completes(behind, ref)


@pytest.mark.parametrize("service", ["upload-pack", "receive-pack"])
@pytest.mark.parametrize("fault", [Fault(status=503), Fault(status=429), Fault(cut_request=True)])
def test_a_server_that_stumbles_once_is_asked_again(behind: Remote, proxy: Proxy, service: str, fault: Fault) -> None:
    ref = str(log(2))
    proxy.rule = on(f"/git-{service}", fault, 1)
    completes(behind, ref)


@pytest.mark.parametrize("service", ["upload-pack", "receive-pack"])
def test_a_server_that_is_silent_is_left_after_the_time_out(
    behind: Remote, proxy: Proxy, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = str(log(2))
    monkeypatch.setenv("GITREG_TIMEOUT", "1")
    proxy.rule = on(service, Fault(silent=True))
    register_in_vain(behind, ref, "too slow")
    proxy.release()
    proxy.forget()
    monkeypatch.delenv("GITREG_TIMEOUT")
    completes(behind, ref)


def test_a_clone_that_dies_half_way_is_not_there(behind: Remote, proxy: Proxy) -> None:
    log(1, "churn", registry=behind.place.path)
    proxy.rule = on("/git-upload-pack", Fault(cut_reply=True))
    with pytest.raises(Unreachable):
        gitreg.resolve("churn@1")
    proxy.forget()
    assert gitreg.resolve("churn@1").number == 1


@pytest.mark.parametrize("reason", ["wrong token", "no token", "read only"])
def test_who_may_not_write_is_told_what_was_used(
    over_http: Remote, http_server: HttpServer, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = str(log(2))
    hints = {
        "wrong token": "GITREG_TOKEN was used",
        "no token": "set GITREG_TOKEN, or let git's credential helper know",
        "read only": "GITREG_TOKEN was used",
    }
    if reason == "read only":
        git(over_http.origin, "config", "http.receivepack", "false")
    with monkeypatch.context() as patch:
        if reason == "wrong token":
            patch.setenv("GITREG_TOKEN", "wr0ng")
        if reason == "no token":
            patch.delenv("GITREG_TOKEN")
        register_in_vain(over_http, ref, "refused who you are")
        with pytest.raises(Unreachable) as told:
            gitreg.retire("churn@1", "old") if reason != "read only" else gitreg.push(ref)
        assert hints[reason] in told.value.hint
        said = typed("push", "--all")
        assert said.code == 75
        assert "refused who you are" in said.err and TOKEN not in said.err
    git(over_http.origin, "config", "http.receivepack", "true")
    completes(over_http, ref)


@pytest.fixture
def wire(sshd: SshServer) -> Iterator[Wire]:
    with wired(sshd.port) as found:
        yield found


@pytest.fixture
def over_wire(wire: Wire, sshd: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """The registry that is meant, over ssh and a wire that can be cut."""
    place = cloned(tmp_path / "registry")
    assert place.origin
    address = sshd.url(place.origin).replace(f":{sshd.port}/", f":{wire.port}/")
    settings = (tmp_path / "ssh_config", (sshd.folder / "client_config").read_text())
    settings[0].write_text(f"{settings[1]}    HostKeyAlias [127.0.0.1]:{sshd.port}\n")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"ssh -F {settings[0]}")
    monkeypatch.setenv("GITREG_REGISTRY", address)
    return Remote(address, place)


@pytest.mark.parametrize("limit", [0, 1500, 5000, 7000])
def test_a_machine_that_dies_half_way_leaves_nothing_half_done(over_wire: Remote, wire: Wire, limit: int) -> None:
    ref = str(log(2))
    wire.limit = limit
    register_in_vain(over_wire, ref)
    wire.limit = None
    completes(over_wire, ref)


def test_a_machine_that_falls_silent_is_left_after_the_time_out(
    over_wire: Remote, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = str(log(2))
    monkeypatch.setenv("GITREG_TIMEOUT", "1")
    wire.limit, wire.silent = 6000, True
    register_in_vain(over_wire, ref)
    wire.limit = None
    monkeypatch.delenv("GITREG_TIMEOUT")
    completes(over_wire, ref)


@pytest.mark.parametrize("reason", ["wrong key", "nobody listens", "no repository"])
def test_a_machine_that_does_not_let_in(over_wire: Remote, wire: Wire, reason: str, tmp_path: Path) -> None:
    ref = str(log(2))
    told, real = tmp_path / "ssh_config", (tmp_path / "ssh_config").read_text()
    if reason == "wrong key":
        told.write_text(real.replace("IdentityFile ", "IdentityFile /nothing"))
    if reason == "nobody listens":
        wire.server = 1
    gone = over_wire.away() if reason == "no repository" else None
    patterns = {"wrong key": "refused who you are: .*Permission denied", "no repository": "not appear to be a git"}
    with pytest.raises(Unreachable, match=patterns.get(reason, "cannot ")) as error:
        gitreg.register(ref, "churn")
    assert error.value.exit_code == 75
    if gone:
        gone.rename(over_wire.origin)
    told.write_text(real)
    wire.server = wire.server if wire.server != 1 else int(real.rpartition(":")[2])
    completes(over_wire, ref)
