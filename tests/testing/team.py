"""People who share a registry in bare Git: a clone each, with an identity and, where wanted, a signing key."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from gitreg.forges.local import LocalForge
from gitreg.registry.place import Registry, open_registry
from testing.gitcli import git
from testing.registries import Place, cloned, log


@dataclass(frozen=True)
class Member:
    """Somebody's clone of the registry, and the address they commit as."""

    place: Place
    email: str

    @property
    def path(self) -> Path:
        """Where the clone lies."""
        return self.place.path

    @property
    def registry(self) -> Registry:
        """The clone, freshly opened."""
        return open_registry(self.path)

    @property
    def forge(self) -> LocalForge:
        """The pull requests, as they are from here."""
        return LocalForge(self.registry.git, "origin", "main")

    def offline(self) -> LocalForge:
        """The pull requests, as they are where the origin is not asked."""
        return LocalForge(self.registry.git, "origin", "main", offline=True)

    def branch(self, name: str, file: str = "notes.txt", text: str = "text\n", *, push: bool = True) -> str:
        """A branch with one changed file on top of the origin's main, pushed; its commit."""
        here = self.path
        git(here, "fetch", "-q", "origin", "main")
        git(here, "checkout", "-q", "-B", name, "FETCH_HEAD")
        (here / file).parent.mkdir(parents=True, exist_ok=True)
        (here / file).write_text(text)
        git(here, "add", file)
        git(here, "commit", "-q", "-m", f"change {file}")
        commit = git(here, "rev-parse", "HEAD")
        if push:
            git(here, "push", "-q", "-f", "origin", name)
        git(here, "checkout", "-q", "main")
        return commit

    def signs(self, folder: Path) -> str:
        """Have a key of ssh and sign with it from now on; the public key."""
        return use_key(self.path, folder / self.email)


def use_key(path: Path, key: Path) -> str:
    """Let the repository at `path` sign with a new key of ssh; the public key."""
    make_key(key)
    public = key.with_name(f"{key.name}.pub")
    git(path, "config", "gpg.format", "ssh")
    git(path, "config", "user.signingkey", public)
    return public.read_text().strip()


def make_key(key: Path) -> None:
    """A key of ssh without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key.name, "-f", key], check=True)


def member(place: Place, name: str, email: str) -> Member:
    """Whoever works in that clone."""
    git(place.path, "config", "user.name", name)
    git(place.path, "config", "user.email", email)
    return Member(place, email)


def team(folder: Path, settings: str = "format: 1\n") -> tuple[Member, Member]:
    """Ana, who made the registry, and Bo, with a clone each."""
    place = cloned(folder / "ana", settings=settings)
    other = place.clone(folder / "bo")
    return member(place, "Ana", "ana@example.org"), member(other, "Bo", "bo@example.org")


def version(who: Member, factor: float = 2.0, model: str = "churn") -> None:
    """Log a model and register it."""
    log(factor, model, registry=who.path)
