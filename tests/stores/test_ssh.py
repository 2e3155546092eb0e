"""ssh addresses as git writes them, and nothing in them that could be an option."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Refused
from gitreg.stores.ssh import SshAddress, parse_ssh_address, run_ssh
from testing.sshd import SshServer


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://box/srv/reg.git", SshAddress("box", "/srv/reg.git")),
        ("ssh://ana@box:2222/srv/reg.git", SshAddress("box", "/srv/reg.git", "ana", 2222)),
        ("ssh://box/a%20b", SshAddress("box", "/a b")),
        ("ssh://box/~/reg.git", SshAddress("box", "~/reg.git")),
        ("ssh://[::1]:2222/reg.git", SshAddress("::1", "/reg.git", "", 2222)),
        ("box:reg.git", SshAddress("box", "reg.git")),
        ("ana@box.example.org:/srv/reg.git", SshAddress("box.example.org", "/srv/reg.git", "ana")),
        ("ana@[::1]:reg.git", SshAddress("::1", "reg.git", "ana")),
        ("git@github.com:me/models.git", SshAddress("github.com", "me/models.git", "git")),
    ],
)
def test_addresses_are_read_as_git_reads_them(text: str, address: SshAddress) -> None:
    assert parse_ssh_address(text) == address


@pytest.mark.parametrize(
    "text", ["/srv/reg.git", "https://box/reg.git", "../reg.git", "ext::sh", "./a:b", "reg", "a b@box:reg"]
)
def test_other_addresses_are_none(text: str) -> None:
    assert parse_ssh_address(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "ssh://-oProxyCommand=x/reg",
        "ssh://-l@box/reg",
        "-oProxyCommand=x:reg",
        "box:--upload-pack=x",
        "ssh://ana:secret@box/reg",
        "ssh://box:99999/reg",
        "ssh://box/",
        "ssh://box/a%0ab",
        "ssh://bo%00x/a",
        "ssh:///reg",
    ],
)
def test_addresses_with_something_else_in_them_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_ssh_address(text)


@given(st.text(max_size=40) | st.text("-@:/[]%~.ab1", max_size=20) | st.text(max_size=20).map("ssh://".__add__))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        address = parse_ssh_address(text)
    except Refused:
        return
    assert address is None or not (address.target.startswith("-") or address.path.startswith("-"))


def test_the_address_for_dvc_is_not_encoded() -> None:
    assert SshAddress("::1", "x", "ana", 22).url("/a b/c") == "ssh://ana@[::1]:22/a b/c"
    assert SshAddress("box", "x").url("/c") == "ssh://box/c"


def test_a_script_sees_its_arguments_as_they_are(sshd: SshServer, tmp_path: Path) -> None:
    odd = ["it's", '"$HOME"', "a\nb", "$(touch x)", "", "--", "*"]
    said = run_ssh(SshAddress(sshd.host, "/", sshd.user, sshd.port), 'printf "%s|" "$@"; exit 3', *odd)
    assert (said.code, said.out) == (3, "".join(f"{word}|" for word in odd))
    assert said.reason == "it ended with 3"
