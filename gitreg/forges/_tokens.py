"""The token for a forge: from the environment, or from git's credential helper; for exactly that host."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from gitreg.errors import Refused
from gitreg.forges._answers import Token
from gitreg.forges._detect import Detected
from gitreg.stores.git import Repository, environment
from gitreg.stores.git.credentials import TOKEN, token_server
from gitreg.stores.git.program import guarded, read_git

# Kind -> the variables that hold a token, and those that tell for which host it is, beside the known one.
_VARIABLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "github": (("GITHUB_TOKEN", "GH_TOKEN"), ("GITHUB_SERVER_URL", "GH_HOST")),
    "gitlab": (("GITLAB_TOKEN",), ("GITLAB_HOST", "CI_SERVER_URL", "CI_SERVER_HOST")),
    "gitea": (("GITEA_TOKEN", "FORGEJO_TOKEN"), ("GITEA_SERVER_URL", "FORGEJO_SERVER_URL", "GITHUB_SERVER_URL")),
    "pagure": (("PAGURE_TOKEN",), ("PAGURE_URL",)),
}
_USUAL_HOST = {"github": "github.com", "gitlab": "gitlab.com", "pagure": "pagure.io"}


def find_token(forge: Detected, git: Repository) -> Token | None:
    """The token that `forge` is sent, None where there is none or it would travel in the clear.

    GITREG_TOKEN is for the origin, whichever it is. The variables of other tools are for the host that they are known
    to be of: the public one, the one that CI or the tool's own variable names, or the one that gitreg.forgeUrl states.
    """
    if not token_server(forge.base):
        return None
    if secret := _line(TOKEN):
        return Token(secret, TOKEN)
    variables, hosts = _VARIABLES[forge.kind]
    if _is_for(forge, hosts, git):
        for variable in variables:
            if secret := _line(variable):
                return Token(secret, variable)
    return _from_helper(forge, git)


def _is_for(forge: Detected, hosts: tuple[str, ...], git: Repository) -> bool:
    meant = {_host_of(os.environ.get(variable, "")) for variable in hosts} - {""}
    meant = meant or {_USUAL_HOST.get(forge.kind, "")}
    return forge.host in meant or bool(git.config("gitreg.forgeurl"))


def _host_of(text: str) -> str:
    try:
        return urlsplit(text if "://" in text else f"https://{text}").netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _line(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value.isprintable() or not value.isascii() or " " in value:
        raise Refused(f"{variable} holds something that is no token", f"export {variable} as one line, without spaces")
    return value


def _from_helper(forge: Detected, git: Repository) -> Token | None:
    """What git would send there, without asking anybody for it."""
    server = token_server(forge.base)
    scheme = server.partition("://")[0]
    asked = f"protocol={scheme}\nhost={forge.host}\npath={forge.path}.git\n\n"
    quiet = environment(GIT_ASKPASS="", SSH_ASKPASS="", GCM_INTERACTIVE="never")
    argv = ["--git-dir", str(git.git_dir), *guarded(["credential", "fill"])]
    answer = read_git(argv, asked.encode(), env=quiet)
    if answer.code:
        return None
    found = dict(line.split("=", 1) for line in answer.out.decode(errors="replace").splitlines() if "=" in line)
    secret = found.get("password", "")
    return Token(secret, "git's credential helper") if secret and secret.isprintable() and secret.isascii() else None
