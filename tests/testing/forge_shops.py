"""Stub forges, each with a repository, a clone of it and people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from gitreg.forges import Forge, forge_module
from gitreg.forges._http import Api, Token
from testing import forge_stub_gitea, forge_stub_github, forge_stub_gitlab
from testing.forge_contract import Shop
from testing.forge_stub import StubForge, serving_forge
from testing.gitcli import git

DIALECTS: dict[str, ModuleType] = {
    module.NAME: module for module in (forge_stub_github, forge_stub_gitlab, forge_stub_gitea)
}
PATH = "team/models"


def forge_as(stub: StubForge, login: str, path: str = PATH) -> Forge:
    """What somebody sees of a repository of a stub."""
    module = forge_module(stub.dialect.NAME)
    token = Token(stub.accounts[login].token, "a test")
    api = Api(module.NAME, f"{stub.address}{stub.dialect.PREFIX}", token, module.HEADER, module.PAGE_SIZE)
    return module.connect(api, path)


@contextlib.contextmanager
def stub_shop(dialect: str, folder: Path) -> Iterator[tuple[StubForge, Shop]]:
    """A stub forge with the repository team/models, whose main holds one file; and ana's clone of it."""
    (folder / "forge").mkdir()
    with serving_forge(DIALECTS[dialect], folder / "forge") as stub:
        for login in ("ana", "bo", "cy"):
            stub.admit(login)
        stub.admit("eve", "read")
        stub.admit("root", "admin")
        repo = stub.create(PATH)
        work = folder / "work"
        git(folder, "init", "-q", "-b", "main", work)
        (work / "README").write_text("models\n")
        git(work, "add", ".")
        git(work, "commit", "-q", "-m", "one")
        git(work, "remote", "add", "origin", stub.url(login="ana"))
        git(work, "push", "-q", "-u", "origin", "main")
        yield stub, Shop(work, repo.folder, lambda login: forge_as(stub, login))
