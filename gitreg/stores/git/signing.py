"""Commits signed by their author's key, and whose key signed a commit.

What a key may do is not told here, so no list of signers is read. Nothing of the repository's settings counts when
a signature is looked at: it may be anybody's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gitreg.errors import GitregError, Refused
from gitreg.stores.git.writing import Writing

__all__ = ["Signature", "signatures_of", "signs", "write_tree_commit"]

_ALONE = (
    "gpg.program=gpg", "gpg.openpgp.program=gpg", "gpg.ssh.program=ssh-keygen", "gpg.x509.program=false",
    "gpg.ssh.allowedSignersFile=/dev/null", "gpg.ssh.revocationFile=", "gpg.minTrustLevel=undefined",
    "log.showSignature=false",
)  # fmt: skip
_GOOD = {"G", "U"}
_BROKEN = {
    "B": "the signature is not one of this text", "E": "the signature's key is not known here",
    "X": "the signature has expired", "Y": "the signature's key has expired", "R": "the signature's key was revoked",
}  # fmt: skip


@dataclass(frozen=True)
class Signature:
    """Whose key signed: `key` is its fingerprint, "" where nothing is signed or `broken` tells what is wrong."""

    key: str = ""
    broken: str = ""


def signs(git: Writing) -> bool:
    """Whether whoever writes has a key to sign with."""
    return bool(git.config("user.signingkey"))


def write_tree_commit(git: Writing, tree: str, parents: Iterable[str], message: str, author: str, when: int) -> str:
    """A commit of a tree that is there, signed where git's user.signingkey names a key; its id. No ref is changed.

    `author` is `Name <email>` and committer too, `when` is in seconds since 1970. Refused where the key cannot sign.
    """
    name, _, email = author.removesuffix(">").rpartition(" <")
    env = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", email), ("DATE", f"{when} +0000"))
    }
    before = [word for parent in parents for word in ("-p", parent)]
    how = ["-S"] if signs(git) else []
    if how and git.config("gpg.format") not in {"", "openpgp", "ssh"}:
        raise Refused(f"git is set to sign with {git.config('gpg.format')}", "git config gpg.format ssh")
    try:
        out = git.write("commit-tree", *how, *before, tree, data=message.encode(), what="cannot sign" if how else
                        "cannot write a commit", env=env)  # fmt: skip
    except GitregError as error:
        if not how:
            raise
        raise Refused(f"{error.message} with the key {git.config('user.signingkey')[:100]}",
                      "git config user.signingkey and gpg.format name the key; unset the first to sign nothing"
                      ) from None  # fmt: skip
    return out.decode().strip()


def signatures_of(git: Writing, commits: Iterable[str]) -> dict[str, Signature]:
    """Whose keys signed commits, by their ids; the keys' owners are not looked for."""
    asked = list(commits)
    if not asked:
        return {}
    settings = [word for setting in _ALONE for word in ("-c", setting)]
    answer = git.read(*settings, "log", "--no-walk=unsorted", "--stdin", "--format=%H %G? %GP %GF",
                      data="".join(f"{commit}\n" for commit in asked).encode())  # fmt: skip
    if answer.code:
        raise GitregError(f"git cannot look at signatures: {answer.err.splitlines()[-1] if answer.err else ''}")
    found: dict[str, Signature] = {}
    for line in answer.out.decode(errors="replace").splitlines():
        commit, state, *keys = line.split()
        if state == "N":
            found[commit] = Signature()
        elif state in _GOOD and keys:
            found[commit] = Signature(key=keys[0])  # of OpenPGP the primary key's, which is what people publish
        else:
            found[commit] = Signature(broken=_BROKEN.get(state, "the signature cannot be read"))
    return {commit: found.get(commit, Signature(broken="the signature cannot be read")) for commit in asked}
