"""A token is for one host: the one that it is known to be of."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitreg.errors import Refused
from gitreg.forges._detect import Detected, found_at, known, parse_site
from gitreg.forges._tokens import find_token
from gitreg.stores.git import Repository, create_repository

ALL = ("GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN", "PAGURE_TOKEN")


@pytest.fixture
def here(tmp_path: Path) -> Repository:
    return create_repository(tmp_path / "here.git", bare=True)


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ALL, "GH_HOST", "GITEA_SERVER_URL", "FORGEJO_SERVER_URL", "PAGURE_URL"):
        monkeypatch.delenv(name, raising=False)


def at(address: str, kind: str = "") -> Detected:
    site = parse_site(address)
    assert site is not None
    found = found_at(site, kind, "") if kind else known(site)
    assert found is not None
    return found


def source(found: Detected, here: Repository) -> str:
    token = find_token(found, here)
    return token.source if token else ""


@pytest.mark.parametrize(
    ("address", "kind", "expected"),
    [
        ("git@github.com:a/b", "", "GITHUB_TOKEN"),
        ("https://gitlab.com/a/b", "", "GITLAB_TOKEN"),
        ("https://pagure.io/a", "", "PAGURE_TOKEN"),
        ("https://codeberg.org/a/b", "", ""),  # which of the many hosts it is of is not said
        ("https://github.example.org/a/b", "github", ""),
        ("https://github.com.evil.example/a/b", "github", ""),
        ("https://evil.example/a/b", "gitlab", ""),
        ("https://evil.example/a/b", "gitea", ""),
    ],
)
def test_the_variable_of_another_tool_is_for_its_own_host(
    address: str, kind: str, expected: str, here: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ALL:
        monkeypatch.setenv(name, f"secret-of-{name}")
    assert source(at(address, kind), here) == expected


@pytest.mark.parametrize(
    ("kind", "variable", "where", "value"),
    [
        ("github", "GITHUB_TOKEN", "GITHUB_SERVER_URL", "https://forge.example.org"),
        ("github", "GH_TOKEN", "GH_HOST", "forge.example.org"),
        ("gitlab", "GITLAB_TOKEN", "GITLAB_HOST", "https://forge.example.org"),
        ("gitlab", "GITLAB_TOKEN", "CI_SERVER_HOST", "forge.example.org"),
        ("gitea", "GITEA_TOKEN", "GITEA_SERVER_URL", "https://forge.example.org"),
        ("gitea", "FORGEJO_TOKEN", "GITHUB_SERVER_URL", "https://forge.example.org/"),
    ],
)
def test_it_is_for_the_host_that_is_named_with_it(
    kind: str, variable: str, where: str, value: str, here: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "3cr3t")
    monkeypatch.setenv(where, value)
    assert source(at("https://forge.example.org/a/b", kind), here) == variable
    assert source(at("https://forge.example.org.evil.example/a/b", kind), here) == ""
    monkeypatch.setenv(where, "https://other.example.org")
    assert source(at("https://forge.example.org/a/b", kind), here) == ""
    if kind != "gitea":
        public = at(f"https://{kind}.com/a/b")
        assert source(public, here) == "", "the one that is named, and no other"


def test_a_host_that_the_settings_name_is_trusted(here: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", "3cr3t")
    here.set_config("gitreg.forgeUrl", "https://forge.example.org/api/v4")
    assert source(at("https://forge.example.org/a/b", "gitlab"), here) == "GITLAB_TOKEN"


def test_gitregs_own_comes_first(here: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "theirs")
    monkeypatch.setenv("GITREG_TOKEN", "ours")
    for address, kind in (("git@github.com:a/b", ""), ("https://forge.example.org/a/b", "gitea")):
        token = find_token(at(address, kind), here)
        assert token is not None and (token.secret, token.source) == ("ours", "GITREG_TOKEN")
        assert "ours" not in repr(token)


@pytest.mark.parametrize("value", ["two\nlines", "two words", "na\u00efve", "tab\there"])
def test_what_is_no_token_is_refused_without_being_shown(
    value: str, here: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITREG_TOKEN", value)
    with pytest.raises(Refused, match="GITREG_TOKEN") as caught:
        find_token(at("git@github.com:a/b"), here)
    assert value not in caught.value.message + caught.value.hint


def test_none_is_sent_in_the_clear(here: Repository, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITREG_TOKEN", "3cr3t")
    assert find_token(at("http://forge.example.org/a/b", "gitea"), here) is None
    assert find_token(at("http://127.0.0.1:8080/a/b", "gitea"), here) is not None


def test_gits_own_helper_is_asked_of_this_host(here: Repository, home: Path) -> None:
    (home / ".git-credentials").write_text("https://ana:from-helper@github.com\nhttps://bo:other@forge.example.org\n")
    with (home / ".gitconfig").open("a") as config:
        config.write("[credential]\n\thelper = store\n")
    token = find_token(at("git@github.com:a/b"), here)
    assert token is not None and (token.secret, token.source) == ("from-helper", "git's credential helper")
    assert find_token(at("https://github.example.org/a/b", "github"), here) is None


def test_nobody_is_asked_for_a_password(here: Repository, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = home / "asked"
    script = home / "askpass"
    script.write_text(f"#!/bin/sh\ntouch {asked}\necho secret\n")
    script.chmod(0o755)
    monkeypatch.setenv("GIT_ASKPASS", str(script))
    monkeypatch.setenv("SSH_ASKPASS", str(script))
    here.set_config("core.askPass", str(script))
    assert find_token(at("git@github.com:a/b"), here) is None
    assert not asked.exists()
