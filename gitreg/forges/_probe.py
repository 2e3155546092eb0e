"""Asking a host which forge it is. It is told nothing: no token, no name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from gitreg.errors import Unreachable
from gitreg.forges import FORGES, LOCAL
from gitreg.forges._answers import reason_of, root_of
from gitreg.forges._detect import Site

if TYPE_CHECKING:
    import requests

_SECONDS = 5
_MOST = 1 << 16  # bytes
Told = dict[str, object]


def _gitea(code: int, told: Told) -> bool:
    if code == 200:
        return isinstance(told.get("version"), str)
    # One that wants everybody to log in names its own description.
    return code in {401, 403} and str(told.get("url", "")).endswith("/api/swagger")


def _gitlab(code: int, told: Told) -> bool:
    return isinstance(told.get("version"), str) if code == 200 else told.get("message") == "401 Unauthorized"


def _github(code: int, told: Told) -> bool:
    return "installed_version" in told if code == 200 else code == 401 and "documentation_url" in told


def _pagure(code: int, told: Told) -> bool:
    return code == 200 and isinstance(told.get("version"), str)


_QUESTIONS: tuple[tuple[str, str, Callable[[int, Told], bool]], ...] = (
    ("gitea", "/api/v1/version", _gitea),
    ("gitlab", "/api/v4/version", _gitlab),
    ("github", "/api/v3/meta", _github),
    ("pagure", "/api/0/version", _pagure),
)


def probe(site: Site, authorities: str = "") -> str:
    """The kind of forge at a host, LOCAL of one that is none or that has no web pages.

    `authorities` is a file of certificates, "" for the usual ones.

    Unreachable where it does not answer in time: it may be a forge that is away.
    """
    scheme = "http" if site.scheme == "http" else "https"
    for kind, path, fits in _QUESTIONS:
        answer = _ask(f"{scheme}://{site.host}{path}", site.host, authorities)
        if answer is None:
            return LOCAL
        if fits(*answer):
            return kind
    return LOCAL


def _ask(url: str, host: str, authorities: str) -> tuple[int, Told] | None:
    """The status and the JSON object of an answer; None where nobody takes connections."""
    import requests

    try:
        with requests.get(
            url, headers={"Accept": "application/json", "User-Agent": "gitreg"}, auth=_nobody, timeout=_SECONDS,
            allow_redirects=False, stream=True, verify=authorities or True,
        ) as answer:  # fmt: skip
            content = next(answer.iter_content(_MOST), b"")
            code = answer.status_code
    except (requests.RequestException, OSError) as error:
        if isinstance(root_of(error), ConnectionRefusedError):
            return None
        raise Unreachable(
            f"{host} does not say whether it is a forge: {reason_of(error)}",
            f"git config gitreg.forge {LOCAL}, if its pull requests are kept in Git; else {'|'.join(FORGES)}",
        ) from None
    if code >= 500:
        raise Unreachable(f"{host} answers {code}", "try again later, or git config gitreg.forge KIND")
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    return code, told if isinstance(told, dict) else {}


def _nobody(asked: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from sending what ~/.netrc has for this host."""
    return asked
