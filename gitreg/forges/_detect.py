"""Which forge an address belongs to, as far as the address, settings and variables tell: nobody is asked.

A host is known by its whole name, never by a part of it: github.com.example.org is not GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from gitreg.errors import Refused, Unsupported
from gitreg.forges import FORGES, HOSTS, LOCAL, forge_module

# Where ssh answers on the port of https.
_SAME_HOST = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}
_NOT_YET = {"bitbucket.org": "Bitbucket", "dev.azure.com": "Azure DevOps", "ssh.dev.azure.com": "Azure DevOps"}
_SCP = re.compile(r"(?:([^@:/\s]+)@)?(\[[^\[\]@/\s]+\]|[^:/@\[\]\s]+):(?!:)(.+)")
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_PATH = re.compile(r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.~+-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.~+-]+)*")
_API_PART = re.compile(r"/api(?:/v?\d+)?/?$")


@dataclass(frozen=True)
class Site:
    """What an address names: `host` with the port of its web pages (that of ssh is not), `path` of the repository.

    `scheme` is http, https or ssh.
    """

    scheme: str
    host: str
    path: str


@dataclass(frozen=True)
class Detected:
    """A forge (or LOCAL), the host of its pages, where its API is, the repository's path there, how it was found."""

    kind: str
    host: str
    base: str
    path: str
    how: str


def parse_site(address: str) -> Site | None:
    """The host and path in an address of Git; None of a folder, or of what no forge could be at.

    Refused where it has no host, or one that could be taken for something else.
    """
    if "://" not in address:
        found = _SCP.fullmatch(address)
        if not found or address.startswith(("/", ".", "~")):
            return None
        return _site("ssh", found[2], found[3], address)
    try:
        parts = urlsplit(address)
        name, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused(f"bad address {_shown(address)}: {error}", "git remote -v") from None
    if parts.scheme not in {"http", "https", "ssh", "git+ssh", "ssh+git"}:
        return None
    name = f"[{name}]" if ":" in name else name
    if parts.scheme not in {"http", "https"}:
        return _site("ssh", name, parts.path, address)
    usual = 443 if parts.scheme == "https" else 80
    return _site(parts.scheme, f"{name}:{port}" if port and port != usual else name, parts.path, address)


def _site(scheme: str, host: str, path: str, address: str) -> Site:
    host = host.lower().rstrip(".")
    if not _NAME.fullmatch(host):
        raise Refused(f"bad host in the address {_shown(address)}", "git remote -v")
    trimmed = unquote(path).strip("/")
    return Site(scheme, _SAME_HOST.get(host, host), trimmed.removesuffix(".git"))


def _shown(address: str) -> str:
    from gitreg.stores.git import without_credentials

    return repr(without_credentials(address))


def stated(site: Site | None, settings: Mapping[str, str]) -> Detected | None:
    """What gitreg.forge and gitreg.forgeUrl say; None where neither is set."""
    kind, url = settings.get("gitreg.forge", "").strip(), settings.get("gitreg.forgeurl", "").strip().rstrip("/")
    if kind == LOCAL:
        return Detected(LOCAL, "", "", "", "git config gitreg.forge")
    if not kind and not url:
        return None
    if not kind:
        kind = HOSTS.get(site.host, "") if site else ""
        if not kind:
            raise Refused(
                "gitreg.forgeUrl is set and gitreg.forge is not", f"git config gitreg.forge {'|'.join(FORGES)}"
            )
    module = forge_module(kind)
    if site is None:
        raise Refused(f"gitreg.forge is {kind}, but the origin is a folder", "git config --unset gitreg.forge")
    if url and not re.match(r"https?://[^/@]+(?:/|$)", url):
        raise Refused(f"gitreg.forgeUrl is {url!r}", f"such as {module.api_base('forge.example.org')}")
    return found_at(site, kind, "git config gitreg.forge", url)


def known(site: Site) -> Detected | None:
    """The forge of a host that everybody knows. Unsupported for one that gitreg does not speak with."""
    if site.host in _NOT_YET:
        hint = f"git config gitreg.forge {LOCAL} keeps pull requests in Git, if {site.host} takes such refs"
        raise Unsupported(f"gitreg cannot open pull requests on {_NOT_YET[site.host]} yet", hint)
    kind = "github" if site.host.endswith(".ghe.com") else HOSTS.get(site.host)
    return found_at(replace(site, scheme="https"), kind, "a known host") if kind else None


def told_by_ci(site: Site, env: Mapping[str, str]) -> Detected | None:
    """The forge whose job this is, if that is where the origin is too."""
    server, api = env.get("GITHUB_SERVER_URL", ""), env.get("GITHUB_API_URL", "")
    if _is_host(server, site):
        ours = "true" in (env.get("GITEA_ACTIONS"), env.get("FORGEJO_ACTIONS"))
        kind = "gitea" if ours or "/api/v1" in api else "github"
        return found_at(site, kind, "GITHUB_SERVER_URL", api if _is_host(api, site) else "")
    for variable in ("GITEA_SERVER_URL", "FORGEJO_SERVER_URL"):
        if _is_host(env.get(variable, ""), site):
            return found_at(site, "gitea", variable)
    server, api = (
        env.get("CI_SERVER_URL", "") or f"https://{env.get('CI_SERVER_HOST', '')}",
        env.get("CI_API_V4_URL", ""),
    )
    if env.get("GITLAB_CI") and _is_host(server, site):
        return found_at(site, "gitlab", "CI_SERVER_HOST", api if _is_host(api, site) else "")
    return None


def found_at(site: Site, kind: str, how: str, base: str = "") -> Detected:
    """The forge `kind` at a site; its API is at `base`, else where such a forge has it."""
    base = (base or _base(kind, site)).rstrip("/")
    path = _below(base, site.path)
    if not _PATH.fullmatch(path) or (kind != "pagure" and "/" not in path):
        raise Refused(f"{site.host}/{site.path} is no repository of {kind}", "git remote -v: is that its address?")
    return Detected(kind, site.host, base, path, how)


def _base(kind: str, site: Site) -> str:
    usual = forge_module(kind).api_base(site.host)
    return usual.replace("https://", "http://", 1) if site.scheme == "http" else usual


def _below(base: str, path: str) -> str:
    """The path of a repository on a forge that lies in a folder of its host, as its API does."""
    folder = _API_PART.sub("", urlsplit(base).path).strip("/")
    return path.removeprefix(f"{folder}/") if folder else path


def _is_host(url: str, site: Site) -> bool:
    """Whether `url` is on the host of `site`; the port is that of web pages, which ssh does not tell."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not name:
        return False
    name = f"[{name}]" if ":" in name else name
    usual = 443 if parts.scheme == "https" else 80
    full = f"{name}:{port}" if port and port != usual else name
    return name == site.host if site.scheme == "ssh" else full == site.host
