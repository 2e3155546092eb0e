"""Asking a Git server for the names of some refs only: git's own `ls-remote` receives those of all refs first.

This is the command ls-refs of git's protocol 2, spoken over what git itself would start. A server of an older
protocol tells all its refs, and those that were asked for are kept.
"""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from gitreg.errors import Unsupported
from gitreg.stores.git.credentials import travelling
from gitreg.stores.git.program import Answer, environment, guarded, passing
from gitreg.stores.ssh import parse_ssh_address

if TYPE_CHECKING:
    from gitreg.stores.git.repository import Repository

_PAUSES = (0.5, 1.5, 4.5)  # seconds, before a server that stumbled is asked again
_STATELESS = b"stateless-connect git-upload-pack\n"


def names_at(repository: Repository, remote: str, *prefixes: str) -> dict[str, str] | None:
    """The refs of a remote whose full names begin with one of `prefixes`, with their objects.

    None where only git itself can ask there. Unreachable where nobody answers.
    """
    told = _ask(repository, remote, prefixes)
    return None if told is None else {name: oid for name, oid in told.items() if name.startswith(prefixes)}


def _ask(repository: Repository, remote: str, prefixes: Sequence[str]) -> dict[str, str] | None:
    address = repository.url(remote)
    more = travelling(address, repository.settings)
    found = _transport(repository, remote, address, more.get("GIT_SSH_COMMAND", ""))
    if found is None:
        return None
    argv, head = found
    asked = head + _lines(["command=ls-refs"]) + b"0001" + _lines(f"ref-prefix {prefix}" for prefix in prefixes)
    env = environment(**more, GIT_PROTOCOL="version=2")
    answer = _run(argv, asked + b"0000", env)
    for pause in _PAUSES:
        if not passing(answer) or _parse(answer.out.removeprefix(head and b"\n")) is not None:
            break
        time.sleep(random.uniform(pause / 2, pause))
        answer = _run(argv, asked + b"0000", env)
    if answer.out.startswith(b"fallback"):  # an older protocol, over HTTP
        return None
    told = _parse(answer.out.removeprefix(head and b"\n"))
    if told is None:
        raise repository.away(Answer(answer.code or 128, b"", answer.err), remote, "reach")
    return told


def _transport(repository: Repository, remote: str, address: str, shell: str) -> tuple[list[str], bytes] | None:
    """The program that speaks to the server, and what it is told before the server is; `shell` is OpenSSH's command."""
    if address.startswith(("http://", "https://")):
        helper = f"remote-{address.partition(':')[0]}"
        return ["git", "--git-dir", str(repository.git_dir), *guarded([helper, remote, address])], _STATELESS
    if ssh := parse_ssh_address(address):
        port = ["-p", str(ssh.port)] if ssh.port else []
        words = ["-o", "SendEnv=GIT_PROTOCOL", *port, ssh.target, f"git-upload-pack {_quoted(ssh.path)}"]
        return (["sh", "-c", f'{shell} "$@"', shell, *words], b"") if shell else None
    folder = address.removeprefix("file://")
    return None if ":/" in folder or "::" in folder else (["git", *guarded(["upload-pack", "--", folder])], b"")


def _quoted(path: str) -> str:
    """The path as the other side's shell takes it; a home folder that leads stays one."""
    home, slash, rest = path.partition("/")
    return f"{home}{slash}{shlex.quote(rest)}" if home.startswith("~") else shlex.quote(path)


def _run(argv: Sequence[str], asked: bytes, env: Mapping[str, str]) -> Answer:
    pipe = subprocess.PIPE
    try:
        running = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env)
    except FileNotFoundError:
        raise Unsupported(f"{argv[0]} is not installed", "apt install git openssh-client") from None
    assert running.stdin and running.stdout
    first = b""
    if asked.startswith(_STATELESS):
        # git's helper reads ahead: what it is to send on must not be there before it says that it listens.
        with contextlib.suppress(BrokenPipeError):
            running.stdin.write(_STATELESS)
            running.stdin.flush()
        first = os.read(running.stdout.fileno(), 1)
    out, err = running.communicate(asked.removeprefix(_STATELESS))
    return Answer(running.returncode, first + out, err.decode(errors="replace").strip())


def _lines(texts: Sequence[str] | Iterator[str]) -> bytes:
    return b"".join(b"%04x%s\n" % (len(text.encode()) + 5, text.encode()) for text in texts)


def _parse(out: bytes) -> dict[str, str] | None:
    """The refs that the server told of; None where it did not end."""
    sections = _sections(out)
    if not sections:
        return None
    if sections[0][:1] != ["version 2"]:
        return _refs(line.partition("\0")[0] for line in sections[0] if not line.startswith(("version ", "shallow ")))
    return _refs(sections[1]) if len(sections) > 1 else None


def _refs(lines: Iterator[str] | Sequence[str]) -> dict[str, str]:
    found = (line.split(" ") for line in lines)
    return {words[1]: words[0] for words in found if len(words) > 1 and not words[1].endswith("^{}")}


def _sections(out: bytes) -> list[list[str]]:
    """The lines of each part that was told to its end."""
    found: list[list[str]] = []
    lines: list[str] = []
    at = 0
    while at + 4 <= len(out):
        try:
            length = int(out[at : at + 4], 16)
        except ValueError:
            break
        if length == 0:
            found.append(lines)
            lines = []
        elif length > 4:
            if at + length > len(out) or out[at + 4 : at + 8] == b"ERR ":
                break
            lines.append(out[at + 4 : at + length].decode(errors="replace").rstrip("\n"))
        at += max(length, 4)
    return found
