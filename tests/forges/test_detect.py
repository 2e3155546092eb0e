"""Which forge an address belongs to: by the whole name of its host, by settings, by CI, and by what the host says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from gitreg.errors import Refused, Unreachable, Unsupported
from gitreg.forges import _probe
from gitreg.forges._detect import Site, found_at, known, parse_site, stated, told_by_ci
from gitreg.forges._probe import probe
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.promotion.forge import forge_of, open_forge
from testing.forge_shops import DIALECTS, stub_shop
from testing.forge_stub import StubForge, serving_forge
from testing.gitcli import git
from testing.registries import Place, cloned, lone
from testing.smart_http import HttpServer

OWN = Site("https", "forge.example.org", "team/models")


@pytest.mark.parametrize(
    ("address", "kind", "base", "path"),
    [
        ("git@github.com:team/models.git", "github", "https://api.github.com", "team/models"),
        ("github.com:team/models", "github", "https://api.github.com", "team/models"),
        ("ssh://git@github.com/team/models.git", "github", "https://api.github.com", "team/models"),
        ("ssh://git@ssh.github.com:443/team/models.git", "github", "https://api.github.com", "team/models"),
        ("https://ana:secret@GitHub.com/team/models.git/", "github", "https://api.github.com", "team/models"),
        ("http://github.com/team/models", "github", "https://api.github.com", "team/models"),
        ("https://acme.ghe.com/team/models", "github", "https://api.acme.ghe.com", "team/models"),
        ("git@gitlab.com:team/ml/models.git", "gitlab", "https://gitlab.com/api/v4", "team/ml/models"),
        ("ssh://git@altssh.gitlab.com:443/team/models.git", "gitlab", "https://gitlab.com/api/v4", "team/models"),
        ("https://codeberg.org/team/models", "gitea", "https://codeberg.org/api/v1", "team/models"),
        ("https://gitea.com/team/models", "gitea", "https://gitea.com/api/v1", "team/models"),
        ("https://pagure.io/models.git", "pagure", "https://pagure.io/api/0", "models"),
    ],
)
def test_a_known_host_is_known_in_every_spelling(address: str, kind: str, base: str, path: str) -> None:
    site = parse_site(address)
    assert site is not None
    found = known(site)
    assert found is not None
    assert (found.kind, found.base, found.path) == (kind, base, path)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com.example.org/team/models", "https://example.org/github.com/models",
        "git@example.org:github.com/models.git", "ssh://github.com@example.org/team/models",
        "https://github.com@example.org/team/models", "https://mygithub.com/team/models",
        "https://example.org/?https://github.com/team/models", "https://ghe.com.example.org/a/b",
        "https://example.org#github.com/team/models", "https://xn--gthub-n4a.com/team/models",
    ],
)  # fmt: skip
def test_a_host_that_looks_like_a_known_one_is_not(address: str) -> None:
    site = parse_site(address)
    assert site is not None and known(site) is None


@pytest.mark.parametrize("address", ["/srv/models.git", "file:///srv/models.git", "./models", "models.git", "~/models"])
def test_a_folder_has_no_host(address: str) -> None:
    assert parse_site(address) is None


@pytest.mark.parametrize(
    "address", ["https:///team/models", "https://a b/team/models", "https://host:port/a/b", "ssh://-oProxy/a/b"]
)
def test_an_address_without_a_proper_host_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="bad"):
        parse_site(address)


@pytest.mark.parametrize("path", ["models", "a/b?c", "a/b c", "a/b#c", "../../user", ""])
def test_a_path_that_is_no_repository_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="is no repository of github"):
        found_at(Site("https", "github.com", path), "github", "")


def test_a_host_that_gitreg_does_not_speak_with_yet_is_named() -> None:
    with pytest.raises(Unsupported, match="Bitbucket") as caught:
        known(Site("ssh", "bitbucket.org", "team/models"))
    assert "gitreg.forge local" in caught.value.hint


def test_settings_come_first() -> None:
    github = Site("https", "github.com", "team/models")
    assert stated(github, {}) is None
    found = stated(github, {"gitreg.forge": "gitea"})
    assert found is not None and (found.kind, found.base) == ("gitea", "https://github.com/api/v1")
    local = stated(github, {"gitreg.forge": "local"})
    assert local is not None and local.kind == "local"
    below = {"gitreg.forge": "gitlab", "gitreg.forgeurl": "https://example.org/lab/api/v4/"}
    found = stated(Site("https", "example.org", "lab/team/models"), below)
    assert found is not None and (found.base, found.path) == ("https://example.org/lab/api/v4", "team/models")
    with pytest.raises(Unsupported, match="'sourceforge' is no forge"):
        stated(github, {"gitreg.forge": "sourceforge"})
    with pytest.raises(Refused, match="is a folder"):
        stated(None, {"gitreg.forge": "github"})
    with pytest.raises(Refused, match=r"gitreg\.forge is not"):
        stated(OWN, {"gitreg.forgeurl": "https://x/api"})
    with pytest.raises(Refused, match=r"forgeUrl is 'ftp:"):
        stated(OWN, {"gitreg.forge": "gitea", "gitreg.forgeurl": "ftp://x"})


GITHUB = {"GITHUB_SERVER_URL": "https://forge.example.org", "GITHUB_API_URL": "https://forge.example.org/api/v3"}
GITLAB = {"GITLAB_CI": "true", "CI_SERVER_URL": "https://forge.example.org", "CI_SERVER_HOST": "forge.example.org",
          "CI_API_V4_URL": "https://forge.example.org/api/v4"}  # fmt: skip


@pytest.mark.parametrize(
    ("env", "kind"),
    [
        (GITHUB, "github"),
        ({**GITHUB, "GITEA_ACTIONS": "true"}, "gitea"),
        ({**GITHUB, "FORGEJO_ACTIONS": "true"}, "gitea"),
        ({**GITHUB, "GITHUB_API_URL": "https://forge.example.org/api/v1"}, "gitea"),
        (GITLAB, "gitlab"),
        ({}, ""),
    ],
)
def test_the_variables_of_ci_speak_of_their_own_host_alone(env: Mapping[str, str], kind: str) -> None:
    found = told_by_ci(OWN, env)
    assert (found.kind if found else "") == kind
    for other in ("forge.example.org.evil.example", "evil.example", "forge.example.org:8443"):
        assert told_by_ci(Site("https", other, "forge.example.org/models"), env) is None


def test_an_api_of_another_host_is_not_believed() -> None:
    found = told_by_ci(OWN, {**GITHUB, "GITHUB_API_URL": "https://evil.example/api/v3"})
    assert found is not None and found.base == "https://forge.example.org/api/v3"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_host_says_what_it_is_and_is_told_nothing(
    dialect: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITREG_TOKEN", "3cr3t")
    (home / ".netrc").write_text("machine 127.0.0.1 login ana password 3cr3t\n")
    with stub_shop(dialect, tmp_path) as (stub, _):
        assert probe(Site("http", stub.address.partition("://")[2], "team/models")) == dialect
        assert [asked for asked in stub.asked if "3cr3t" in str(asked.headers)] == []


@pytest.mark.parametrize(
    ("path", "status", "body", "kind"),
    [
        ("/v1/version", 403, {"message": "Only signed in", "url": "https://x/api/swagger"}, "gitea"),
        ("/v4/version", 401, {"message": "401 Unauthorized"}, "gitlab"),
        ("/v3/meta", 401, {"message": "Must authenticate", "documentation_url": "https://x"}, "github"),
        ("/0/version", 200, {"version": "5.14"}, "pagure"),
        ("/v1/version", 200, ["version"], "local"),
        ("/v1/version", 200, {"version": 1}, "local"),
        ("", 200, "<!doctype html>", "local"),
        ("", 302, "", "local"),
    ],
)
def test_one_that_wants_a_name_first_is_known_too(
    path: str, status: int, body: object, kind: str, mute: StubForge
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    mute.answer_instead(status, text, {"location": "https://evil.example"}, path=path, times=4)
    assert probe(Site("http", mute.address.partition("://")[2], "team/models")) == kind


def test_a_host_that_is_not_well_is_not_taken_for_bare_git(mute: StubForge, monkeypatch: pytest.MonkeyPatch) -> None:
    mute.answer_instead(502, "")
    with pytest.raises(Unreachable, match="502"):
        probe(Site("http", mute.address.partition("://")[2], "team/models"))
    monkeypatch.setattr(_probe, "_SECONDS", 0.1)
    with pytest.raises(Unreachable, match="does not say whether it is a forge") as caught:
        probe(Site("ssh", "host.invalid", "team/models"))
    assert "gitreg.forge local" in caught.value.hint


@pytest.fixture
def mute(tmp_path: Path) -> Iterator[StubForge]:
    """A host that knows no path."""
    with stub_shop("github", tmp_path) as (stub, _):
        stub.dialect = SimpleNamespace(NAME="none", PREFIX="/none")  # type: ignore[assignment]
        yield stub


def registry_at(place: Place, address: str) -> Registry:
    git(place.path, "remote", "set-url", "origin", address)
    return open_registry(place.path)


def test_a_folder_and_no_origin_keep_pull_requests_in_git(tmp_path: Path) -> None:
    assert forge_of(open_registry(cloned(tmp_path / "a").path)).kind == "local"
    assert open_forge(open_registry(lone(tmp_path / "b").path)).name == "local"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_forge_of_a_registry_is_opened(dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = cloned(tmp_path / "registry")
    (tmp_path / "shop").mkdir()
    monkeypatch.setenv("GITREG_TOKEN", "tok-ana")
    with stub_shop(dialect, tmp_path / "shop") as (stub, _):
        forge = open_forge(registry_at(place, stub.url()))
        assert (forge.name, list(forge.pulls())) == (dialect, [])
        asked = len(stub.asked)
        assert forge_of(open_registry(place.path)).how.endswith("says so")
        assert len(stub.asked) == asked, "it is remembered"
        git(place.path, "config", f"url.{stub.address}/.insteadOf", "work:")
        assert forge_of(registry_at(place, "work:team/models.git")).kind == dialect
        cut_off = open_registry(place.path, offline=True)
        assert forge_of(cut_off).kind == dialect
        with pytest.raises(Unreachable, match="this is offline"):
            open_forge(cut_off)


def test_a_host_with_certificates_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, both = cloned(tmp_path / "registry"), tmp_path / "both.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=forge"]
    options += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", "req", *options], cwd=tmp_path, check=True, capture_output=True)
    both.write_bytes((tmp_path / "cert.pem").read_bytes() + (tmp_path / "key.pem").read_bytes())
    (tmp_path / "forge").mkdir()
    monkeypatch.setenv("GITREG_TOKEN", "tok-ana")
    with serving_forge(DIALECTS["gitea"], tmp_path / "forge", both) as stub:
        stub.admit("ana")
        stub.create()
        with pytest.raises(Unreachable, match="certificate"):
            forge_of(registry_at(place, stub.url()))
        git(place.path, "config", "gitreg.forge", "gitea")
        with pytest.raises(Unreachable, match="certificate that is not trusted here") as caught:
            open_forge(open_registry(place.path)).pulls()
        assert caught.value.hint == "git config http.sslCAInfo FILE"
        assert stub.asked == [], "nothing was told"
        git(place.path, "config", "http.sslCAInfo", tmp_path / "cert.pem")
        assert list(open_forge(open_registry(place.path)).pulls()) == []
        git(place.path, "config", "--unset", "gitreg.forge")
        assert forge_of(open_registry(place.path)).kind == "gitea"


def test_bare_git_over_http_and_ssh_keeps_them_in_git(tmp_path: Path, smart_http: HttpServer) -> None:
    place = cloned(tmp_path / "registry")
    assert place.origin is not None
    assert forge_of(registry_at(place, smart_http.url(place.origin))).kind == "local"
    assert forge_of(registry_at(place, "ssh://git@127.0.0.1:2222/srv/models.git")).kind == "local"


def test_offline_nothing_is_guessed_unless_pull_requests_are_here(tmp_path: Path) -> None:
    place = cloned(tmp_path / "registry")
    git(place.path, "remote", "set-url", "origin", "git@forge.example.org:team/models.git")
    cut_off = open_registry(place.path, offline=True)
    with pytest.raises(Unreachable, match="is not known here") as caught:
        forge_of(cut_off)
    assert "gitreg.forge local" in caught.value.hint
    git(place.path, "update-ref", "refs/gitreg/pulls/1/head", "HEAD")
    assert forge_of(cut_off).how == "its pull requests are in Git"


def test_a_host_that_ssh_knows_by_another_name(tmp_path: Path, home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/config").write_text("Host work\n    HostName github.com\n")
    place = cloned(tmp_path / "registry")
    git(place.path, "config", "core.sshCommand", f"ssh -F {home}/.ssh/config")
    found = forge_of(registry_at(place, "work:team/models.git"))
    assert (found.kind, found.host, found.path) == ("github", "github.com", "team/models")
