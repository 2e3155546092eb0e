"""The JSON API of a forge: one host, one token that no other host sees, and errors in gitreg's words."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from gitreg.errors import Conflict, GitregError, NotFound, Refused, Unreachable
from gitreg.forges._answers import Answer, Token, error_of, origin_of, reason_of
from gitreg.stores.git.credentials import timeout, token_server

if TYPE_CHECKING:
    import requests

__all__ = ["Api", "Json", "Token"]

Json = dict[str, object]

_TRIES = 4
_PATIENCE = 15.0  # seconds, all waiting together
_LARGEST = 16 << 20  # bytes of one answer
_PAGE = 100
_MOST_PAGES = 1000
_NO_PATH = re.compile(r"(?:^|/)\.{1,2}(?:/|$)|[?#\\\x00-\x20\x7f]")  # it would be another path, or a query
_SAFE = frozenset({"GET", "HEAD"})


class _Untrusted(Unreachable):
    """Not the server that it says it is, as far as is known here: asking again does not help."""


@dataclass(frozen=True)
class Api:
    """Requests below `base`; `header` is how this forge wants its token: a header's name, and its value as a format.

    `page_size` names what asks for a longer page; `authorities` is a file of certificates, "" for the usual ones.
    Refused where a token would travel over plain http to another machine.
    """

    forge: str
    base: str
    token: Token | None
    header: tuple[str, str]
    page_size: str = "per_page"
    authorities: str = ""

    def __post_init__(self) -> None:
        if self.token and not token_server(self.base):
            raise Refused(f"{self.token.source} is not sent to {self.host} over plain http", "use its https address")

    @property
    def host(self) -> str:
        """Who is asked, with the port where it is not the usual one."""
        return urlsplit(self.base).netloc.rpartition("@")[2]

    def get(self, path: str, **query: object) -> object:
        """The JSON at `path`, relative to the base (or an address that a forge gave, on this host)."""
        return self.call("GET", path, query=query)

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: Mapping[str, object] | None = None,
        *,
        form: bool = False,
    ) -> object:
        """What the forge answers, None for nothing. `body` travels as JSON, or as a form; a None in `query` is left
        out.

        Refused (401, 403), NotFound (404), Conflict (any other 4xx), Unreachable (the rest).
        """
        return self._answer(method, path, body, query or {}, form).value(self.host, self.forge)

    def pages(self, path: str, **query: object) -> Iterator[Json]:
        """Every object of a list that comes in pages."""
        url, asked, seen = path, {**query, self.page_size: _PAGE}, 0
        while url:
            answer = self._answer("GET", url, None, asked, False)
            yield from answer.listed(self.host, self.forge)
            url, asked, seen = answer.next_page, {}, seen + 1
            if seen == _MOST_PAGES:
                raise Unreachable(f"{self.host} has no end of {path}", "is this its address?")

    def listed(self, path: str, **query: object) -> list[Json]:
        """Every object of a list that comes whole."""
        return self._answer("GET", path, None, query, False).listed(self.host, self.forge)

    def _answer(self, method: str, path: str, body: Json | None, query: Mapping[str, object], form: bool) -> Answer:
        if "://" not in path and _NO_PATH.search(path):
            raise NotFound(f"{self.host} has nothing at {path!r}", "a pull request is named by its number")
        url = path if "://" in path else urljoin(self.base.rstrip("/") + "/", path.lstrip("/"))
        asked = {key: _spelled(value) for key, value in query.items() if value is not None}
        until = time.monotonic() + _PATIENCE
        for attempt in range(_TRIES):
            self._check(url)
            try:
                answer = self._send(method, url, body, asked, form)
            except Unreachable as error:
                found: GitregError = error
                again, waited = method in _SAFE and not isinstance(error, _Untrusted), 0.0
            else:
                if answer.location:
                    url, asked = self._moved(method, url, answer.location), {}
                    found = Unreachable(f"{self.host} sends gitreg in circles", "is this its address?")
                    continue
                if answer.code < 400:
                    return answer
                found = error_of(answer, self.host, self.token)
                # What a server was too busy to begin may be asked again; whether it finished is not always known.
                again = answer.limited or (answer.code >= 500 and (method in _SAFE or "retry-after" in answer.headers))
                waited = answer.retry_after
            pause = max(waited, random.uniform(0.25, 0.5) * 2**attempt)
            if not again or attempt == _TRIES - 1 or time.monotonic() + pause > until:
                break
            time.sleep(pause)
        raise found

    def _check(self, url: str) -> None:
        """The token, and what is proposed, are for one server."""
        if origin_of(url) != origin_of(self.base):
            there = urlsplit(url).netloc.rpartition("@")[2]
            raise Refused(
                f"{self.host} points to another host, {there}: nothing was sent there",
                f"if it is {there} now: git remote set-url, or git config gitreg.forgeUrl",
            )

    def _moved(self, method: str, url: str, location: str) -> str:
        there = urljoin(url, location)
        self._check(there)
        if method not in _SAFE:
            raise Conflict(
                f"{self.host} says that {urlsplit(url).path} has moved: nothing was changed",
                "git remote set-url to where the repository is now",
            )
        return there

    def _send(self, method: str, url: str, body: Json | None, query: Mapping[str, str], form: bool) -> Answer:
        """Ask once. Unreachable where nobody answers in time."""
        import requests

        seconds = timeout()
        sent = {"data" if form else "json": body} if body is not None else {}
        until = time.monotonic() + 4 * seconds
        try:
            with requests.request(
                method, url, params=query, headers={"Accept": "application/json", "User-Agent": "gitreg"},
                auth=self._sign, timeout=seconds, allow_redirects=False, stream=True,
                verify=self.authorities or True, **sent,  # type: ignore[arg-type]  # either json= or data=
            ) as answer:  # fmt: skip
                content = b""
                for part in answer.iter_content(1 << 16):
                    content += part
                    if len(content) > _LARGEST or time.monotonic() > until:
                        raise Unreachable(f"{self.host} does not end its answer", "is this its address?")
                location = answer.headers.get("location", "") if answer.status_code in range(300, 400) else ""
                following = str(answer.links.get("next", {}).get("url", ""))
                headers = {key.lower(): value for key, value in answer.headers.items()}
                return Answer(
                    answer.status_code, headers, content, location, urljoin(url, following) if following else ""
                )
        except (requests.RequestException, OSError) as error:
            raise _silent(self.host, error) from None

    def _sign(self, asked: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token in. A function is what keeps requests from sending what ~/.netrc has for this host."""
        if self.token:
            asked.headers[self.header[0]] = self.header[1].format(self.token.secret)
        return asked


def _spelled(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _silent(host: str, error: Exception) -> Unreachable:
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return _Untrusted(f"{host} has a certificate that is not trusted here", "git config http.sslCAInfo FILE")
    if isinstance(error, requests.Timeout):
        return Unreachable(f"{host} does not answer in time", "try again, or set GITREG_TIMEOUT to more seconds")
    return Unreachable(f"{host} does not answer: {reason_of(error)}", "check the address, then try again")
